"""The raw vector and the sequence, against a second writing of the specification."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.contracts.vector import VECTOR_NAMES, vector_index
from spymaster_lake.features.episode_sequence import sequences
from spymaster_lake.features.episode_vector import (
    EVENT_SOURCES,
    encode,
    missing_reason,
    raw_vectors,
)
from spymaster_lake.features.trajectory import trajectory_windows
from tests.features import episode_oracle as oracle
from tests.features.episode_oracle import Row
from tests.features.episode_samples import (
    anchors_of,
    grid_row,
    kernel_column,
    random_rows,
    series_of,
)


def vectors_of(events: list[Row], state: list[Row]) -> np.ndarray:
    """The kernel's vectors."""
    windows = trajectory_windows(series_of(state), anchors_of(events))
    return raw_vectors({n: kernel_column(events, n) for n in EVENT_SOURCES}, windows)


@pytest.mark.parametrize("seed", range(12))
def test_vector__matches_the_oracle(seed: int) -> None:
    """All 149 entries of random events with nulls, both directions, padding and late levels."""
    events, state = random_rows(seed)
    found = vectors_of(events, state)
    for row, event in zip(found, events, strict=True):
        expected = oracle.vector(event, state)
        assert tuple(expected) == VECTOR_NAMES
        wanted = np.array([np.nan if x is None else x for x in expected.values()])
        np.testing.assert_array_equal(np.isnan(row), np.isnan(wanted))
        np.testing.assert_allclose(row, wanted, rtol=1e-12, atol=1e-9)


def test_vector__samples_reach_every_rule() -> None:
    """The random rows hold what the oracle test is about: nulls, held, padded, too many nulls."""
    found = np.concatenate([vectors_of(*random_rows(seed)) for seed in range(12)])
    known = ~np.isnan(found)
    assert known.any(axis=0).all()
    assert {True, False} == set(known[:, vector_index("dct_d_atr_c0")].tolist())
    assert {True, False} == set(known[:, vector_index("dct_ofi_60s_c7")].tolist())
    assert known[:, vector_index("dct_tape_imbalance_c0")].all()


@pytest.mark.parametrize("seed", range(6))
def test_sequence__matches_the_oracle(seed: int) -> None:
    """Values and mask of all 280 places."""
    events, state = random_rows(seed)
    values, mask = sequences(trajectory_windows(series_of(state), anchors_of(events)))
    for i, event in enumerate(events):
        expected, seen = oracle.sequence(event, state)
        np.testing.assert_allclose(values[i], expected, rtol=1e-14)
        assert mask[i].tolist() == seen


def test_sequence__layout() -> None:
    """Index 7 step + channel; unknown is 0 with mask 0; a step without distance is unobserved."""
    channels = ("distance_signed_atr", "ofi_60s", "barrier_delta_liq", "tape_imbalance")
    channels += ("velocity_1min", "acceleration_1min", "jerk_1min")
    state = [grid_row("SMA_90", step) for step in range(40)]
    state[3] |= {"distance_signed_atr": None}
    state[5] |= {"tape_imbalance": None}
    event = {**grid_row("SMA_90", 39), "anchor_ts_ns": state[39]["ts_ns"], "level_price": 100.0}
    event |= {name: float(i) for i, name in enumerate(channels)}
    values, mask = sequences(trajectory_windows(series_of(state), anchors_of([event])))
    assert values.shape == mask.shape == (1, 280)
    assert values[0, 273:].tolist() == pytest.approx([0, 1, np.log(3), 3, 4, 5, 6])
    assert mask[0, 21:28].tolist() == [0] * 7
    assert mask[0, 35:42].tolist() == [1, 1, 1, 0, 1, 1, 1]
    assert (values[0, 21], values[0, 38], values[0, 22]) == (0.0, 0.0, 1.0)
    assert mask.dtype == np.int8
    assert int(mask.sum()) == 280 - 7 - 1


@pytest.mark.parametrize(
    ("entry", "changed", "expected"),
    [
        pytest.param("or_active", {"minutes_since_open": 15.0}, 1.0, id="or from minute 15"),
        pytest.param("or_active", {"minutes_since_open": 14.0}, 0.0, id="or before"),
        pytest.param("dist_to_or_low_atr", {"minutes_since_open": 14.0}, 0.0, id="forced 0"),
        pytest.param(
            "time_since_last_touch_sec", {"time_since_prev_event_s": None}, 900, id="first"
        ),
        pytest.param(
            "time_since_last_touch_sec", {"time_since_prev_event_s": 901.0}, 900, id="cap"
        ),
        pytest.param(
            "time_since_last_touch_sec", {"time_since_prev_event_s": 60.0}, 60, id="recent"
        ),
        pytest.param("fuel_effect_encoded", {"fuel_effect": "AMPLIFY"}, 1, id="amplify"),
        pytest.param("fuel_effect_encoded", {"fuel_effect": None}, None, id="no theta yet"),
        pytest.param("barrier_state_encoded", {"barrier_state": "VACUUM"}, -2, id="vacuum"),
        pytest.param("barrier_state_encoded", {"barrier_state": "WALL"}, 2, id="wall"),
        pytest.param("force_proxy", {"barrier_depth_current": None}, None, id="no depth, no force"),
        pytest.param(
            "force_proxy",
            {"ofi_60s": 10.0, "barrier_depth_current": np.e - 1},
            5.0,
            id="ofi / (1 + mass)",
        ),
        pytest.param("sweep_detected", {"sweep_detected": True}, 1.0, id="sweep"),
        pytest.param(
            "flow_alignment",
            {"ofi_60s": 8.0, "distance_signed_atr": -0.5},
            8.0,
            id="buying from below is toward the level",
        ),
        pytest.param(
            "ofi_acceleration", {"ofi_acceleration": -(np.e - 1)}, -1.0, id="signed logarithm"
        ),
    ],
)
def test_vector__transforms(entry: str, changed: Row, expected: float | None) -> None:
    """Literal inputs and outputs of the entries that are not plain copies."""
    events, state = random_rows(0)
    event = {**events[0], **changed}
    found = vectors_of([event], state)[0, vector_index(entry)]
    assert np.isnan(found) if expected is None else found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("atr", "atr is unknown"),
        ("d_atr_lag0", "d_atr_lag0 is unknown"),
        ("dct_d_atr_c3", "dct_d_atr_c3 is unknown"),
        ("dct_ofi_60s_c0", None),
        ("d_atr_lag1", None),
        ("barrier_state_encoded", None),
    ],
)
def test_missing_reason__required_entries_only(entry: str, reason: str | None) -> None:
    """Only atr, the distance at the anchor and its trajectory reject an event (08 B1)."""
    vector = np.zeros(149)
    vector[vector_index(entry)] = np.nan
    assert missing_reason(vector) == reason


def test_encode__unknown_name() -> None:
    """A name without a code is an error, never a number."""
    with pytest.raises(UnknownNameError, match="STRONG_SUPPORT"):
        encode(np.array(["STRONG_SUPPORT"], object), {"WALL": 2}, what="barrier state")


def test_vector__no_events() -> None:
    """A session without events gives no rows of 149."""
    _, state = random_rows(1)
    assert vectors_of([], state).shape == (0, 149)
