"""What `patchtst_event` reads: signs, masks, and statistics of training rows alone."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spymaster_lake.contracts.episodes import SEQUENCE_CHANNELS, SEQUENCE_LENGTH
from spymaster_lake.contracts.errors import ConfigError, DataError, UnknownNameError
from spymaster_lake.features.model_matrix import model_matrix
from spymaster_lake.features.sequence_matrix import SIGNED_CHANNELS, sequence_matrix
from spymaster_lake.serving.patchtst import extra
from spymaster_lake.serving.patchtst.scaling import Scaling, fit_scaling, network_inputs, statistic
from spymaster_lake.training.trainers import trainer_of
from tests.training import samples

BOTH = np.array(["UP", "DOWN"], dtype=object)
ONES = np.ones((2, SEQUENCE_LENGTH), dtype=np.int8)


def test_signs__follow_the_frame_of_each_channel():
    """Distance and flows turn with the direction; the barrier and the kinematics do not."""
    assert dict(zip(SEQUENCE_CHANNELS, SIGNED_CHANNELS)) == {
        "distance_signed_atr": True,
        "ofi_60s": True,
        "barrier_delta_liq_log": False,
        "tape_imbalance": True,
        "velocity_1min": False,
        "acceleration_1min": False,
        "jerk_1min": False,
    }
    found = sequence_matrix(np.full((2, SEQUENCE_LENGTH), 2.0), ONES, BOTH)
    assert found[0].tolist() == [2.0] * SEQUENCE_LENGTH
    assert found[1].tolist() == [-2.0 if s else 2.0 for s in SIGNED_CHANNELS] * 40


@pytest.mark.parametrize("hidden", [0.0, 7.0, np.nan, np.inf])
def test_mask__hides_any_value(hidden):
    """What the mask hides is unknown, whatever stands there."""
    sequence, mask = np.ones((2, SEQUENCE_LENGTH)), ONES.copy()
    mask[0, 5], sequence[0, 5] = 0, hidden
    found = sequence_matrix(sequence, mask, BOTH)
    assert np.isnan(found).sum() == 1
    assert np.isnan(found[0, 5])


@pytest.mark.parametrize(
    "value, mask, direction, error, words",
    [
        (np.nan, 1, "UP", DataError, "not finite"),
        (np.inf, 1, "UP", DataError, "not finite"),
        (1.0, 2, "UP", DataError, "0 and 1"),
        (1.0, 1, "SIDEWAYS", UnknownNameError, "SIDEWAYS"),
    ],
)
def test_sequence__refused(value, mask, direction, error, words):
    """Values that cannot be are errors, never defaults."""
    sequence, marks = np.ones((2, SEQUENCE_LENGTH)), ONES.copy()
    sequence[1, 3], marks[1, 3] = value, mask
    with pytest.raises(error, match=words):
        sequence_matrix(sequence, marks, np.array(["UP", direction], dtype=object))


def test_sequence__of_another_length_is_refused():
    """A sequence of four channels is not one of seven."""
    with pytest.raises(DataError, match=r"\(2, 160\)"):
        sequence_matrix(np.ones((2, 160)), np.ones((2, 160)), BOTH)


@pytest.mark.parametrize(
    "values, centre, scale, state",
    [
        (np.arange(101.0), 50.0, 50 / 1.3489795003921634, "ok"),
        ([*np.arange(101.0), np.nan, np.nan], 50.0, 50 / 1.3489795003921634, "ok"),
        ([5.0] * 90 + [15.0] * 10, 5.0, 3.0, "ok"),  # the range between quartiles is 0
        ([3.0] * 40, 3.0, 1.0, "constant"),
        ([1e9] * 20 + [1e9 + 1e-2] * 20, 1e9 + 5e-3, 1.0, "constant"),
        (np.arange(29.0), 0.0, 1.0, "unavailable"),
        ([np.nan] * 50, 0.0, 1.0, "unavailable"),
    ],
)
def test_statistic__table(values, centre, scale, state):
    """Median and quartiles of known values; too few, or all equal, are said to be so."""
    found = statistic(np.array(values, dtype=float))
    assert (found.centre, found.scale) == pytest.approx((centre, scale), rel=1e-12)
    assert found.state == state
    assert found.n == np.sum(~np.isnan(np.array(values, dtype=float)))


def small_scaling():
    """A scaling over the shipped set `ta@v1`, from made rows."""
    signals = samples.signals_table(samples.sessions(4), 25)
    features = samples.feature_set()
    columns = {
        c.name: np.array(signals[c.name].to_pylist(), dtype=object if c.enum else float)
        for c in features.columns
    }
    matrix = model_matrix(features, columns)
    sequences = np.random.default_rng(0).normal(size=(len(matrix), SEQUENCE_LENGTH))
    return features, matrix, sequences, fit_scaling(features, matrix, sequences)


def test_inputs__unknown_is_marked_and_not_imputed():
    """NaN becomes 0 with mark 0; a known value has mark 1; far values stop at the clip."""
    _, matrix, sequences, scaling = small_scaling()
    row, sequence = matrix[:1].copy(), sequences[:1].copy()
    row[0, 0], row[0, 1] = 1e9, np.nan
    sequence[0, :7] = np.nan
    found = network_inputs(scaling, row, sequence)
    assert found.static[0, :4].tolist() == [scaling.clip, 1.0, 0.0, 0.0]
    assert (found.known[0, :, 0] == 0).all()
    assert (found.known[0, :, 1:] == 1).all()
    assert (found.values[0, :, 0] == 0).all()
    first = scaling.channels[SEQUENCE_CHANNELS[0]]
    assert found.values[0, 0, 1] == pytest.approx((sequence[0, 7] - first.centre) / first.scale)
    assert found.static.shape[1] == scaling.n_static
    assert np.isfinite(found.static).all()


def test_inputs__category_is_one_mark_of_its_enumeration():
    """A category is one of its marks; an unknown one is none of them."""
    features, matrix, sequences, scaling = small_scaling()
    width = sum(scaling.categories.values())
    found = network_inputs(scaling, matrix, sequences).static[:, -width:]
    kinds, directions = found[:, :6], found[:, 6:]
    at = features.names.index("level_kind")
    assert kinds.argmax(axis=1).tolist() == matrix[:, at].tolist()
    assert (kinds.sum(axis=1) == 1).all()
    assert (directions.sum(axis=1) == 1).all()
    unknown = matrix[:1].copy()
    unknown[0, at] = np.nan
    assert (
        network_inputs(scaling, unknown, sequences[:1]).static[0, -width:-2].tolist() == [0.0] * 6
    )


def test_scaling__file_keeps_every_bit():
    """What is written reads back equal."""
    *_, scaling = small_scaling()
    assert Scaling.model_validate_json(scaling.to_bytes(), strict=True) == scaling
    assert json.loads(scaling.to_bytes())["schema_version"] == 1


def test_extra__missing_is_named(monkeypatch):
    """Without the optional packages the trainer says which extra brings them."""
    monkeypatch.setattr(extra, "find_spec", lambda name: None if name == "jax" else object())
    with pytest.raises(ConfigError, match=r"needs jax.*pip install '\.\[sequence\]'"):
        trainer_of("patchtst_event")
