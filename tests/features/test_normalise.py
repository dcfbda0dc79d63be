"""The normaliser of the episode vector: golden numbers by hand, degenerate scales, windows."""

from __future__ import annotations

import statistics
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from spymaster_lake.contracts.errors import DataError, InsufficientHistoryError
from spymaster_lake.contracts.index_blocks import NormalisationBlock
from spymaster_lake.contracts.vector import VECTOR_DIMENSION, VECTOR_FEATURES, vector_index
from spymaster_lake.contracts.vector_model import Method
from spymaster_lake.features.normalise import Normaliser, day_number, fit_normaliser, fit_window

NAN = float("nan")
N = 40
DAYS = np.arange(N, dtype=np.int32) + 20_000

Z_ENTRY, R_ENTRY, M_ENTRY, P_ENTRY = (
    vector_index(name) for name in ("atr", "ofi_30s", "minutes_since_open", "sweep_detected")
)


def block_of(entry: int, values: list[float]) -> NormalisationBlock:
    """A fit where one entry has these values and the others are unknown."""
    raw = np.full((len(values), VECTOR_DIMENSION), NAN, np.float32)
    raw[:, entry] = values
    days = np.arange(len(values), dtype=np.int32) + 20_000
    return fit_normaliser(raw, days, lookback_days=60)


def normalised(block: NormalisationBlock, entry: int, values: list[float]) -> list[float]:
    """Normalised values of one entry."""
    raw = np.full((len(values), VECTOR_DIMENSION), NAN)
    raw[:, entry] = values
    return Normaliser.of(block).apply(raw)[:, entry].tolist()


def test_z_score__by_hand():
    """Mean 2 and ddof-1 deviation sqrt(40/39) of twenty 1s and twenty 3s; clipped at 4 sigma."""
    block = block_of(Z_ENTRY, [1.0, 3.0] * 20)
    found = block.features[Z_ENTRY]
    assert (found.center, found.scale_source) == (2.0, "std")
    assert found.scale == pytest.approx((40 / 39) ** 0.5, rel=1e-15)
    sigma = (40 / 39) ** 0.5
    values = [2.0, 3.0, 2.0 - 3.9 * sigma, 7.0, -50.0, NAN]
    expected = [0.0, 1 / sigma, -3.9, 4.0, -4.0, 0.0]
    assert normalised(block, Z_ENTRY, values) == pytest.approx(expected, abs=1e-12)


def test_robust__by_hand():
    """Median 20 and quartiles 10 and 30 of 0 … 40: the scale is 20 / 1.349."""
    block = block_of(R_ENTRY, [float(i) for i in range(41)])
    found = block.features[R_ENTRY]
    assert (found.center, found.scale_source) == (20.0, "iqr")
    assert found.scale == pytest.approx(20 / 1.349, rel=1e-15)
    values = [20.0, 30.0, 0.0, 1000.0, NAN]
    assert normalised(block, R_ENTRY, values) == pytest.approx([0, 0.6745, -1.349, 4, 0], abs=1e-12)


def test_robust__quantiles_interpolate_linearly():
    """Quartiles of 40 values lie between order statistics: 9.75 and 29.25."""
    found = block_of(R_ENTRY, [float(i) for i in range(40)]).features[R_ENTRY]
    assert found.center == 19.5
    assert found.scale == pytest.approx((29.25 - 9.75) / 1.349)


def test_robust__falls_back_to_the_deviation():
    """With IQR 0 the ddof-1 deviation is the scale, around the median."""
    values = [5.0] * 36 + [9.0] * 4
    found = block_of(R_ENTRY, values).features[R_ENTRY]
    assert (found.center, found.scale_source, found.status) == (5.0, "std", "ok")
    assert found.scale == pytest.approx(statistics.stdev(values))


def test_min_max__fixed_range_and_median_fill():
    """The range is that of the table, not of the data; unknown is the normalised fit median."""
    block = block_of(M_ENTRY, [45.0] * 20 + [135.0] * 19 + [NAN] * 5)
    assert block.features[M_ENTRY].fill == 45 / 180
    assert normalised(block, M_ENTRY, [0, 90, 180, 200, -3, NAN]) == [0, 0.5, 1, 1, 0, 0.25]


def test_pass_through__unchanged_and_zero_for_unknown():
    """Entries of method P are not scaled."""
    block = block_of(P_ENTRY, [0.0, 1.0] * 20)
    assert normalised(block, P_ENTRY, [0, 1, -2, NAN]) == [0, 1, -2, 0]


@pytest.mark.parametrize(
    ("entry", "values", "status"),
    [
        pytest.param(Z_ENTRY, [3.0] * N, "constant", id="Z, one value"),
        pytest.param(R_ENTRY, [3.0] * N, "constant", id="R, one value"),
        pytest.param(Z_ENTRY, [0.0] * N, "constant", id="Z, zeros"),
        pytest.param(Z_ENTRY, [2e-7, -2e-7] * 20, "ok", id="Z, tiny but varying"),
        pytest.param(R_ENTRY, [2e-7, -2e-7] * 20, "ok", id="R, tiny but varying"),
        pytest.param(Z_ENTRY, [1.0, 2.0] * 14 + [1.0], "unavailable", id="29 values"),
        pytest.param(Z_ENTRY, [1.0, 2.0] * 15, "ok", id="30 values"),
        pytest.param(Z_ENTRY, [1.0, 2.0] * 14 + [NAN] * 12, "unavailable", id="28 known of 40"),
        pytest.param(P_ENTRY, [1.0] * 29, "unavailable", id="P, 29 values"),
        pytest.param(P_ENTRY, [1.0] * N, "ok", id="P, one value"),
    ],
)
def test_status__degenerate_scale_is_relative(entry, values, status):
    """A scale counts unless it is below 1e-9 of the largest value; too few values are unavailable."""
    block = block_of(entry, values)
    assert block.features[entry].status == status
    name = VECTOR_FEATURES[entry].name
    assert (name in block.constant) == (status == "constant")
    assert (name in block.unavailable) == (status == "unavailable")
    if status != "ok":
        assert normalised(block, entry, [7.0, NAN]) == [0.0, 0.0]
    else:
        assert normalised(block, entry, [values[0]])[0] != 0.0


def slow_entry(method: Method, column: list[float], value: float, low, high) -> float:
    """One normalised value straight from the text, in plain Python."""
    known = sorted(x for x in column if x == x)
    if len(known) < 30:
        return 0.0

    def quantile(q: float) -> float:
        at = q * (len(known) - 1)
        below = int(at)
        above = min(below + 1, len(known) - 1)
        return known[below] + (known[above] - known[below]) * (at - below)

    if method is Method.PASS:
        return 0.0 if value != value else value
    if method is Method.MIN_MAX:
        x = quantile(0.5) if value != value else value
        return min(max((x - low) / (high - low), 0.0), 1.0)
    least = 1e-9 * max(abs(x) for x in known)
    center, scale = statistics.fmean(known), statistics.stdev(known)
    if method is Method.ROBUST:
        center, spread = quantile(0.5), (quantile(0.75) - quantile(0.25)) / 1.349
        scale = spread if spread > least else scale
    if scale <= least or value != value:
        return 0.0
    return min(max((value - center) / scale, -4.0), 4.0)


def test_apply__equals_the_slow_oracle():
    """All 149 entries agree with plain Python on a fit with unknowns of every share."""
    rng = np.random.default_rng(3)
    raw = rng.standard_normal((60, VECTOR_DIMENSION)).astype(np.float32)
    raw *= np.geomspace(1e-7, 1e5, VECTOR_DIMENSION, dtype=np.float32)
    raw[rng.random(raw.shape) < np.linspace(0, 0.6, VECTOR_DIMENSION)] = NAN
    block = fit_normaliser(raw, np.arange(60, dtype=np.int32), lookback_days=60)
    assert block.unavailable
    found = Normaliser.of(block).apply(raw)
    for feature in VECTOR_FEATURES:
        column = [float(x) for x in raw[:, feature.index]]
        expected = [
            slow_entry(feature.method, column, x, feature.low, feature.high) for x in column
        ]
        assert found[:, feature.index] == pytest.approx(expected, rel=1e-9, abs=1e-9), feature.name


def test_apply__a_row_alone_gives_the_same_bits():
    """A query is normalised exactly as the corpus was."""
    raw = np.random.default_rng(5).standard_normal((64, VECTOR_DIMENSION)).astype(np.float32)
    normaliser = Normaliser.of(fit_normaliser(raw, np.zeros(64, np.int32), lookback_days=60))
    together = normaliser.apply(raw)
    alone = np.vstack([normaliser.apply(raw[i : i + 1]) for i in range(64)])
    assert together.tobytes() == alone.tobytes()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=30, max_size=60), st.floats(-1e9, 1e9))
def test_apply__stays_in_its_range(values, query):
    """Whatever the fit, Z and R lie in [-4, 4], M in [0, 1], and nothing is NaN."""
    raw = np.repeat(np.array(values, np.float32)[:, None], VECTOR_DIMENSION, axis=1)
    block = fit_normaliser(raw, np.zeros(len(raw), np.int32), lookback_days=60)
    found = Normaliser.of(block).apply(np.full((1, VECTOR_DIMENSION), query))[0]
    assert np.isfinite(found).all()
    for feature in VECTOR_FEATURES:
        value = found[feature.index]
        if feature.method is Method.MIN_MAX:
            assert 0 <= value <= 1
        elif feature.method is not Method.PASS:
            assert -4 <= value <= 4


def test_apply__refuses_infinity_and_other_shapes():
    """An infinite entry is an error that names it; so is a vector of another length."""
    block = block_of(Z_ENTRY, [1.0, 3.0] * 20)
    bad = np.zeros((2, VECTOR_DIMENSION))
    bad[1, Z_ENTRY] = -np.inf
    with pytest.raises(DataError, match="'atr' of row 1"):
        Normaliser.of(block).apply(bad)
    with pytest.raises(DataError, match="149"):
        Normaliser.of(block).apply(np.zeros((1, 144)))
    with pytest.raises(DataError, match="infinite"):
        fit_normaliser(bad.astype(np.float32), np.zeros(2, np.int32), lookback_days=60)


def test_block__is_a_closed_table():
    """A block without an entry, or with another method, is refused; a whole one survives JSON."""
    block = block_of(Z_ENTRY, [1.0, 3.0] * 20)
    assert NormalisationBlock.model_validate_json(block.model_dump_json()) == block
    plain = block.model_dump(mode="json")
    with pytest.raises(ValidationError, match="entry 148 differs"):
        NormalisationBlock.model_validate({**plain, "features": plain["features"][:-1]})
    plain["features"][2]["method"] = "R"
    with pytest.raises(ValidationError, match="entry 2 differs"):
        NormalisationBlock.model_validate(plain)


AS_OF = date(2025, 3, 1)


def test_fit_window__strictly_before_and_sixty_days_back():
    """The window holds as_of - 60 and as_of - 1, not as_of - 61 and not as_of."""
    days = [AS_OF - timedelta(days=d) for d in (61, *range(60, 0, -1), 0)]
    numbers = np.repeat(np.array([day_number(d) for d in days], np.int32), 10)
    inside = fit_window(numbers, as_of=AS_OF, lookback_days=60)
    assert inside.sum() == 600
    assert not inside[:10].any()
    assert not inside[-10:].any()


@pytest.mark.parametrize(
    ("sessions", "per_session", "enough"),
    [(20, 25, True), (19, 30, False), (20, 24, False), (25, 20, True)],
)
def test_fit_window__needs_twenty_sessions_and_five_hundred_episodes(sessions, per_session, enough):
    """Both limits hold, and the error says what was found."""
    days = [day_number(AS_OF) - 1 - i for i in range(sessions) for _ in range(per_session)]
    days = np.array(days, np.int32)
    if enough:
        assert fit_window(days, as_of=AS_OF, lookback_days=60).all()
    else:
        found = rf"{sessions * per_session} episodes on {sessions} session dates"
        with pytest.raises(InsufficientHistoryError, match=found):
            fit_window(days, as_of=AS_OF, lookback_days=60)
