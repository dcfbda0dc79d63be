"""Labels: hand-made paths, an oracle of plain loops, truncation, mirror, invariants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import NS, Trades
from spymaster_lake.features.labels import label_columns, label_events
from tests.features.label_oracle import label
from tests.features.session_walks import (
    TICK,
    Session,
    at,
    mirrored,
    rough_walk,
    second_walk,
    session_of,
    until,
    without,
)
from tests.features.zone_oracle import as_prints

MINUTES = ("2min", "4min", "8min")
L, A = 6000.0, 2.0
BAR, T0 = at(10), at(10, 1)


def path(*rows: tuple[float, float], stop: float = 1100.0, every: float = 20.0) -> Trades:
    """Prints (seconds from the anchor, points), the last price repeated every 20 s until the next."""
    seconds, price = [], []
    for (t, p), following in zip(rows, [*(r[0] for r in rows[1:]), stop], strict=True):
        beats = np.arange(t, following, every).tolist()
        seconds += beats
        price += [p] * len(beats)
    n = len(seconds)
    return Trades(
        T0 + np.round(np.asarray(seconds) * NS).astype(np.int64),
        np.round(np.asarray(price) / TICK).astype(np.int32),
        np.ones(n, dtype=np.int64),
        np.zeros(n, dtype=np.int8),
    )


def one(trades: Trades, *, sigma: int = 1, spot: float | None = None) -> dict[str, Any]:
    """The labels of one event with level 6000 and ATR 2; floats NaN -> None."""
    before = until(trades, T0)
    last = float(before.ticks[-1]) * TICK if spot is None else spot
    found = label_events(
        trades,
        bar_start_ns=np.asarray([BAR]),
        anchor_ns=np.asarray([T0]),
        level=np.asarray([L]),
        sigma=np.asarray([sigma], dtype=np.int8),
        atr=np.asarray([A]),
        anchor_price=np.asarray([last]),
        tick=TICK,
    )
    return as_rows(found)[0]


def as_rows(found: dict[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """Column arrays as rows, NaN as None."""
    columns = {
        name: [None if isinstance(v, float) and np.isnan(v) else v for v in values.tolist()]
        for name, values in found.items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def of(row: dict[str, Any], name: str) -> list[Any]:
    """A column at 2, 4 and 8 minutes."""
    return [row[f"{name}_{m}"] for m in MINUTES]


def test_label__tested_in_bar_then_break() -> None:
    """A touch in the bar starts the race at the anchor; x_tau is the last print before it."""
    row = one(path((-60, 5996), (-30, 6000), (-10, 5999.5), (150, 6002), (300, 5998)))
    assert (row["tau_ns"], row["x_tau"], row["tested"]) == (T0, -0.5, True)
    assert row["rw_p_break"] == pytest.approx(1.5 / 4)
    assert (row["resolved_before_anchor"], row["label_status"]) == (False, "COMPLETE")
    assert of(row, "outcome") == ["CHOP", "BREAK", "BREAK"]
    assert of(row, "t_break_s") == [None, 150, 150]
    assert of(row, "t_reject_s") == [None, None, 300]  # whoever wins
    assert of(row, "mfe_atr") == [0, 1, 1]
    assert of(row, "mae_atr") == [0.25, 0.25, 1]
    assert of(row, "label_end_ns") == [T0 + h * NS for h in (120, 240, 480)]


def test_label__test_after_anchor() -> None:
    """The first print at or through the level starts the race, with its overshoot as x_tau."""
    row = one(path((-60, 5996), (400, 6000.25), (500, 5998), (700, 6010)))
    assert (row["tau_ns"], row["x_tau"]) == (T0 + 400 * NS, 0.25)
    assert row["rw_p_break"] == pytest.approx(2.25 / 4)
    assert of(row, "outcome") == ["REJECT"] * 3
    assert of(row, "t_reject_s") == [500, 500, 500]
    assert of(row, "t_break_s") == [None, None, 700]
    assert of(row, "label_end_ns") == [T0 + (400 + h) * NS for h in (120, 240, 480)]


def test_label__overshoot_at_the_test() -> None:
    """A test that jumps past +1 ATR is a BREAK at once; the base rate exceeds 1 and is not clipped."""
    row = one(path((-60, 5996), (10, 6003)))
    assert of(row, "outcome") == ["BREAK"] * 3
    assert of(row, "t_break_s") == [10, 10, 10]
    assert row["rw_p_break"] == 1.25


@pytest.mark.parametrize(
    ("last", "outcome"), [(6002.0, "BREAK"), (5998.0, "REJECT")], ids=["through", "back"]
)
def test_label__resolved_before_anchor(last: float, outcome: str) -> None:
    """Touch and +-1 ATR inside the bar: decided at every horizon, times may be negative."""
    row = one(path((-60, 5996), (-30, 6000.5), (-10, last), (30, 6000)))
    assert row["resolved_before_anchor"]
    assert (row["tau_ns"], row["x_tau"]) == (T0 - 30 * NS, 0.5)
    assert of(row, "outcome") == [outcome] * 3
    name = "t_break_s" if outcome == "BREAK" else "t_reject_s"
    assert of(row, name) == [-10] * 3
    assert of(row, "label_end_ns") == [T0 + (h - 30) * NS for h in (120, 240, 480)]


def test_label__far_before_the_touch_is_not_resolved() -> None:
    """Being 1 ATR away before the touch decides nothing: every approach starts there."""
    row = one(path((-60, 5990), (-30, 6000), (30, 6000.25)))
    assert not row["resolved_before_anchor"]
    assert of(row, "outcome") == ["CHOP"] * 3


def test_label__no_test() -> None:
    """Never at the level within 480 s: NO_TEST, no times, excursions, x_tau or base rate."""
    row = one(path((-60, 5996), (100, 5999.75), (480, 6000)))  # the print at 480 s comes too late
    assert of(row, "outcome") == ["NO_TEST"] * 3
    assert (row["tested"], row["label_status"]) == (False, "COMPLETE")
    for name in ("t_break_s", "t_reject_s", "mfe_atr", "mae_atr"):
        assert of(row, name) == [None] * 3
    assert (row["tau_ns"], row["x_tau"], row["rw_p_break"]) == (None, None, None)
    assert of(row, "label_end_ns") == [T0 + 480 * NS] * 3


def test_label__horizon_is_half_open() -> None:
    """A crossing exactly at tau + h belongs to the next horizon."""
    row = one(path((-60, 6000), (120, 6002), (130, 6000)))
    assert of(row, "outcome") == ["CHOP", "BREAK", "BREAK"]
    assert of(row, "mfe_atr") == [0, 1, 1]


CROSSING = ((-60, 6000), (100, 6002), (300, 5998))
"""Tested in the bar, BREAK at 100 s, the other barrier at 300 s."""
QUIET = ((-60, 6000),)
"""Tested in the bar, never 1 ATR away."""


@pytest.mark.parametrize(
    ("rows", "gap", "outcome", "t_reject", "mfe_known"),
    [
        pytest.param(CROSSING, (0, 0), ["BREAK"] * 3, [None, None, 300], [1, 1, 1], id="no gap"),
        pytest.param(CROSSING, (25, 75), ["BREAK"] * 3, [None, None, 300], [1, 1, 1], id="60 s"),
        pytest.param(CROSSING, (25, 95), [None] * 3, [None] * 3, [0, 0, 0], id="before the break"),
        pytest.param(CROSSING, (205, 290), ["BREAK"] * 3, [None] * 3, [1, 1, 0], id="after it"),
        pytest.param(
            CROSSING, (410, 1100), ["BREAK"] * 3, [None, None, 300], [1, 1, 0], id="session ends"
        ),
        pytest.param(
            CROSSING, (-5, 55), ["BREAK"] * 3, [None, None, 300], [1, 1, 1], id="60 s at the edge"
        ),
        pytest.param(CROSSING, (-5, 65), [None] * 3, [None] * 3, [0, 0, 0], id="left edge"),
        pytest.param(
            QUIET, (305, 395), ["CHOP", "CHOP", None], [None] * 3, [1, 1, 0], id="in CHOP"
        ),
    ],
)
def test_label__gaps(
    rows: tuple[tuple[float, float], ...],
    gap: tuple[int, int],
    outcome: list[str | None],
    t_reject: list[float | None],
    mfe_known: list[int],
) -> None:
    """A gap over 60 s hides what lies behind it and makes the excursions of its window unknown."""
    row = one(without(path(*rows), T0 + gap[0] * NS, T0 + gap[1] * NS))
    assert of(row, "outcome") == outcome
    assert of(row, "t_break_s") == [100 if o == "BREAK" else None for o in outcome]
    assert of(row, "t_reject_s") == t_reject
    assert [v is not None for v in of(row, "mfe_atr")] == [bool(k) for k in mfe_known]
    assert row["label_status"] == ("INCOMPLETE" if None in outcome else "COMPLETE")


def test_label__gap_in_the_search() -> None:
    """A gap before the test: outcomes null; the observed test is still stated."""
    trades = without(path((-60, 5996), (200, 6000), (300, 6002)), T0 + 25 * NS, T0 + 95 * NS)
    row = one(trades)
    assert of(row, "outcome") == of(row, "t_break_s") == of(row, "mfe_atr") == [None] * 3
    assert (row["tested"], row["tau_ns"], row["x_tau"]) == (True, T0 + 200 * NS, 0.0)
    assert (row["label_status"], row["entry_status"]) == ("INCOMPLETE", "INCOMPLETE")


def test_label__gap_without_test() -> None:
    """Without an observed test a gap leaves open whether there was one."""
    row = one(without(path((-60, 5996)), T0 + 25 * NS, T0 + 95 * NS))
    assert of(row, "outcome") == [None] * 3
    assert (row["tested"], row["tau_ns"], row["label_status"]) == (None, None, "INCOMPLETE")
    assert of(row, "label_end_ns") == [T0 + 480 * NS] * 3
    silent = one(without(path((-60, 5996)), T0, T0 + 9999 * NS))
    assert (silent["tested"], silent["label_status"]) == (None, "INCOMPLETE")


def test_label__down() -> None:
    """From above the frame flips: a break is a fall below the level."""
    row = one(path((-60, 6004), (-30, 6000), (60, 5998), (70, 6003)), sigma=-1)
    assert of(row, "outcome") == ["BREAK"] * 3
    assert (of(row, "mfe_atr"), of(row, "mae_atr")) == ([1] * 3, [1.5] * 3)


def test_entry__barriers_from_x0() -> None:
    """x0 = -4, A = 2: barriers +2 and -6; base rate 2/8; excursions from x0."""
    row = one(path((-60, 5996), (30, 5994.25), (130, 5994), (300, 6002)))
    assert (row["entry_x0"], row["entry_rw_p_break"]) == (-4, 0.25)
    assert of(row, "entry_outcome") == ["CHOP", "REJECT", "REJECT"]
    assert of(row, "entry_t_reject_s") == [None, 130, 130]
    assert of(row, "entry_t_break_s") == [None, None, 300]
    assert of(row, "entry_mfe_atr") == [0, 0, 3]
    assert of(row, "entry_mae_atr") == [0.875, 1, 1]
    assert row["entry_status"] == "COMPLETE"


def test_entry__above_the_level() -> None:
    """x0 = +1: the lower barrier is -A, not x0 - A."""
    row = one(path((-60, 5999), (-10, 6001), (30, 5998)))
    assert (row["entry_x0"], row["entry_rw_p_break"]) == (1, 0.75)
    assert of(row, "entry_outcome") == ["REJECT"] * 3
    assert of(row, "entry_mae_atr") == [1.5] * 3


def test_entry__already_through() -> None:
    """x0 >= A: no race, so no outcome, time or base rate; excursions remain."""
    row = one(path((-60, 5999), (-10, 6002), (30, 6003)))
    assert row["entry_status"] == "ALREADY_THROUGH"
    assert of(row, "entry_outcome") == of(row, "entry_t_break_s") == [None] * 3
    assert (row["entry_x0"], row["entry_rw_p_break"]) == (2, None)
    assert of(row, "entry_mfe_atr") == [0.5] * 3


@pytest.mark.parametrize("atr", [0.0, -1.0, np.nan])
def test_label__atr_must_be_positive(atr: float) -> None:
    """A race without a barrier is refused, not labelled CHOP (D12)."""
    with pytest.raises(DataError, match="atr must be known and positive; broken by 1 events"):
        label_events(
            path((-60, 6000)),
            bar_start_ns=np.asarray([BAR]),
            anchor_ns=np.asarray([T0]),
            level=np.asarray([L]),
            sigma=np.asarray([1], dtype=np.int8),
            atr=np.asarray([atr]),
            anchor_price=np.asarray([6000.0]),
            tick=TICK,
        )


def labels_of(session: Session, trades: Trades | None = None) -> list[dict[str, Any]]:
    """Label rows of all events of a session, optionally from other prints."""
    e = session.events
    return as_rows(
        label_events(
            session.trades if trades is None else trades,
            bar_start_ns=e.bar_start_ns,
            anchor_ns=e.anchor_ts_ns,
            level=e.level_price,
            sigma=e.sigma,
            atr=e.atr,
            anchor_price=e.spot,
            tick=TICK,
        )
    )


def walk(seed: int) -> Session:
    """Events of a random walk: one in four smooth, one wild, the others with gaps and ties."""
    rng, span = np.random.default_rng(seed), {"start_ns": at(5), "end_ns": at(12, 46)}
    if seed % 4 == 0:
        return session_of(second_walk(rng, **span))
    return session_of(rough_walk(rng, **span, sd=7.0 if seed % 4 == 1 else 1.2))


def test_labels__columns() -> None:
    """The 42 non-key columns of 08 section C, in order, with the documented dtypes."""
    e = walk(50).events
    found = label_events(
        walk(50).trades, bar_start_ns=e.bar_start_ns, anchor_ns=e.anchor_ts_ns, level=e.level_price,
        sigma=e.sigma, atr=e.atr, anchor_price=e.spot, tick=TICK,
    )  # fmt: skip
    assert tuple(found) == label_columns()
    assert len(found) == 42
    assert {len(v) for v in found.values()} == {len(e)}
    kinds = {"tau_ns": "O", "tested": "O", "resolved_before_anchor": "b", "label_end_ns_8min": "i",
             "outcome_2min": "O", "entry_status": "O", "t_break_s_4min": "f", "x_tau": "f"}  # fmt: skip
    assert {name: found[name].dtype.kind for name in kinds} == kinds


def test_labels__no_events() -> None:
    """Without events every column is there and empty."""
    none = np.zeros(0)
    found = label_events(
        path((-60, 6000)), bar_start_ns=none.astype(np.int64), anchor_ns=none.astype(np.int64),
        level=none, sigma=none.astype(np.int8), atr=none, anchor_price=none, tick=TICK,
    )  # fmt: skip
    assert {len(v) for v in found.values()} == {0}


@pytest.mark.parametrize("seed", range(60, 68))
def test_labels__oracle(seed: int) -> None:
    """Labels of random walks equal the plain loops over the prints."""
    session = walk(seed)
    prints, e = as_prints(session.trades), session.events
    rows = labels_of(session)
    assert len(rows) == len(e) > 0
    for i, row in enumerate(rows):
        slow = label(
            prints,
            bar_start=int(e.bar_start_ns[i]),
            t0=int(e.anchor_ts_ns[i]),
            level=float(e.level_price[i]),
            s=int(e.sigma[i]),
            a=float(e.atr[i]),
            spot=float(e.spot[i]),
        )
        assert row == {name: slow[name] for name in row}


def test_labels__oracle_covers_the_cases() -> None:
    """The oracle's walks hold every outcome and status, so its agreement means something."""
    rows = [row for seed in range(60, 68) for row in labels_of(walk(seed))]
    assert {o for row in rows for o in of(row, "outcome")} == {
        "BREAK",
        "REJECT",
        "CHOP",
        "NO_TEST",
        None,
    }
    assert {row["label_status"] for row in rows} == {"COMPLETE", "INCOMPLETE"}
    assert {row["entry_status"] for row in rows} == {"COMPLETE", "INCOMPLETE", "ALREADY_THROUGH"}
    assert {row["tested"] for row in rows} == {True, False, None}
    assert {row["resolved_before_anchor"] for row in rows} == {True, False}


@pytest.mark.parametrize("seed", [70, 71])
def test_labels__truncation(seed: int) -> None:
    """Labels do not change when data at or after label_end are removed (01 2.7)."""
    session = walk(seed)
    for i, row in enumerate(labels_of(session)):
        for m in MINUTES:
            cut = labels_of(session, until(session.trades, row[f"label_end_ns_{m}"]))[i]
            names = [n for n in row if n.endswith(f"_{m}") and not n.startswith("entry_")]
            names += ["tau_ns", "x_tau", "rw_p_break", "tested", "resolved_before_anchor"]
            if not row["resolved_before_anchor"]:
                names.append(f"entry_outcome_{m}")
                names.append(f"entry_mfe_atr_{m}")
            assert {n: cut[n] for n in names} == {n: row[n] for n in names}


def test_labels__mirror() -> None:
    """Upside down with the levels mirrored and sigma negated, every label is the same (08 A35)."""
    session, axis = walk(72), 48_000
    e = session.events
    flipped = label_events(
        mirrored(session.trades, twice_axis=axis),
        bar_start_ns=e.bar_start_ns,
        anchor_ns=e.anchor_ts_ns,
        level=axis * TICK - e.level_price,
        sigma=-e.sigma,
        atr=e.atr,
        anchor_price=axis * TICK - e.spot,
        tick=TICK,
    )
    for row, other in zip(labels_of(session), as_rows(flipped), strict=True):
        for name, value in row.items():
            assert other[name] == (
                pytest.approx(value, abs=1e-9) if isinstance(value, float) else value
            )


def test_labels__invariants() -> None:
    """Decided stays decided, times lie in their window, statuses follow the outcomes (01 2.7)."""
    for seed in range(80, 86):
        session = walk(seed)
        rows = labels_of(session)
        for row, anchor in zip(rows, session.events.anchor_ts_ns.tolist(), strict=True):
            two, four, eight = of(row, "outcome")
            if two in {"BREAK", "REJECT"}:
                assert two == four == eight
            assert (row["label_status"] == "COMPLETE") == (None not in (two, four, eight))
            for h, m in zip((120, 240, 480), MINUTES, strict=True):
                times = [row[f"t_break_s_{m}"], row[f"t_reject_s_{m}"]]
                for t in (t for t in times if t is not None):
                    assert t < 480 + h
                    assert row["resolved_before_anchor"] or t >= 0
                    assert anchor + round(t * NS) < row[f"label_end_ns_{m}"]
                assert all(v is None or v >= 0 for v in (row[f"mfe_atr_{m}"], row[f"mae_atr_{m}"]))
                if row[f"outcome_{m}"] == "BREAK" and times[1] is not None:
                    assert times[0] < times[1]


def test_labels__null_walk() -> None:
    """On driftless walks BREAK is as frequent as its base rate, within 3 standard errors (08 A8).

    Errors are clustered by session. The standard error is small enough that a bias of 0.1 fails.
    """
    by_session = []
    outcomes: list[str] = []
    for seed in range(300):
        trades = second_walk(np.random.default_rng([2025, seed]), start_ns=at(6), end_ns=at(12, 46))
        rows = labels_of(session_of(trades))
        outcomes += [row["outcome_8min"] for row in rows]
        decided = [r for r in rows if r["outcome_8min"] in {"BREAK", "REJECT"}]
        errors = [
            (r["outcome_8min"] == "BREAK") - float(np.clip(r["rw_p_break"], 0, 1)) for r in decided
        ]
        by_session.append((sum(errors), len(errors)))
    sums, counts = np.asarray(by_session, dtype=float).T
    mean = sums.sum() / counts.sum()
    standard_error = np.sqrt(np.sum((sums - counts * mean) ** 2)) / counts.sum()
    assert abs(mean) <= 3 * standard_error
    assert standard_error < 0.1 / 3.5
    share = {o: outcomes.count(o) / len(outcomes) for o in ("NO_TEST", "CHOP")}
    assert share["NO_TEST"] == pytest.approx(0.63, abs=0.06)
    assert share["CHOP"] == pytest.approx(0.01, abs=0.01)
