"""What must hold in every row of every simulated session (03 7.8-2, -3; 08 A3, A18, B27, C)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from spymaster_lake.contracts.enums import HORIZONS
from spymaster_lake.contracts.profile import LEVEL_KINDS
from spymaster_lake.contracts.state_table import SESSION_INSTANTS, WARMUP_INSTANTS
from spymaster_lake.features.arrays import NS
from spymaster_lake.stages.tables import array_of, objects
from tests.proof.simulated_lake import SimulatedLake

EPISODE_TABLES = ("episodes/vectors", "episodes/sequences", "episodes/metadata")


def _all(lake: SimulatedLake, dataset: str) -> pa.Table:
    return pa.concat_tables(tables[dataset] for tables in lake.sessions.values())


@pytest.mark.parametrize(
    ("dataset", "instant"), [("signals", "anchor_ts_ns"), ("state_table", "ts_ns")]
)
def test_invariants__sources_lie_before(lake: SimulatedLake, dataset: str, instant: str) -> None:
    """The latest source of a row lies strictly before the row's instant."""
    table = _all(lake, dataset)
    assert table.num_rows > 500
    assert (array_of(table, "src_max_ts_ns") < array_of(table, instant)).all()


def test_invariants__state_grid(lake: SimulatedLake) -> None:
    """Every session has 400 instants of six kinds, 2,400 rows with unique keys."""
    for tables in lake.sessions.values():
        state = tables["state_table"]
        instants = array_of(state, "ts_ns")
        assert len(np.unique(instants)) == WARMUP_INSTANTS + SESSION_INSTANTS == 400
        assert state.num_rows == 400 * len(LEVEL_KINDS) == 2400
        assert len(set(zip(instants.tolist(), objects(state, "level_kind")))) == 2400


def test_invariants__episodes_join(lake: SimulatedLake) -> None:
    """The three episode tables hold the same events, those of `signals` that were not rejected."""
    for tables in lake.sessions.values():
        rejected = set(objects(tables["episodes/rejected"], "event_id"))
        expected = [e for e in objects(tables["signals"], "event_id") if e not in rejected]
        for dataset in EPISODE_TABLES:
            assert objects(tables[dataset], "event_id").tolist() == expected


def test_invariants__labels_begin_at_the_anchor(lake: SimulatedLake) -> None:
    """Unless resolved before, no barrier was reached before the anchor, and labels end after it."""
    rows = _all(lake, "labels").to_pylist()
    open_rows = [r for r in rows if not r["resolved_before_anchor"]]
    assert len(open_rows) > 500
    for row in open_rows:
        for horizon, seconds in HORIZONS.items():
            for name in ("t_break_s", "t_reject_s"):
                assert row[f"{name}_{horizon}"] is None or row[f"{name}_{horizon}"] >= 0.0
            end = row[f"label_end_ns_{horizon}"]
            if end is not None and row["tau_ns"] is not None:
                assert end == row["tau_ns"] + seconds * NS


def test_invariants__entry_race_is_open(lake: SimulatedLake) -> None:
    """The race from the anchor starts inside its barriers, or is marked as already through."""
    atr = array_of(_all(lake, "signals"), "atr")
    labels = _all(lake, "labels")
    through = objects(labels, "entry_status") == "ALREADY_THROUGH"
    assert (array_of(labels, "entry_x0")[~through] < atr[~through]).all()
    assert (array_of(labels, "entry_x0")[through] >= atr[through]).all()
    assert all(objects(labels, "entry_outcome_8min")[through] == None)  # noqa: E711 - elementwise
