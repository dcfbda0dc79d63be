"""Windows before an anchor: alignment, level, direction, nulls, padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.trajectory import (
    CHANNELS,
    Windows,
    null_as_zero,
    null_held,
    trajectory_windows,
)
from tests.features.episode_oracle import Row
from tests.features.episode_samples import anchors_of, event_at, grid_row, series_of

NAN = float("nan")


def windows_of(event: Row, state: list[Row]) -> Windows:
    """The windows of one event."""
    return trajectory_windows(series_of(state), anchors_of([event]))


def grid(kind: str = "PM_HIGH", steps: int = 60, **changed: dict[int, Any]) -> list[Row]:
    """State rows of one kind; `changed` maps a column to values by step."""
    rows = []
    for step in range(steps):
        values = {name: by_step[step] for name, by_step in changed.items() if step in by_step}
        rows.append(grid_row(kind, step, **values))
    return rows


def test_window__the_40_samples_up_to_the_anchor() -> None:
    """Sample 39 is the anchor, sample 0 the row 19.5 minutes before it."""
    state = grid(ofi_60s={step: float(step) for step in range(60)})
    found = windows_of(event_at("PM_HIGH", 50, ofi_60s=50.0), state).values["ofi_60s"][0]
    assert found.tolist() == [float(step) for step in range(11, 51)]


def test_window__rows_of_the_own_kind_in_any_order() -> None:
    """Rows of other kinds and the order of rows do not matter."""
    state = grid(ofi_60s={45: 7.0})
    event = event_at("PM_HIGH", 50)
    plain = windows_of(event, state)
    mixed = windows_of(event, [*grid("PM_LOW", ofi_60s={45: 9.0}), *reversed(state)])
    for name in CHANNELS:
        assert mixed.values[name].tobytes() == plain.values[name].tobytes()


@pytest.mark.parametrize("channel", CHANNELS)
def test_window__anchor_sample_is_the_event(channel: str) -> None:
    """The last sample holds the event's value, whatever the state row had (08 B3)."""
    state = grid(**{channel: {50: 123.0}})
    found = windows_of(event_at("PM_HIGH", 50, **{channel: -4.5}), state)
    assert found.values[channel][0, -1] == -4.5


@pytest.mark.parametrize("kind", ["PM_HIGH", "PM_LOW", "OR_HIGH", "OR_LOW"])
def test_distance__static_kinds_use_the_level_of_the_anchor(kind: str) -> None:
    """(spot_k - L_anchor) / atr_k, even where the level was not active yet (08 B19)."""
    state = grid(
        kind,
        direction=dict.fromkeys(range(40)),
        distance_signed_atr=dict.fromkeys(range(40)),
        spot={12: 90.0},
        atr={12: 4.0},
    )
    found = windows_of(event_at(kind, 50, level_price=98.0), state).values["distance_signed_atr"][0]
    assert found[1] == (90.0 - 98.0) / 4.0
    assert found[2] == (100 + 13 / 5 - 98.0) / 2.0


@pytest.mark.parametrize("kind", ["SMA_90", "EMA_20"])
def test_distance__averages_use_their_own_value(kind: str) -> None:
    """A moving average was elsewhere at each instant; its distance is that of the state row."""
    event = event_at(kind, 50, level_price=98.0)
    found = windows_of(event, grid(kind)).values["distance_signed_atr"][0]
    assert found[1] == pytest.approx(1.2)


def test_direction__rows_of_the_other_direction() -> None:
    """Kinematics change sign, the defending side is unknown, the rest stays (08 B3)."""
    state = grid(direction={30: "DOWN"}, velocity_1min={30: 0.25}, jerk_1min={30: 0.0})
    found = windows_of(event_at("PM_HIGH", 50), state)
    at = 30 - 11
    values = {name: found.values[name][0, at] for name in CHANNELS}
    assert (values["velocity_1min"], values["acceleration_1min"]) == (-0.25, -1.0)
    assert str(values["jerk_1min"]) == "0.0"
    assert np.isnan([values["barrier_delta_liq"], values["wall_ratio"]]).all()
    assert [
        values[n] for n in ("ofi_60s", "tape_imbalance", "tape_velocity", "gamma_exposure")
    ] == [1] * 4
    assert not found.observed["wall_ratio"][0, at]


def test_direction__an_event_from_above_turns_rows_from_below() -> None:
    """What counts is the event's direction, also for sample 39, which is the event's already."""
    found = windows_of(event_at("PM_HIGH", 50, direction="DOWN", velocity_1min=0.5), grid())
    assert found.values["velocity_1min"][0].tolist() == [-1.0] * 39 + [0.5]


@pytest.mark.parametrize(
    ("channel", "held"),
    [
        ("barrier_delta_liq", True),
        ("wall_ratio", True),
        ("tape_imbalance", True),
        ("gamma_exposure", True),
        ("velocity_1min", True),
        ("jerk_1min", True),
        ("ofi_60s", False),
        ("tape_velocity", False),
    ],
)
def test_inactive__earliest_active_value_is_held_backwards(channel: str, held: bool) -> None:
    """Over rows without the level, and only for channels that need it (08 B19)."""
    state = grid(
        "OR_HIGH",
        direction=dict.fromkeys(range(30)),
        **{channel: {**dict.fromkeys(range(30)), 30: 5.0, 31: None}},
    )
    found = windows_of(event_at("OR_HIGH", 50), state)
    expected = [5.0 if held else NAN] * 19 + [5.0, NAN]
    np.testing.assert_array_equal(found.values[channel][0, :21], expected)
    assert found.observed[channel][0, :21].tolist() == [False] * 19 + [True, False]


def test_inactive__an_unknown_earliest_value_stays_unknown() -> None:
    """The earliest active value is held even if it is null; no later one stands in."""
    state = grid(
        "OR_HIGH",
        direction=dict.fromkeys(range(30)),
        tape_imbalance=dict.fromkeys(range(31)),
    )
    found = windows_of(event_at("OR_HIGH", 50), state).values["tape_imbalance"][0]
    assert np.isnan(found[:20]).all()
    assert found[20] == 1.0


def test_padding__the_grids_first_row_is_repeated() -> None:
    """A window that reaches before the grid repeats its oldest row, unobserved."""
    found = windows_of(event_at("PM_HIGH", 29), grid(ofi_60s={0: 8.0}))
    assert found.values["ofi_60s"][0].tolist() == [8.0] * 11 + [1.0] * 29
    assert found.observed["ofi_60s"][0].tolist() == [False] * 10 + [True] * 30
    assert found.n_observed.tolist() == [30]


def test_n_observed__counts_computable_distances() -> None:
    """A sample without an ATR has no distance."""
    found = windows_of(event_at("PM_HIGH", 50), grid(atr=dict.fromkeys(range(20, 27))))
    assert found.n_observed.tolist() == [33]


@pytest.mark.parametrize(
    ("state", "step", "message"),
    [
        pytest.param(grid(), 70, "no row of kind 0 at 1 anchors", id="anchor after the grid"),
        pytest.param(grid()[:20] + grid()[21:], 50, "grid must be complete", id="missing row"),
        pytest.param([*grid(), grid_row("PM_HIGH", 20)], 50, "grid must be complete", id="twice"),
        pytest.param(grid("PM_LOW"), 50, "kind 0 has 0 rows", id="no rows of the kind"),
    ],
)
def test_window__refuses_a_broken_grid(state: list[Row], step: int, message: str) -> None:
    """Anchors lie on a complete grid of their kind, or the session fails."""
    with pytest.raises(DataError, match=message):
        windows_of(event_at("PM_HIGH", step), state)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        pytest.param([1, NAN, 3, NAN], [1, 1, 3, 3], id="nearest earlier"),
        pytest.param([NAN, NAN, 3, 4], [3, 3, 3, 4], id="none earlier: nearest later"),
        pytest.param([NAN, NAN, NAN, 4], [NAN] * 4, id="too many"),
        pytest.param([NAN] * 4, [NAN] * 4, id="nothing known"),
        pytest.param([1, 2, 3, 4], [1, 2, 3, 4], id="nothing to do"),
    ],
)
def test_null_held__up_to_the_limit(window: list[float], expected: list[float]) -> None:
    """At most two of four unknown samples are held from a neighbour."""
    np.testing.assert_array_equal(null_held(np.array([window]), at_most=2)[0], expected)


def test_null_as_zero__fills() -> None:
    """Unknown counts as nothing."""
    assert null_as_zero(np.array([[1.0, NAN]])).tolist() == [[1.0, 0.0]]
