"""Force over mass and what it predicts."""

from __future__ import annotations

import numpy as np

from spymaster_lake.features.force_mass import force_mass, force_mass_ratio

NAN = np.nan


def test_force_mass_ratio__frame_and_nulls() -> None:
    """Selling into a support is force towards it; no depth, no direction, no ratio."""
    found = force_mass_ratio(
        sigma=np.array([1, -1, 1, 1, 1, 0], np.int8),
        ofi_60s=np.array([50.0, 50.0, 50.0, 50.0, NAN, 50.0]),
        facing_depth=np.array([200.0, 200.0, 0.0, NAN, 200.0, 200.0]),
    )
    np.testing.assert_array_equal(found, [0.25, -0.25, NAN, NAN, NAN, NAN])


def test_force_mass_ratio__mirror_law() -> None:
    """Flipping direction and flow changes no bit, also at zero flow."""
    ofi, depth = np.array([17.0, 0.0, -3.0]), np.array([90.0, 10.0, 7.0])
    sigma = np.array([1, -1, -1], np.int8)
    found = force_mass_ratio(sigma=sigma, ofi_60s=ofi, facing_depth=depth)
    mirror = force_mass_ratio(sigma=-sigma, ofi_60s=0.0 - ofi, facing_depth=depth)
    assert mirror.tobytes() == found.tobytes()


def test_force_mass__prediction_and_residual() -> None:
    """Residual is what the prediction leaves; both are null before calibration."""
    ratio, acceleration = np.array([0.25, 0.25, NAN]), np.array([0.005, NAN, 0.005])
    found = force_mass(ratio=ratio, acceleration_1min=acceleration, beta=0.01)
    np.testing.assert_array_equal(found["force_mass_ratio"], ratio)
    np.testing.assert_array_equal(found["predicted_accel"], [0.0025, 0.0025, NAN])
    np.testing.assert_array_equal(found["accel_residual"], [0.0025, NAN, NAN])
    early = force_mass(ratio=ratio, acceleration_1min=acceleration, beta=None)
    np.testing.assert_array_equal(early["force_mass_ratio"], ratio)
    assert np.isnan(early["predicted_accel"]).all()
    assert np.isnan(early["accel_residual"]).all()
