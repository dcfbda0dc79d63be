"""Compressors, feature weights and unit vectors."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.contracts.errors import ConfigError, UnknownNameError
from spymaster_lake.contracts.index_blocks import CompressorBlock
from spymaster_lake.contracts.vector import VECTOR_DIMENSION, VECTOR_NAMES
from spymaster_lake.features.compress import (
    Compressor,
    Projection,
    fit_compressor,
    unit_rows,
    weight_vector,
)
from spymaster_lake.features.normalise import fit_normaliser

ROWS = np.random.default_rng(11).standard_normal((200, VECTOR_DIMENSION)) @ np.diag(
    np.linspace(0.5, 2.0, VECTOR_DIMENSION)
)


@pytest.mark.parametrize(
    ("strategy", "dim", "first", "last"),
    [
        ("geometry_only", 32, "dct_d_atr_c0", "dct_tape_imbalance_c7"),
        ("identity", 149, "minutes_since_open", "dct_tape_imbalance_c7"),
        ("pca_physics", 114, "minutes_since_open", "multiscale_dynamics_pc4"),
    ],
)
def test_fit_compressor__dimensions_and_names(strategy, dim, first, last):
    """Each strategy states its output and names every entry of it."""
    block = fit_compressor(strategy, ROWS, components=5)
    assert (block.output_dim, block.feature_names[0], block.feature_names[-1]) == (dim, first, last)
    assert Compressor.of(block).apply(ROWS).shape == (200, dim)


def test_geometry_only__keeps_the_trajectory_basis():
    """Output = entries 117 to 148, unchanged."""
    block = fit_compressor("geometry_only", np.empty((0, VECTOR_DIMENSION)), components=5)
    assert (Compressor.of(block).apply(ROWS) == ROWS[:, 117:149]).all()
    assert block.feature_names == VECTOR_NAMES[117:]


def test_pca_physics__matches_the_covariance_eigenvectors():
    """Loadings are eigenvectors of the correlation matrix of section B, largest first, signed."""
    block = fit_compressor("pca_physics", ROWS, components=3)
    physics = ROWS[:, 25:65]
    standard = (physics - physics.mean(axis=0)) / physics.std(axis=0)
    values, vectors = np.linalg.eigh(standard.T @ standard)
    loadings = np.array(block.pca.components)
    for i in range(3):
        expected = vectors[:, -1 - i]
        expected = expected * np.sign(expected[np.abs(expected).argmax()])
        assert loadings[i] == pytest.approx(expected, abs=1e-9)
        assert loadings[i][np.abs(loadings[i]).argmax()] > 0
    shares = values[::-1][:3] / values.sum()
    assert block.pca.explained_variance_ratio == pytest.approx(shares.tolist())


def test_pca_physics__order_of_the_output():
    """[A, C, D, E, F] unchanged, then the scores of B."""
    block = fit_compressor("pca_physics", ROWS, components=2)
    found = Compressor.of(block).apply(ROWS)
    assert (found[:, :25] == ROWS[:, :25]).all()
    assert (found[:, 25:109] == ROWS[:, 65:]).all()
    physics = ROWS[:, 25:65]
    scores = ((physics - physics.mean(axis=0)) / physics.std(axis=0)) @ np.array(
        block.pca.components
    ).T
    assert found[:, 109:] == pytest.approx(scores, abs=1e-10)


def test_pca_physics__constant_column_and_json():
    """A column without variance gets scale 1; the block survives JSON to the bit."""
    rows = ROWS.copy()
    rows[:, 30] = 0.0
    block = fit_compressor("pca_physics", rows, components=5)
    assert block.pca.scale[5] == 1.0
    again = CompressorBlock.model_validate_json(block.model_dump_json())
    assert Compressor.of(again).apply(rows).tobytes() == Compressor.of(block).apply(rows).tobytes()


@pytest.mark.parametrize("components", [0, 41])
def test_pca_physics__refuses_other_numbers_of_components(components):
    """Section B has 40 entries."""
    with pytest.raises(ConfigError, match=r"\[1, 40\]"):
        fit_compressor("pca_physics", ROWS, components=components)


def test_fit_compressor__unknown_strategy_lists_near_matches():
    """A typo is not the default."""
    with pytest.raises(UnknownNameError, match="geometry_only"):
        fit_compressor("geometry", ROWS, components=5)


def test_weight_vector__names_only_what_exists():
    """Weights default to 1; unknown names and negative weights are errors."""
    weights = weight_vector({"atr": 0.3})
    assert weights[2] == 0.3
    assert sum(weights) == pytest.approx(148.3)
    with pytest.raises(UnknownNameError):
        weight_vector({"atrr": 0.3})
    with pytest.raises(ConfigError, match="atr"):
        weight_vector({"atr": -1.0})


def test_unit_rows__length_one_and_zero_vectors():
    """3-4-5 by hand; a vector shorter than 1e-12 has no direction."""
    units, valid = unit_rows(np.array([[3.0, 4.0], [0.0, 0.0], [1e-13, 0.0], [0.0, -2e-12]]))
    assert valid.tolist() == [True, False, False, True]
    expected = np.array([[0.6, 0.8], [0, 0], [0, 0], [0, -1]], np.float32)
    assert units.dtype == np.float32
    assert (units == expected).all()


@pytest.mark.parametrize("strategy", ["geometry_only", "identity", "pca_physics"])
def test_projection__a_row_alone_gives_the_same_bits(strategy):
    """A query equal to an indexed episode has its unit vector, bit for bit."""
    raw = ROWS.astype(np.float32)
    normalisation = fit_normaliser(raw, np.zeros(200, np.int32), lookback_days=60)
    compressor = fit_compressor(strategy, ROWS, components=5)
    projection = Projection.of(normalisation, weight_vector({"ofi_60s": 0.5}), compressor)
    together, valid = projection.apply(raw)
    alone = np.vstack([projection.apply(raw[i : i + 1])[0] for i in range(200)])
    assert valid.all()
    assert together.tobytes() == alone.tobytes()
    assert np.linalg.norm(together.astype(np.float64), axis=1) == pytest.approx(1.0, abs=1e-6)


def test_projection__weights_apply_after_normalisation():
    """Doubling one weight doubles that entry relative to the others."""
    raw = ROWS.astype(np.float32)
    normalisation = fit_normaliser(raw, np.zeros(200, np.int32), lookback_days=60)
    compressor = fit_compressor("identity", ROWS, components=5)
    plain, _ = Projection.of(normalisation, weight_vector({}), compressor).apply(raw)
    doubled, _ = Projection.of(normalisation, weight_vector({"atr": 2.0}), compressor).apply(raw)
    ratio = (doubled[:, 2] / doubled[:, 7]) / (plain[:, 2] / plain[:, 7])
    assert ratio == pytest.approx(2.0, rel=1e-4)
