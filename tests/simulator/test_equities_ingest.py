"""Simulated files of a share through the readers: what is kept, set aside and flagged."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from spymaster_lake.ingest.job import IngestRequest, ingest
from spymaster_lake.ingest.summary import IngestSummary
from spymaster_lake.lake.instruments import load_profiles
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.simulator import VENDORS, SessionReport, simulate

CONF = Path(__file__).parents[2] / "conf"
DAY = date(2025, 12, 2)
REASONS = {
    "undefined_price": "UNDEFINED_PRICE",
    "zero_price": "NON_POSITIVE_PRICE",
    "zero_size": "BAD_SIZE",
    "bad_size": "BAD_SIZE",
    "implausible_price": "IMPLAUSIBLE_PRICE",
    "off_hours": "OUTSIDE_SESSION",
    "adjusted": "ADJUSTED_OPTION",
    "canceled": "DELETED",
}
"""Reason of the ingest by what the simulator calls it."""


@pytest.fixture(scope="module")
def ingested(tmp_path_factory) -> tuple[SessionReport, dict[str, IngestSummary]]:
    """One small session: what was simulated, and what the ingest says of it, by product."""
    root = str(tmp_path_factory.mktemp("lake"))
    profiles, paths = load_profiles(CONF), LakePathResolver(root)
    share, vendor = profiles["tsla"], VENDORS["equities"]
    folders = [paths.raw_dir("tsla", product, vendor) for product in ("equities", "options")]
    report = simulate(
        *folders, share, SessionCalendar(share.calendar),
        start=DAY, sessions=1, size="tiny", seed=5, processes=1,
    )  # fmt: skip
    summaries = {
        product: ingest(None, IngestRequest(root, "tsla", product, vendor), profiles)
        for product in ("equities", "options")
    }
    return report.sessions[0], summaries


def _expected(session: SessionReport, kind: str) -> Counter[str]:
    """Quarantined rows by reason, from the simulator's own count."""
    wanted: Counter[str] = Counter()
    for name, n in session.faults.items():
        where, _, what = name.partition("/")
        if where == kind and what == "negative_price":
            wanted["NON_POSITIVE_PRICE" if kind == "trades" else "NEGATIVE_PRICE"] += n
        elif where == kind:
            wanted[REASONS[what]] += n
    return wanted


@pytest.mark.parametrize(
    ("product", "schema", "kind"),
    [
        ("equities", "trades of TSLA", "trades"),
        ("equities", "quotes of TSLA", "quotes"),
        ("options", "option trades", "options"),
    ],
)
def test_ingest__quarantine(ingested, product, schema, kind):
    """Every malformed row is set aside with its reason, and nothing else is."""
    session, summaries = ingested
    (file,) = [f for f in summaries[product].files if f.schema == schema]
    assert not file.error
    assert file.quarantined == _expected(session, kind)
    assert sum(file.quarantined.values()) in (4, 6)
    assert file.rows_in == session.files[file.path]
    assert file.rows_out == file.rows_in - sum(file.quarantined.values())


def test_ingest__prints_flagged(ingested):
    """Sub-penny, off-quote and corrected prints stay, flagged; odd lots are volume only."""
    session, summaries = ingested
    (file,) = [f for f in summaries["equities"].files if f.schema.startswith("trades")]
    excluded = file.facts["price_exclusions"]
    assert excluded["OFF_GRID"] == session.faults["flagged trades/sub_tick"]
    assert excluded["OFF_QUOTE"] == session.faults["flagged trades/off_quote"] == 1
    assert excluded["CORRECTION"] == session.faults["flagged trades/correction"] == 1
    assert file.facts["unknown_conditions"] == {"99": 1}
    kept = file.rows_out
    assert 0.65 < file.facts["counts_for_price"] / kept < 0.85
    assert kept - 6 <= file.facts["counts_for_volume"] < kept
    assert file.facts["aggressor_source"]["quote"] / kept > 0.9


def test_ingest__quotes_usable(ingested):
    """The quotes are read as national bests; crossed and one-sided for a millisecond at most."""
    _, summaries = ingested
    (file,) = [f for f in summaries["equities"].files if f.schema.startswith("quotes")]
    facts = file.facts
    assert facts["quote_rows"] == "national"
    assert facts["stub_quotes"] == 2
    assert facts["crossed_seconds"] == pytest.approx(0.001)
    assert facts["one_sided_seconds"] == pytest.approx(0.001)


def test_ingest__warns_of_unknown_conditions_only(ingested):
    """The one condition that no table holds is named in the warnings."""
    _, summaries = ingested
    warnings = [w for summary in summaries.values() for f in summary.files for w in f.warnings]
    assert len(warnings) == 1
    assert "99 (1 prints)" in warnings[0]
