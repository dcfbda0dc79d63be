"""`predict`: the strict contract of 04 section 2.3, one exception for each violation."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from spymaster_lake.contracts.enums import DIRECTION_SIGNS, HORIZONS
from spymaster_lake.contracts.errors import (
    AsOfError,
    CategoryError,
    DTypeError,
    FrameError,
    HeadError,
    MissingColumnsError,
    NullPolicyError,
    PredictionInputError,
    UnexpectedColumnsError,
    VersionMismatchError,
)
from spymaster_lake.contracts.feature_set import FeatureSet
from spymaster_lake.contracts.predictions import PREDICTIONS
from spymaster_lake.lake.checks import check_table
from spymaster_lake.serving.frame_checks import MAX_ROWS, SessionWindow
from spymaster_lake.serving.model_bundle import LoadedModel, load
from spymaster_lake.serving.predict import feature_frame, predict, reach_table
from tests.serving.bundles import (
    DAY,
    FEATURES,
    INSTRUMENT,
    MINUTE,
    MODEL,
    OPEN_NS,
    PIPELINE,
    SKIPPED,
    V1,
    ModelLake,
    fitted_heads,
    frame,
)

WINDOWS = {DAY: SessionWindow(OPEN_NS, OPEN_NS + 180 * MINUTE)}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> LoadedModel:
    lake = ModelLake(tmp_path_factory.mktemp("lake"))
    lake.add(V1, heads=fitted_heads())
    return load(
        lake.filesystem,
        lake.resolver,
        instrument=INSTRUMENT,
        model_id=MODEL,
        pipeline_version=PIPELINE,
        model_version=V1,
    )


def refused(model, table, error):
    """The error that a frame is refused with; it is one of the strict contract's."""
    with pytest.raises(error) as found:
        predict(model, table, windows=WINDOWS)
    assert type(found.value) is error
    assert isinstance(found.value, PredictionInputError)
    return found.value


def test_predict__rows(model):
    """One row an event, in the frame's order, valid against the contract, on the simplex."""
    table = frame(20)
    rows = predict(model, table, windows=WINDOWS).rows
    check_table(PREDICTIONS, rows)
    for name in ("event_id", "date", "anchor_ts_ns"):
        assert rows[name].to_pylist() == table[name].to_pylist()
    assert set(rows["model_version"].to_pylist()) == {V1}
    assert set(rows["registry_revision"].to_pylist()) == {1}
    for row in rows.to_pylist():
        for h in HORIZONS:
            t, b = row[f"p_tradeable_{h}"], row[f"p_break_given_tradeable_{h}"]
            assert row[f"p_break_{h}"] == t * b
            assert row[f"p_reject_{h}"] == pytest.approx(t * (1 - b))
            total = row[f"p_break_{h}"] + row[f"p_reject_{h}"] + row[f"p_none_{h}"]
            assert abs(total - 1) <= 1e-9


def test_predict__reach_table(model):
    """Reach probabilities are keyed by integer seconds; skipped heads are null, not zero."""
    row = predict(model, frame(1), windows=WINDOWS).rows.to_pylist()[0]
    reach = reach_table(row)
    assert list(reach) == [60, 120, 180, 300]
    assert reach[60].any is not None and reach[60].break_ is None
    assert all(row[name] is None for name in SKIPPED)


def test_predict__shared_transform(model):
    """Heads see market-frame columns times the direction's sign, and positions of categories."""
    table = frame(6)
    sign = np.array([DIRECTION_SIGNS[d] for d in table["direction"].to_pylist()], float)
    ofi = np.array([np.nan if v is None else v for v in table["ofi_30s"].to_pylist()])
    state = [np.nan if v is None else 0.0 for v in table["barrier_state"].to_pylist()]
    x = np.column_stack(
        [
            table["atr"].to_numpy(),
            table["distance_signed_atr"].to_numpy() * sign,
            table["level_stacking_2pt"].to_numpy().astype(float),
            ofi * sign,
            np.arange(6.0),
            np.array([0.0, 1.0] * 3),
            state,
        ]
    )
    expected = model.heads["direction_4min"].predict_proba(x)[:, 1]
    rows = predict(model, table, windows=WINDOWS).rows
    assert rows["p_break_given_tradeable_4min"].to_pylist() == expected.tolist()


def test_predict__order_of_columns(model):
    """Columns are matched by name, in any order."""
    table = frame(9)
    expected = predict(model, table, windows=WINDOWS).rows
    shuffled = table.select(table.column_names[::-1])
    assert predict(model, shuffled, windows=WINDOWS).rows.equals(expected)


def test_predict__rows_are_independent(model):
    """A row's forecast does not depend on the rows beside it."""
    whole = predict(model, frame(30), windows=WINDOWS).rows
    part = predict(model, frame(30).slice(7, 5), windows=WINDOWS).rows
    assert part.equals(whole.slice(7, 5))


def test_missing_columns(model):
    """Absent columns and keys are named, sorted."""
    error = refused(model, frame(ofi_30s=None, atr=None), MissingColumnsError)
    assert error.names == ("atr", "ofi_30s")
    assert refused(model, frame(src_max_ts_ns=None), MissingColumnsError).names == (
        "src_max_ts_ns",
    )


def test_unexpected_columns(model):
    """One column too many is refused, even a harmless one."""
    error = refused(model, frame(spot=[1.0] * 3, aaa=[1] * 3), UnexpectedColumnsError)
    assert error.names == ("aaa", "spot")


@pytest.mark.parametrize(
    "name, values, expected",
    [
        ("atr", pa.array(["4", "4", "4"]), "double"),
        ("atr", pa.array([4, 4, 4], pa.float32()), "double"),
        ("atr", pa.array([2**53 + 1, 4, 4]), "double"),
        ("atr", pa.array([True] * 3), "double"),
        ("level_stacking_2pt", pa.array([1, 1, 1], pa.int64()), "int8"),
        ("level_stacking_2pt", pa.array([1.0] * 3), "int8"),
        ("direction", pa.array(["UP"] * 3).dictionary_encode(), "string"),
        ("direction", pa.array([1, 1, 1]), "string"),
        ("anchor_ts_ns", pa.array([1.0] * 3), "int64"),
        ("date", pa.array(["2025-12-16"] * 3), "date32[day]"),
        ("event_id", pa.array([1, 2, 3]), "string"),
    ],
)
def test_dtype(model, name, values, expected):
    """No silent cast: the error names column, declared type and found type."""
    error = refused(model, frame(**{name: values}), DTypeError)
    assert (error.name, error.expected, error.got) == (name, expected, str(values.type))


def test_dtype__exact_integers(model):
    """Integers that a double holds exactly may stand for doubles, and change nothing."""
    whole = frame(atr=pa.array([4.0, 5.0, 6.0]))
    integers = frame(atr=pa.array([4, 5, 6]))
    found = predict(model, integers, windows=WINDOWS).rows
    assert found.equals(predict(model, whole, windows=WINDOWS).rows)


@pytest.mark.parametrize(
    "name, values, found",
    [
        ("atr", pa.array([4.0, None, 4.0]), "null or NaN"),
        ("atr", pa.array([4.0, float("nan"), 4.0]), "null or NaN"),
        ("atr", pa.array([4.0, float("inf"), 4.0]), "infinity"),
        ("ofi_30s", pa.array([4.0, float("-inf"), None]), "infinity"),
        ("direction", pa.array(["UP", None, "UP"]), "null or NaN"),
        ("anchor_ts_ns", pa.array([OPEN_NS, None, OPEN_NS]), "null or NaN"),
        ("date", pa.array([DAY, None, DAY]), "null or NaN"),
    ],
)
def test_null_policy(model, name, values, found):
    """Null and NaN where none is allowed, infinity anywhere: column, count and first keys."""
    error = refused(model, frame(**{name: values}), NullPolicyError)
    assert (error.name, error.found, error.count, error.keys) == (name, found, 1, ("e1",))


def test_null_policy__nullable(model):
    """NaN and null are the same unknown in a nullable column."""
    nulls = frame(ofi_30s=pa.array([None, 1.0, None], pa.float64()))
    nans = frame(ofi_30s=pa.array([float("nan"), 1.0, float("nan")]))
    found = predict(model, nans, windows=WINDOWS).rows
    assert found.equals(predict(model, nulls, windows=WINDOWS).rows)


def test_null_policy__key(model):
    """A row without a key is refused."""
    assert refused(model, frame(event_id=["a", None, "b"]), NullPolicyError).name == "event_id"


@pytest.mark.parametrize("name, value", [("direction", "up"), ("level_kind", "ROUND")])
def test_category(model, name, value):
    """A category outside its enumeration, also in another spelling."""
    values = frame()[name].to_pylist()
    error = refused(model, frame(**{name: [values[0], value, values[2]]}), CategoryError)
    assert (error.name, error.value) == (name, value)
    assert values[0] in error.allowed


def test_frame__shape(model):
    """Duplicate keys, no rows, too many rows, a column twice."""
    assert "e0" in refused(model, frame(event_id=["e0", "e1", "e0"]), FrameError).problem
    assert "no rows" in refused(model, frame().slice(0, 0), FrameError).problem
    assert str(MAX_ROWS) in refused(model, frame(MAX_ROWS + 1), FrameError).problem
    twice = frame().append_column("atr", pa.array([1.0] * 3))
    assert "atr" in refused(model, twice, FrameError).problem


def test_frame__ten_thousand(model):
    """The largest allowed frame is scored."""
    assert predict(model, frame(MAX_ROWS), windows=WINDOWS).rows.num_rows == MAX_ROWS


@pytest.mark.parametrize(
    "field, got",
    [
        ("pipeline_version", "4.6.0"),
        ("pipeline_version", None),
        ("feature_set_sha256", "0" * 64),
        ("feature_set_sha256", None),
    ],
)
def test_version_mismatch(model, field, got):
    """A frame made for something else, or that does not say what for, carries both values."""
    table = frame()
    marks = {k.decode(): v.decode() for k, v in table.schema.metadata.items()}
    marks = {k: v for k, v in {**marks, field: got}.items() if v is not None}
    error = refused(model, table.replace_schema_metadata(marks), VersionMismatchError)
    assert (error.field, error.got) == (field, got)
    assert error.expected == {
        "pipeline_version": PIPELINE, "feature_set_sha256": FEATURES.sha256,
    }[field]  # fmt: skip


@pytest.mark.parametrize(
    "anchor, source",
    [
        (OPEN_NS, OPEN_NS - 1),
        (OPEN_NS + 180 * MINUTE + 1, OPEN_NS),
        (OPEN_NS + MINUTE, OPEN_NS + MINUTE),
        (OPEN_NS + MINUTE, OPEN_NS + MINUTE + 1),
    ],
    ids=["at the open", "after the window", "input at the anchor", "input after the anchor"],
)
def test_as_of(model, anchor, source):
    """Anchors lie in (open, end]; inputs lie strictly before the anchor (08 B27)."""
    anchors, sources = (frame()[n].to_pylist() for n in ("anchor_ts_ns", "src_max_ts_ns"))
    anchors[1], sources[1] = anchor, source
    error = refused(model, frame(anchor_ts_ns=anchors, src_max_ts_ns=sources), AsOfError)
    assert error.keys == ("e1",)


def test_as_of__edges_that_hold(model):
    """The last instant of the window, with an input one nanosecond before it, is allowed."""
    end = OPEN_NS + 180 * MINUTE
    table = frame(1, anchor_ts_ns=[end], src_max_ts_ns=[end - 1])
    assert predict(model, table, windows=WINDOWS).rows.num_rows == 1


def test_as_of__no_session(model):
    """A date whose window the caller does not know is outside."""
    with pytest.raises(AsOfError):
        predict(model, frame(), windows={})


def test_out_of_bounds(model):
    """Values outside the training range raise nothing; they count, NaN does not."""
    table = frame(atr=[0.5, 9.5, 4.0], ofi_30s=[float("nan"), 501.0, -500.0])
    assert predict(model, table, windows=WINDOWS).oob == {"oob_atr": 2, "oob_ofi_30s": 1}
    assert predict(model, frame(), windows=WINDOWS).oob == {}


def test_head__not_finite(model):
    """A head that gives no number is an error, not a prediction."""

    class Broken:
        def predict(self, x):
            return np.full(len(x), np.nan)

    broken = LoadedModel(
        model.bundle,
        model.feature_set,
        {**model.heads, "strength_4min": Broken()},
        model.bundle_sha256,
        model.registry_revision,
    )
    with pytest.raises(HeadError, match="strength_4min"):
        predict(broken, frame(), windows=WINDOWS)


def test_feature_frame__selects_by_name(model):
    """The frame of a feature table has the declared columns, and the caller's marks."""
    wide = frame().append_column("spot", pa.array([1.0] * 3))
    made = feature_frame(model.bundle, FEATURES, wide)
    expected = predict(model, frame(), windows=WINDOWS).rows
    assert predict(model, made, windows=WINDOWS).rows.equals(expected)
    other = FeatureSet(**{**FEATURES.model_dump(), "doc": "Another set of the same id."})
    refused(model, feature_frame(model.bundle, other, wide), VersionMismatchError)
