"""Feature sets as data: their groups, their rules, their hash, and the shared transform."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spymaster_lake.contracts.errors import ConfigError, DataError, UnknownNameError
from spymaster_lake.contracts.feature_set import FeatureColumn, FeatureSet, check_feature_set
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.features.model_matrix import direction_signs, model_matrix
from spymaster_lake.training.feature_sets import feature_set_ids, load_feature_set
from tests.training.samples import CONF


def column(name, **changes):
    """The input of a column as the contract declares it."""
    declared = SIGNALS.column(name)
    facts = {
        "name": name,
        "dtype": declared.type,
        "kind": "cat" if declared.allowed else "num",
        "nullable": declared.nullable,
        "enum": declared.allowed or None,
        "frame": declared.frame.value if declared.frame else "unsigned",
    }
    return FeatureColumn(**{**facts, **changes})


def made(*columns):
    """A set of these columns."""
    return FeatureSet(id="x_y@v1", version=1, dataset="signals", doc="", columns=columns)


@pytest.mark.parametrize(
    ("name", "numeric", "categorical"),
    [
        ("stage_a_full@v1", 68, {"level_kind", "direction", "fuel_effect"}),
        ("stage_b_full@v1", 105, {"level_kind", "direction", "fuel_effect", "barrier_state"}),
        ("ta@v1", 41, {"level_kind", "direction"}),
        ("mechanics@v1", 64, {"level_kind", "direction", "barrier_state", "fuel_effect"}),
    ],
)
def test_shipped_sets__have_the_groups_of_the_specification(name, numeric, categorical):
    """Ctx 18, kin 23, ofi 9, tape 8, barrier 22, gamma 18, force 3, trend 4."""
    found = load_feature_set(CONF, name)
    kinds = {c.name for c in found.columns if c.kind == "cat"}
    assert (len(found.columns) - len(kinds), kinds) == (numeric, categorical)


def test_shipped_sets__sign_exactly_the_starred_columns():
    """The columns marked with a star in 04 section 1.2, and no other."""
    starred = {
        "distance_signed_atr",
        *(
            f"dist_to_{k}_atr"
            for k in ("pm_high", "pm_low", "or_high", "or_low", "sma_90", "ema_20")
        ),
        *(f"{n}_{s}s" for n in ("ofi", "ofi_near_level") for s in (30, 60, 120, 300)),
        *("ofi_acceleration", "tape_imbalance", "tape_velocity", "tape_zone_imbalance"),
        *("sweep_side", "call_tide", "put_tide", "tape_velocity_trend", "tape_imbalance_trend"),
    }
    found = load_feature_set(CONF, "stage_b_full@v1")
    assert {c.name for c in found.columns if c.approach_sign} == starred
    assert all(
        i == (f"{n}_s" if n in starred else n)
        for n, i in zip(found.names, found.input_names, strict=True)
    )


def test_stage_a__reads_neither_book_nor_tape():
    """Stage A is stage B without tape, barrier, force and trend."""
    a, b = (set(load_feature_set(CONF, f"stage_{x}_full@v1").names) for x in "ab")
    assert a < b
    assert not [n for n in a if n.startswith(("barrier_", "tape_", "facing_", "wall_"))]


def test_ids__lists_every_file():
    """The folder is the list."""
    assert feature_set_ids(CONF) == ["mechanics@v1", "stage_a_full@v1", "stage_b_full@v1", "ta@v1"]


@pytest.mark.parametrize("name", ["stage_b_ful@v1", "stage_b_full", "stage_b_full@v2"])
def test_load__unknown_id_lists_near_matches(name):
    """A typo is answered with what was meant."""
    with pytest.raises(UnknownNameError, match=r"Did you mean.*stage_b_full@v1"):
        load_feature_set(CONF, name)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (made(column("distance_signed")), "never allowed"),
        (made(column("attempt_cluster_id")), "never allowed"),
        (
            made(
                FeatureColumn(
                    name="spot", dtype="double", kind="num", nullable=False, frame="market"
                )
            ),
            "never allowed",
        ),
        (
            made(
                FeatureColumn(
                    name="outcome_4min", dtype="double", kind="num", nullable=True, frame="market"
                )
            ),
            "no column of signals",
        ),
        (made(column("roll_contaminated", dtype="int8")), "only features"),
        (made(column("atr", dtype="int8")), "dtype int8, the contract says double"),
        (made(column("atr", nullable=True)), "nullable True"),
        (made(column("direction", enum=("DOWN", "UP"))), "enum"),
        (made(column("velocity_1min", approach_sign=True)), "allowed: market"),
        (made(column("atr", frame="market")), "frame market"),
    ],
)
def test_check__refuses_what_the_contract_does_not_say(broken, message):
    """Labels, identities, wrong types, wrong signs."""
    with pytest.raises(ConfigError, match=message):
        check_feature_set(broken)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "x_y@v2"},
        {"columns": [column("atr").model_dump(), column("atr").model_dump()]},
        {"columns": []},
        {"surplus": 1},
    ],
)
def test_file__is_closed_and_consistent(change):
    """A wrong version, a column twice, no column, an unknown field."""
    good = made(column("atr")).model_dump(mode="json")
    with pytest.raises(ConfigError):
        FeatureSet.parse({**good, **change}, source="x.json")


def test_load__a_malformed_file_is_named(tmp_path):
    """The error says which file."""
    (tmp_path / "feature_sets").mkdir()
    (tmp_path / "feature_sets" / "a@v1.json").write_text("{")
    with pytest.raises(ConfigError, match=r"a@v1\.json: no JSON"):
        load_feature_set(tmp_path, "a@v1")
    (tmp_path / "feature_sets" / "a@v1.json").write_text(
        json.dumps(made(column("atr")).model_dump(mode="json"))
    )
    with pytest.raises(ConfigError, match="must be the file's name"):
        load_feature_set(tmp_path, "a@v1")


def test_hash__is_of_content_and_order():
    """Same content, same hash; another order, another hash."""
    a, b = column("atr"), column("velocity_1min")
    assert made(a, b).sha256 == made(a, b).sha256
    assert made(a, b).sha256 != made(b, a).sha256
    assert len(made(a).sha256) == 64


SMALL = made(
    column("distance_signed_atr", approach_sign=True),
    column("velocity_1min"),
    column("sweep_side", approach_sign=True),
    column("level_kind"),
    column("fuel_effect"),
    column("direction"),
)
ROWS = {
    "distance_signed_atr": np.array([-1.5, -1.5]),
    "velocity_1min": np.array([0.25, np.nan]),
    "sweep_side": np.array([1.0, np.nan]),
    "level_kind": np.array(["PM_HIGH", "EMA_20"], dtype=object),
    "fuel_effect": np.array(["DAMPEN", None], dtype=object),
    "direction": np.array(["UP", "DOWN"], dtype=object),
}


def test_matrix__signs_codes_and_nulls():
    """Market columns turn with the direction, names become positions, null stays NaN."""
    assert model_matrix(SMALL, ROWS) == pytest.approx(
        np.array([[-1.5, 0.25, 1, 0, 2, 0], [1.5, np.nan, np.nan, 5, np.nan, 1]]), nan_ok=True
    )


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("level_kind", ["PM_HIGH", "VWAP"], "category 'VWAP'"),
        ("level_kind", ["PM_HIGH", None], "must not be null"),
        ("distance_signed_atr", [1.0, np.nan], "must not be null"),
        ("velocity_1min", [np.inf, 0.0], "infinite in row 0"),
    ],
)
def test_matrix__refuses_bad_values(name, values, message):
    """Unknown categories, forbidden nulls and infinities are errors, never defaults."""
    kind = object if isinstance(values[0], str) else float
    with pytest.raises(DataError, match=message):
        model_matrix(SMALL, {**ROWS, name: np.array(values, dtype=kind)})


def test_matrix__a_missing_column_is_an_error():
    """Nothing is filled in."""
    rows = {k: v for k, v in ROWS.items() if k != "velocity_1min"}
    with pytest.raises(DataError, match="velocity_1min is missing"):
        model_matrix(SMALL, rows)


def test_signs__unknown_direction_is_an_error():
    """Null and other words have no sign."""
    assert direction_signs(np.array(["UP", "DOWN"], dtype=object)).tolist() == [1, -1]
    with pytest.raises(UnknownNameError):
        direction_signs(np.array(["UP", None], dtype=object))
