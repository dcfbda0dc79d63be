"""The network of `patchtst_event`: shapes, patches, masks, and a slow oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from spymaster_lake.serving.patchtst.network import NetworkConfig, Output, forward, patch_steps

HEADS = (Output(head="a", task="binary"), Output(head="b", task="regression"))
TINY = NetworkConfig(
    heads=HEADS, channels=2, steps=10, n_static=3, patch=4, stride=3, d_model=4,
    attention_heads=2, layers=2, d_ff=5, d_static=3,
)  # fmt: skip


def weights_of(config, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 0.6, shape) for name, shape in config.shapes().items()}


def inputs_of(config, n=3, seed=1, share=0.6):
    rng = np.random.default_rng(seed)
    shape = (n, config.channels, config.steps)
    known = (rng.random(shape) < share).astype(float)
    return {
        "values": rng.normal(size=shape) * known,
        "known": known,
        "static": rng.normal(size=(n, config.n_static)),
    }


@pytest.mark.parametrize(
    "steps, patch, stride, patches",
    [(40, 8, 4, 9), (40, 8, 8, 5), (40, 40, 1, 1), (10, 4, 3, 3)],
)
def test_patches__cover_every_step(steps, patch, stride, patches):
    """Patches overlap as configured, and together hold each step; the last ends with the last."""
    config = TINY.model_copy(update={"steps": steps, "patch": patch, "stride": stride})
    found = patch_steps(config)
    assert found.shape == (patches, patch)
    assert set(found.ravel().tolist()) == set(range(steps))
    assert found[-1, -1] == steps - 1


@pytest.mark.parametrize("changes", [{"patch": 5}, {"patch": 11}, {"attention_heads": 3}])
def test_config__refuses_what_does_not_fit(changes):
    """A patch grid that leaves steps out, or heads that do not divide the width, are refused."""
    with pytest.raises(ValidationError):
        NetworkConfig.model_validate({**TINY.model_dump(), **changes})


@pytest.mark.parametrize("n", [1, 4])
def test_forward__shape(n):
    """One output per row and head."""
    assert forward(np, TINY, weights_of(TINY), **inputs_of(TINY, n)).shape == (n, 2)


def test_forward__is_blind_to_hidden_values():
    """Whatever stands where nothing was observed, the outputs are the same bits."""
    weights, given = weights_of(TINY), inputs_of(TINY)
    noisy = {**given, "values": np.where(given["known"] == 1, given["values"], 1e6)}
    assert (given["known"] == 0).any()
    assert np.array_equal(forward(np, TINY, weights, **given), forward(np, TINY, weights, **noisy))


def test_forward__hidden_patch_is_neither_attended_nor_pooled():
    """A patch without an observed step has no influence, not even by its position."""
    weights, given = weights_of(TINY), inputs_of(TINY, share=1.1)
    given["known"][:, :, :4] = 0  # the first patch of every channel: padding on the left
    moved = {**weights, "patch.position": weights["patch.position"].copy()}
    moved["patch.position"][0, 0] += 100
    before, after = (forward(np, TINY, w, **given) for w in (weights, moved))
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-12)
    given["known"][:, :, 3] = 1
    assert np.abs(forward(np, TINY, moved, **given) - before).max() > 1e-3


def test_forward__nothing_observed():
    """Without any observed step only the static block speaks, and numbers stay finite."""
    weights, given = weights_of(TINY), inputs_of(TINY, 2)
    given["known"][:] = 0
    first = forward(np, TINY, weights, **given)
    assert np.isfinite(first).all()
    given["static"][1] = given["static"][0]
    equal = forward(np, TINY, weights, **given)
    assert np.array_equal(equal[0], equal[1])
    assert not np.array_equal(first[0], first[1])


def test_forward__tells_channels_apart():
    """Pooling over channels does not lose which channel said what."""
    weights, given = weights_of(TINY), inputs_of(TINY)
    swapped = {**given, **{name: given[name][:, ::-1] for name in ("values", "known")}}
    assert (
        np.abs(forward(np, TINY, weights, **swapped) - forward(np, TINY, weights, **given)).max()
        > 1e-3
    )


def test_forward__equals_the_oracle():
    """The arrays compute what loops over rows, channels and patches compute."""
    weights, given = weights_of(TINY), inputs_of(TINY)
    found = forward(np, TINY, weights, **given)
    for row in range(len(found)):
        expected = oracle(TINY, weights, {k: v[row].tolist() for k, v in given.items()})
        np.testing.assert_allclose(found[row], expected, rtol=1e-12, atol=1e-12)


def test_forward__jax_equals_numpy():
    """Training and serving run the same function; single precision costs a few units in 1e6."""
    jax = pytest.importorskip("jax", reason="the extra 'sequence' is not installed")
    weights, given = weights_of(TINY), inputs_of(TINY, 8)
    single = [{k: v.astype(np.float32) for k, v in part.items()} for part in (weights, given)]
    found = jax.jit(lambda w, x: forward(jax.numpy, TINY, w, **x))(*single)
    np.testing.assert_allclose(found, forward(np, TINY, weights, **given), rtol=1e-4, atol=1e-5)


def dense(weights, name, x):
    kernel, bias = weights[f"{name}.kernel"].tolist(), weights[f"{name}.bias"].tolist()
    return [sum(v * kernel[i][j] for i, v in enumerate(x)) + bias[j] for j in range(len(bias))]


def norm(weights, name, x):
    mean = sum(x) / len(x)
    spread = math.sqrt(sum((v - mean) ** 2 for v in x) / len(x) + 1e-5)
    scale, bias = weights[f"{name}.scale"].tolist(), weights[f"{name}.bias"].tolist()
    return [(v - mean) / spread * s + b for v, s, b in zip(x, scale, bias)]


def gelu(x):
    return [0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))) for v in x]


def plus(*vectors):
    return [sum(parts) for parts in zip(*vectors)]


def attention(config, weights, name, tokens, shown):
    """Tokens of one channel; `shown` says which may be attended to."""
    d, each = config.d_model, config.d_model // config.attention_heads
    mixed = [dense(weights, f"{name}.in", norm(weights, f"{name}.norm", t)) for t in tokens]
    out = []
    for q in mixed:
        joined = []
        for h in range(config.attention_heads):
            part = slice(h * each, (h + 1) * each)
            scores = [
                sum(a * b for a, b in zip(q[part], k[d:][part])) / math.sqrt(each) for k in mixed
            ]
            power = [math.exp(s) if see else 0.0 for s, see in zip(scores, shown)]
            for i in range(each):
                value = sum(p * k[2 * d + h * each + i] for p, k in zip(power, mixed))
                joined.append(value / sum(power))
        out.append(dense(weights, f"{name}.out", joined))
    return out


def oracle(config, weights, row):
    """One row in plain Python, straight from the description of the network."""
    pooled, count = [0.0] * config.d_model, 0
    for c in range(config.channels):
        tokens, shown = [], []
        for p in range(config.patches):
            steps = range(p * config.stride, p * config.stride + config.patch)
            seen = [row["known"][c][s] for s in steps]
            raw = [row["values"][c][s] * k for s, k in zip(steps, seen)] + seen
            place = (
                weights["patch.position"][0][p].tolist(),
                weights["patch.channel"][c][0].tolist(),
            )
            tokens.append(plus(dense(weights, "patch", raw), *place))
            shown.append(any(seen))
        if not any(shown):
            continue
        for i in range(config.layers):
            found = attention(config, weights, f"layer{i}.attention", tokens, shown)
            tokens = [plus(t, f) for t, f in zip(tokens, found)]
            for j, t in enumerate(tokens):
                inner = gelu(
                    dense(weights, f"layer{i}.mlp.in", norm(weights, f"layer{i}.mlp.norm", t))
                )
                tokens[j] = plus(t, dense(weights, f"layer{i}.mlp.out", inner))
        for t, see in zip(tokens, shown):
            if see:
                pooled, count = plus(pooled, norm(weights, "norm", t)), count + 1
    joint = [v / max(count, 1) for v in pooled] + gelu(dense(weights, "static", row["static"]))
    return dense(weights, "heads", joint)
