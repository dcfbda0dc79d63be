"""Fitting `patchtst_event`: targets, losses, determinism, what is learnt and what is not."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from spymaster_lake.contracts.bundle import required_heads
from spymaster_lake.evaluation.forecasts import log_loss_rows
from spymaster_lake.evaluation.intervals import session_interval
from spymaster_lake.training.folds import fit_fold, measure_block
from spymaster_lake.training.patchtst.fit import losses
from spymaster_lake.training.patchtst.recipe import PATCHTST_HEADS
from spymaster_lake.training.patchtst.trainer import PatchTstEvent
from spymaster_lake.training.sufficiency import count_heads
from tests.training import samples
from tests.training.sequence_samples import FAST, NEEDS_EXTRA, changed, flow_breaks, made, split_of

pytestmark = NEEDS_EXTRA


def fitted(data, seed=1):
    """The model of the split's training rows."""
    return PatchTstEvent(FAST).fit(
        data, split_of(data), samples.feature_set(), heads=PATCHTST_HEADS, seed=seed
    )


@lru_cache
def planted():
    """Data with an effect in the order flow, and the model of it."""
    data = made(flow_breaks)
    return data, fitted(data)


def test_heads__are_the_three_of_4min():
    """What is learnt is what a served model must have."""
    names = [head.name for head in PATCHTST_HEADS]
    assert names == ["tradeable_4min", "direction_4min", "strength_4min"]
    assert sorted(names) == sorted(required_heads("patchtst_event"))


NAN = float("nan")


@pytest.mark.parametrize(
    "outcome, tested, expected",
    [
        ("BREAK", True, (1.0, 1.0, 0.75)),
        ("REJECT", True, (1.0, 0.0, 0.75)),
        ("CHOP", True, (0.0, NAN, 0.75)),
        ("NO_TEST", False, (0.0, NAN, NAN)),
        (None, True, (0.0, NAN, 0.75)),
    ],
)
def test_targets__table(outcome, tested, expected):
    """Direction only where tradeable, strength only where tested."""
    labels = {
        "outcome_4min": np.array([outcome], dtype=object),
        "tested": np.array([tested], dtype=object),
        "mfe_atr_4min": np.array([1.0]),
        "mae_atr_4min": np.array([0.25]),
    }
    found = [float(head.truth(labels)[0]) for head in PATCHTST_HEADS]
    np.testing.assert_array_equal(found, expected)


def test_losses__by_hand():
    """Cross-entropy and smooth L1, each over its own rows; others count for nothing."""
    config = FAST.config(PATCHTST_HEADS, 1)
    outputs = np.array([[0.0, 2.0, 1.0], [1.0, -9.0, 4.0]])
    targets = np.array([[1.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    mine = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    tradeable = (math.log(2) + math.log(1 + math.e)) / 2
    direction = math.log(1 + math.exp(-2))
    strength = (0.5 * 0.5**2 + (3.0 - 0.5)) / 2
    found = losses(np, config, FAST, outputs, targets, mine)
    assert found == pytest.approx(tradeable + direction + strength, rel=1e-12)
    mine[:, 1] = 0
    without = losses(np, config, FAST, outputs, targets, mine)
    assert without == pytest.approx(tradeable + strength, rel=1e-12)


def test_fit__same_seed_same_model():
    """Two trainings with one seed give identical files and forecasts; another seed does not."""
    data, first = planted()
    again, other = fitted(data), fitted(data, seed=2)
    assert first.files() == again.files()
    rows = split_of(data).test
    for head, p in first.predict(data, rows).items():
        assert np.array_equal(p, again.predict(data, rows)[head])
        assert not np.array_equal(p, other.predict(data, rows)[head])


def test_fit__looks_at_no_test_row_and_scales_by_training_rows():
    """Other test rows change nothing; other validation rows do not touch the scaling."""
    data, model = planted()
    split = split_of(data)
    blind = fitted(changed(data, split.test))
    assert blind.files() == model.files()
    judged = fitted(changed(data, split.val))
    assert judged.network.scaling == model.network.scaling
    assert judged.history != model.history
    moved = fitted(changed(data, split.train[:200]))
    assert moved.network.scaling != model.network.scaling


def test_fit__starts_from_the_base_rate():
    """Before the first step the network says the training base rate: B0."""
    data, split = planted()[0], split_of(planted()[0])
    still = PatchTstEvent(replace(FAST, max_epochs=0)).fit(
        data, split, samples.feature_set(), heads=PATCHTST_HEADS, seed=1
    )
    assert still.best == 0
    for head in PATCHTST_HEADS:
        truth = head.truth(data.labels)[split.train]
        found = still.predict(data, split.test)[head.name]
        np.testing.assert_allclose(found, np.nanmean(truth), rtol=1e-6)


def test_fit__keeps_the_best_epoch():
    """The kept epoch has the lowest validation loss of the history."""
    _, model = planted()
    losses_by_epoch = [epoch.val for epoch in model.history]
    assert model.best == int(np.argmin(losses_by_epoch)) > 0
    assert [epoch.epoch for epoch in model.history] == list(range(len(model.history)))
    assert model.history[0].train is None


def gain_over_b0(data, model):
    """Interval over test sessions of the log-loss that direction gains over its base rate."""
    split, head = split_of(data), PATCHTST_HEADS[1]
    truth = head.truth(data.labels)
    rows = split.test[~np.isnan(truth[split.test])]
    p, y = model.predict(data, rows)[head.name], truth[rows].astype(np.int64)
    rate = np.full(len(rows), np.nanmean(truth[split.train]))
    loss = [log_loss_rows(np.column_stack([1 - q, q]), y, clip=1e-6) for q in (rate, p)]
    return session_interval(loss[0] - loss[1], data.session[rows], seed=1)


def test_fit__learns_a_planted_pattern():
    """An effect in the order flow is found on test sessions."""
    assert gain_over_b0(*planted())[0] > 0.02


def test_fit__finds_nothing_in_noise():
    """Without an effect, direction is no better than its base rate."""
    data = made()
    low, high = gain_over_b0(data, fitted(data))
    assert low < 1e-6  # single precision rounds the base rate itself
    assert high < 0.05


def test_predict__row_by_row_equals_all_together():
    """A forecast has the same bits whatever rows stand beside it."""
    data, model = planted()
    rows = split_of(data).test[:20]
    together = model.predict(data, rows)
    for i, row in enumerate(rows):
        alone = model.predict(data, np.array([row]))
        assert {head: p[0] for head, p in alone.items()} == {h: p[i] for h, p in together.items()}


def test_events__without_a_sequence_are_no_rows():
    """An event that episode construction rejected is left out and counted."""
    data = made(absent=5)
    assert data.eligibility.reasons == {"NO_EXTRA_ROW": 5}
    assert len(data.event_id) == data.eligibility.eligible == data.eligibility.events - 5
    assert data.extra["sequence"].shape == (len(data.event_id), 280)


def test_fold__same_measures_as_every_trainer():
    """The fold gives the measures and the composed forecast that the gates read."""
    data = planted()[0]
    split, trainer = split_of(data), PatchTstEvent(FAST)
    fold = fit_fold(
        trainer, data, split, samples.feature_set(), count_heads(data, split, trainer.heads), seed=1
    )
    measures = measure_block(data, fold.heads, [fold.val], seed=1)
    assert set(measures) == {*(h.name for h in PATCHTST_HEADS), "composed_4min"}
    assert measures["direction_4min"]["overall"]["log_loss_gain_b1"] > 0
