"""The look-ahead proof of an instrument of another product: a share with options, one visible level.

The same stages, the same comparison, every column. Prints that count for volume only and rows that
are no states are part of the noise. Without twenty earlier sessions calibrated columns are null.
"""

from __future__ import annotations

from concurrent.futures import Executor
from datetime import date

import pytest

from spymaster_lake.ingest.job import IngestRequest, ingest
from spymaster_lake.lake.instruments import load_profiles
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.simulator import VENDORS, simulate
from tests.proof.comparison import CASES, Evidence
from tests.proof.futures_apart import KINDS, WholeSession, evidence_of
from tests.proof.harness import REPOSITORY, core_pipeline

INSTRUMENT, VERSION = "tsla", "1.0.0"
START = date(2025, 12, 8)
DAYS = (date(2025, 12, 11), date(2025, 12, 12))
"""The sessions after three of warm-up."""
PIPELINE = core_pipeline(INSTRUMENT, VERSION)


@pytest.fixture(scope="module")
def shares(tmp_path_factory: pytest.TempPathFactory) -> tuple[WholeSession, ...]:
    """Two whole sessions of a simulated share."""
    root = tmp_path_factory.mktemp("shares")
    profiles = load_profiles(REPOSITORY / "conf")
    profile, paths = profiles[INSTRUMENT], LakePathResolver(str(root))
    vendor = VENDORS[profile.product]
    simulate(
        *(paths.raw_dir(INSTRUMENT, product, vendor) for product in (profile.product, "options")),
        profile,
        PIPELINE.calendar,
        start=START,
        sessions=5,
        size="light",
        seed=4,
    )
    for product in (profile.product, "options"):
        ingest(None, IngestRequest(str(root), INSTRUMENT, product, vendor), profiles)
    whole = []
    for day in DAYS:
        bronze = PIPELINE.bronze(root, day)
        whole.append(WholeSession(day, bronze, PIPELINE.run(day, bronze.scans(), checked=True), {}))
    return tuple(whole)


@pytest.fixture(scope="module", params=KINDS)
def evidence(
    request: pytest.FixtureRequest, shares: tuple[WholeSession, ...], workers: Executor
) -> Evidence:
    """All comparisons of one kind of other future."""
    return evidence_of(shares, request.param, PIPELINE, workers=workers)


def test_shares__are_lively(shares: tuple[WholeSession, ...]) -> None:
    """Events, options that expire today, and prints that count for volume only occur."""
    for session in shares:
        (facts,) = session.tables["work/sessions"].to_pylist()
        assert facts["contract"] == "TSLA"
        assert facts["reference_price"] > 0
        assert facts["n_volume_only"] > 0
        assert session.tables["signals"].num_rows >= 8
        assert session.tables["work/option_trades_greeks"].column("gamma").null_count < 20
        assert session.tables["signals"].column("call_tide").null_count == 0


@pytest.mark.parametrize("dataset", sorted({dataset for dataset, _ in CASES}))
def test_look_ahead__of_a_share(evidence: Evidence, dataset: str) -> None:
    """No column of a table changes a bit at or before an instant, whatever happens from it on."""
    columns = [column for found, column in CASES if found == dataset]
    faults = {
        c: evidence.faults[dataset, c][:2] for c in columns if evidence.faults.get((dataset, c))
    }
    assert not faults
    assert all(evidence.compared[dataset, column] > 50 for column in columns)
    known = [column for column in columns if evidence.known[dataset, column]]
    assert len(known) > 0.6 * len(columns), sorted(set(columns) - set(known))
