"""Labels read nothing at or after their end, and are unbiased on a market without drift (08 A7, A8)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from spymaster_lake.contracts.enums import HORIZONS
from spymaster_lake.contracts.labels import LABELS
from spymaster_lake.contracts.table import Role
from spymaster_lake.features.arrays import NS
from spymaster_lake.stages.feature_engineering.label_outcomes import STAGE
from spymaster_lake.stages.spec import SessionInputs
from spymaster_lake.stages.tables import array_of, objects
from tests.proof.comparison import bits
from tests.proof.futures_apart import KINDS, WholeSession
from tests.proof.simulated_lake import SimulatedLake

SHARED = ("tau_ns", "x_tau", "rw_p_break", "tested", "resolved_before_anchor")
ENTRY_SHARED = ("entry_x0", "entry_rw_p_break")
OF_RACE = ("outcome", "t_break_s", "t_reject_s", "mfe_atr", "mae_atr")
_NOISE_ROWS, _NOISE_TICKS = 3_000, 200
_EVERY = 4


def _family(horizon: str) -> tuple[str, ...]:
    return (*(f"{name}_{horizon}" for name in OF_RACE), f"label_end_ns_{horizon}")


def _entry_family(horizon: str) -> tuple[str, ...]:
    return tuple(f"entry_{name}_{horizon}" for name in OF_RACE)


def _other_trades(trades: pa.Table, kind: str, t_ns: int, end_ns: int) -> pa.Table:
    """The prints before t; from t on none, or noise of which some lies exactly at t."""
    past = trades.filter(pa.array(array_of(trades, "ts_event_ns") < t_ns))
    if kind == "truncated":
        return past
    rng, n = np.random.default_rng(t_ns // NS), _NOISE_ROWS
    times = np.sort(rng.integers(t_ns, min(end_ns, t_ns + 900 * NS), n))
    times[:5] = t_ns
    last = past.column("price_ticks")[-1].as_py()
    noise = {
        "date": pa.repeat(past.column("date")[0], n),
        "row_in_session": pa.array(np.arange(n) + past.num_rows, pa.int32()),
        "ts_event_ns": pa.array(times),
        "price_ticks": pa.array(last + rng.integers(-_NOISE_TICKS, _NOISE_TICKS, n), pa.int32()),
        "size": pa.array(np.ones(n), pa.int32()),
        "aggressor": pa.array(np.zeros(n), pa.int8()),
    }
    return pa.concat_tables([past, pa.table(noise, schema=trades.schema)])


def _labels(lake: SimulatedLake, session: WholeSession, trades: pa.Table, row: int) -> pa.Table:
    tables = {"events": session.tables["work/events"].slice(row, 1), "trades": trades}
    clock = lake.pipeline.calendar.clock(session.day)
    context = lake.pipeline.stages[0].context
    return STAGE.run(SessionInputs(clock, tables), context).tables["labels"]


def _cuts(row: dict[str, object]) -> list[tuple[int, tuple[str, ...]]]:
    """(instant, columns that must stand although nothing at or after the instant is known)."""
    anchor = row["anchor_ts_ns"]
    cuts = []
    for horizon, seconds in HORIZONS.items():
        if row[f"label_end_ns_{horizon}"] is not None:
            cuts.append((row[f"label_end_ns_{horizon}"], (*SHARED, *_family(horizon))))
        cuts.append((anchor + seconds * NS, (*ENTRY_SHARED, *_entry_family(horizon))))
    ends = [row[f"label_end_ns_{h}"] for h in HORIZONS]
    if None not in ends:
        cuts.append((max(ends), ("label_status",)))
    cuts.append((anchor + max(HORIZONS.values()) * NS, ("entry_status",)))
    return cuts


@pytest.mark.parametrize("kind", KINDS)
def test_labels__nothing_after_label_end(
    lake: SimulatedLake, whole: tuple[WholeSession, ...], kind: str
) -> None:
    """Every label column stands, bit for bit, when prints at or after its end go or change."""
    checked: set[str] = set()
    for session in whole:
        trades, clock = session.tables["work/trades"], lake.pipeline.calendar.clock(session.day)
        rows = session.tables["labels"]
        for i, row in list(enumerate(rows.to_pylist()))[::_EVERY]:
            known = bits(rows.slice(i, 1))
            for t_ns, names in _cuts(row):
                other = _labels(lake, session, _other_trades(trades, kind, t_ns, clock.end_ns), i)
                found = bits(other)
                wrong = [n for n in names if any(a != b for a, b in zip(found[n], known[n]))]
                assert not wrong, (session.day, row["event_id"], t_ns, wrong)
                checked.update(names)
    assert checked == {c.name for c in LABELS.of_role(Role.LABEL)}


def test_labels__change_before_label_end(
    lake: SimulatedLake, whole: tuple[WholeSession, ...]
) -> None:
    """Noise from the anchor on does change labels: the law above can fail."""
    session, changed = whole[0], 0
    clock = lake.pipeline.calendar.clock(session.day)
    rows = session.tables["labels"].to_pylist()
    for i in range(0, len(rows), _EVERY):
        trades = _other_trades(
            session.tables["work/trades"], "scrambled", rows[i]["anchor_ts_ns"], clock.end_ns
        )
        changed += _labels(lake, session, trades, i).to_pylist()[0] != rows[i]
    assert changed > len(rows) / _EVERY / 2


def test_labels__null_market(lake: SimulatedLake) -> None:
    """On the simulated market, which has no drift, BREAK is as frequent as its base rate (08 A8)."""
    sums, counts = [], []
    for tables in lake.sessions.values():
        labels = tables["labels"]
        outcome = objects(labels, "outcome_8min")
        decided = np.isin(outcome.astype(str), ("BREAK", "REJECT"))
        base = np.clip(array_of(labels, "rw_p_break")[decided], 0.0, 1.0)
        sums.append(float(((outcome[decided] == "BREAK") - base).sum()))
        counts.append(int(decided.sum()))
    total = sum(counts)
    mean = sum(sums) / total
    residual = np.array(sums) - np.array(counts) * mean
    standard_error = float(np.sqrt((residual**2).sum())) / total
    assert total > 200
    assert abs(mean) <= 3 * standard_error
    assert standard_error < 0.06
