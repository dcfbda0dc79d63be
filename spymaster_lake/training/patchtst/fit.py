"""Training by gradient: AdamW on minibatches, the weights of the best validation epoch are kept.

Deterministic: order and dropout follow from the seed, and XLA has one CPU thread, so that no sum of
floats depends on the machine's number of cores. JAX is imported only when something is fitted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.serving.patchtst.network import NetworkConfig, forward
from spymaster_lake.serving.patchtst.scaling import NetworkInputs
from spymaster_lake.training.patchtst.recipe import Recipe
from spymaster_lake.training.patchtst.weights import initial_weights

FloatArray = NDArray[np.float64]
Weights = dict[str, NDArray[np.float32]]
_THREADS = "NPROC"
"""Environment variable that XLA's CPU client reads once, when it is made, for its threads."""


@dataclass(frozen=True)
class Rows:
    """Rows to learn from or to choose by.

    Attributes:
        inputs: scaled, n rows.
        targets: float64[n, heads]; NaN where a row is none of the head's.
    """

    inputs: NetworkInputs
    targets: FloatArray


@dataclass(frozen=True, slots=True)
class Epoch:
    """Mean losses after an epoch; epoch 0 is before the first step. `train` is null there."""

    epoch: int
    train: float | None
    val: float


@dataclass(frozen=True)
class Fit:
    """Kept weights, and how the losses went.

    Attributes:
        weights: float32 arrays by name, of the epoch `best`.
        best: epoch with the lowest validation loss, the earliest of equal ones.
        history: all epochs.
    """

    weights: Weights
    best: int
    history: tuple[Epoch, ...]


def fit_network(config: NetworkConfig, recipe: Recipe, train: Rows, val: Rows, *, seed: int) -> Fit:
    """Fit the network of `config`.

    Args:
        config: architecture; its heads are the columns of the targets.
        recipe: hyper-parameters.
        train: rows to learn from; every head has at least one.
        val: rows to choose the epoch by.
        seed: of weights, order and dropout.
    """
    import jax

    means = [float(np.nanmean(column)) for column in train.targets.T]
    weights = initial_weights(config, means, seed=seed)
    with jax.default_device(_one_thread()):
        return _run(config, recipe, train, val, weights, seed)


def _one_thread() -> Any:
    """XLA's CPU with one thread; one that this process has made already stays as it is.

    With more threads XLA splits loops differently, and the last bits of a loss depend on the machine.
    """
    import jax

    before = os.environ.pop(_THREADS, None)
    os.environ[_THREADS] = "1"
    try:
        return jax.devices("cpu")[0]
    finally:
        del os.environ[_THREADS]
        if before is not None:
            os.environ[_THREADS] = before


def _run(
    config: NetworkConfig, recipe: Recipe, train: Rows, val: Rows, weights: Weights, seed: int
) -> Fit:
    import jax

    start, one_epoch, whole_loss = _compiled(config, recipe)
    batch = min(recipe.batch, len(train.targets))
    learn, judge = _arrays(train), _arrays(val)
    rng, key = np.random.Generator(np.random.PCG64(seed)), jax.random.key(seed)
    state: tuple[Any, Any] = (weights, start(weights))
    history = [Epoch(0, None, float(whole_loss(weights, judge)))]
    best, kept = 0, weights
    for epoch in range(1, recipe.max_epochs + 1):
        steps = _steps(rng.permutation(len(train.targets)), batch)
        state, found_train = one_epoch(state, learn, steps, jax.random.fold_in(key, epoch))
        found = Epoch(epoch, float(np.mean(found_train)), float(whole_loss(state[0], judge)))
        history.append(found)
        if found.val < history[best].val:
            best, kept = epoch, state[0]
        if epoch - best >= recipe.patience:
            break
    return Fit({name: np.asarray(w) for name, w in kept.items()}, best, tuple(history))


def losses(
    xp: Any, config: NetworkConfig, recipe: Recipe, outputs: Any, targets: Any, known: Any
) -> Any:
    """The weighted sum over heads of the mean loss of each head's own rows.

    Cross-entropy for binary heads, smooth L1 for regressions; a head without rows adds 0.

    Args:
        xp: `numpy` or `jax.numpy`.
        config: heads in order.
        recipe: weights of the tasks, and where smooth L1 turns.
        outputs: float[n, heads] of `forward`.
        targets: float[n, heads]; any finite number where not known.
        known: float[n, heads], 1 where the row is one of the head's.
    """
    total = 0.0
    for i, output in enumerate(config.heads):
        z, y = outputs[:, i], targets[:, i]
        if output.task == "binary":
            weight = recipe.binary_weight
            each = xp.maximum(z, 0.0) - z * y + xp.log1p(xp.exp(-xp.abs(z)))
        else:
            weight = recipe.regression_weight
            beta, gap = recipe.smooth_l1_beta, xp.abs(z - y)
            each = xp.where(gap < beta, 0.5 * gap * gap / beta, gap - 0.5 * beta)
        mean = xp.sum(each * known[:, i]) / xp.maximum(xp.sum(known[:, i]), 1.0)
        total = total + weight * mean
    return total


def _optimiser(config: NetworkConfig, recipe: Recipe) -> Any:
    import optax

    decays = {name: name.endswith(".kernel") for name in config.shapes()}
    return optax.chain(
        optax.clip_by_global_norm(recipe.max_norm),
        optax.adamw(
            recipe.learning_rate,
            b1=recipe.beta_1,
            b2=recipe.beta_2,
            eps=recipe.epsilon,
            weight_decay=recipe.weight_decay,
            mask=decays,
        ),
    )


@lru_cache(maxsize=4)
def _compiled(
    config: NetworkConfig, recipe: Recipe
) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """The optimiser's start, one epoch of steps, and the loss over all rows without dropout."""
    import jax
    import jax.numpy as jnp
    import optax

    optimiser = _optimiser(config, recipe)

    def loss(weights: Any, rows: Mapping[str, Any], drop: Callable[[Any], Any]) -> Any:
        read = {name: rows[name] for name in ("values", "known", "static")}
        outputs = forward(jnp, config, weights, **read, drop=drop)
        return losses(jnp, config, recipe, outputs, rows["targets"], rows["mine"])

    def one_epoch(state: Any, data: Any, steps: Any, key: Any) -> Any:
        def step(carry: Any, number: Any) -> Any:
            weights, memory = carry
            chosen, own = steps[number], jax.random.fold_in(key, number)
            rows = {name: array[chosen] for name, array in data.items()}
            rows["mine"] = rows["mine"] * (chosen >= 0)[:, None]
            value, slope = jax.value_and_grad(loss)(weights, rows, _dropout(recipe.dropout, own))
            change, memory = optimiser.update(slope, memory, weights)
            return (optax.apply_updates(weights, change), memory), value

        return jax.lax.scan(step, state, jnp.arange(len(steps)))

    def whole(weights: Any, data: Any) -> Any:
        return loss(weights, data, lambda x: x)

    return jax.jit(optimiser.init), jax.jit(one_epoch), jax.jit(whole)


def _dropout(rate: float, key: Any) -> Callable[[Any], Any]:
    """A function that drops; each call draws anew."""
    import jax
    import jax.numpy as jnp

    calls = iter(range(1000))

    def drop(x: Any) -> Any:
        keep = jax.random.bernoulli(jax.random.fold_in(key, next(calls)), 1.0 - rate, x.shape)
        return jnp.where(keep, x / (1.0 - rate), 0.0)

    return drop


def _steps(order: NDArray[np.int64], batch: int) -> NDArray[np.int64]:
    """Row numbers of every batch: int64[steps, batch]; the last is filled up with -1, no row."""
    steps = -(-len(order) // batch)
    out = np.full(steps * batch, -1, dtype=np.int64)
    out[: len(order)] = order
    return out.reshape(steps, batch)


def _arrays(rows: Rows) -> dict[str, NDArray[np.float32]]:
    """float32 arrays for JAX; a target that is none becomes 0 and counts for nothing."""
    known = ~np.isnan(rows.targets)
    arrays = {
        "values": rows.inputs.values,
        "known": rows.inputs.known,
        "static": rows.inputs.static,
        "targets": np.where(known, rows.targets, 0.0),
        "mine": known.astype(np.float64),
    }
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def rows_of(inputs: NetworkInputs, truths: Sequence[FloatArray], chosen: NDArray[np.int64]) -> Rows:
    """The chosen rows with the truth of each head side by side."""
    return Rows(inputs.take(chosen), np.column_stack([truth[chosen] for truth in truths]))
