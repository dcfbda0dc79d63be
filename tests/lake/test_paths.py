"""The layout of the lake, path by path, and what may not become a path."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from spymaster_lake.contracts.errors import PathError
from spymaster_lake.lake.paths import LakePathResolver

P = LakePathResolver("/lake")
RUN = "/lake/_meta/es/runs/run-1"

LAYOUT: list[tuple[str, str]] = [
    (P.raw_dir("es", "futures", "databento"), "/lake/raw/es/futures/databento"),
    (P.bronze_dataset("es", "futures", "mbp10"), "/lake/bronze/es/futures/mbp10/schema=v1"),
    (
        P.bronze_partition("es", "futures", "trades", "ESZ5", date(2025, 12, 16), 4),
        "/lake/bronze/es/futures/trades/schema=v1/contract=ESZ5/date=2025-12-16/hour=04",
    ),
    (
        P.bronze_partition("es", "options", "trades", "ES", "2025-12-16"),
        "/lake/bronze/es/options/trades/schema=v1/underlying=ES/date=2025-12-16",
    ),
    (
        P.bronze_value("tsla", "equities", "quotes", "TSLA"),
        "/lake/bronze/tsla/equities/quotes/schema=v1/symbol=TSLA",
    ),
    (
        P.silver_table("es", "feature_engineering", "4.5.0", "work/bars_1min"),
        "/lake/silver/es/feature_engineering/version=4.5.0/work/bars_1min",
    ),
    (
        P.gold_table("es", "episode_construction", "4.5.0", "episodes/vectors"),
        "/lake/gold/es/episode_construction/version=4.5.0/episodes/vectors",
    ),
    (P.index_root("es", "4.5.0"), "/lake/gold/es/index_building/version=4.5.0/indices"),
    (
        P.index_partition("es", "4.5.0", "PM_HIGH", "UP", "T0_15"),
        "/lake/gold/es/index_building/version=4.5.0/indices/PM_HIGH/UP/T0_15",
    ),
    (P.model_dir("es", "touch", "20251216-1"), "/lake/models/es/touch/version=20251216-1"),
    (P.model_staging("es", "touch", "ab12"), "/lake/models/es/touch/.staging-ab12"),
    (
        P.predictions_table("es", "4.5.0", "touch", "4.5.0_ab12cd3_20260105140102"),
        "/lake/gold/es/predictions/version=4.5.0/touch/model_version=4.5.0_ab12cd3_20260105140102",
    ),
    (P.registry_json("es", "touch"), "/lake/_meta/es/models/touch/registry.json"),
    (P.registry_history("es", "touch"), "/lake/_meta/es/models/touch/history.jsonl"),
    (P.registry_lock("es", "touch"), "/lake/_meta/es/models/touch/locks/registry.lock"),
    (
        P.pipeline_manifest("es", "pentaview", "3.1.0"),
        "/lake/_meta/pipelines/es/pentaview/version=3.1.0/manifest.json",
    ),
    (P.schema_json("signals", 2), "/lake/_meta/schemas/signals/schema=v2.json"),
    (P.run_json("es", "run-1"), f"{RUN}/run.json"),
    (P.stage_json("es", "run-1", "build_ohlcv_1min"), f"{RUN}/stages/build_ohlcv_1min/stage.json"),
    (
        P.run_manifest("es", "run-1", "feature_engineering"),
        f"{RUN}/pipelines/feature_engineering/manifest.json",
    ),
    (
        P.quarantine_file("es", "run-1", "futures-ab.parquet"),
        f"{RUN}/quarantine/futures-ab.parquet",
    ),
    (P.staging_dir("es", "run-1"), f"{RUN}/staging"),
    (P.staging_dir("es", "run-1", "file-1"), f"{RUN}/staging/file-1"),
]


@pytest.mark.parametrize(("made", "expected"), LAYOUT, ids=[e for _, e in LAYOUT])
def test_paths__layout(made: str, expected: str) -> None:
    """Every path is the one of the specification."""
    assert made == expected


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ("data", "data/raw/es/futures/databento"),
        ("/lake/", "/lake/raw/es/futures/databento"),
        ("memory://lake", "memory://lake/raw/es/futures/databento"),
        (
            "abfss://box@account.example/lake",
            "abfss://box@account.example/lake/raw/es/futures/databento",
        ),
    ],
)
def test_paths__roots(root: str, expected: str) -> None:
    """Local roots and URIs differ in nothing but the root."""
    assert LakePathResolver(root).raw_dir("es", "futures", "databento") == expected


@pytest.mark.parametrize("root", ["", "  ", "/", "memory://", None])
def test_paths__bad_root(root: str) -> None:
    """A root must name a directory."""
    with pytest.raises(PathError, match="DATA_ROOT"):
        LakePathResolver(root)


BAD: list[tuple[str, str, Callable[[], str]]] = [
    ("instrument", "'ES'", lambda: P.raw_dir("ES", "futures", "databento")),
    ("instrument", "''", lambda: P.raw_dir("", "futures", "databento")),
    ("instrument", "None", lambda: P.raw_dir(None, "futures", "databento")),  # type: ignore[arg-type]
    ("instrument", "'es/..'", lambda: P.run_json("es/..", "r")),
    ("product", "'future'", lambda: P.raw_dir("es", "future", "databento")),
    ("product", "'bonds'", lambda: P.bronze_dataset("es", "bonds", "trades")),
    ("dataset", "'../trades'", lambda: P.bronze_dataset("es", "futures", "../trades")),
    ("dataset", "'a//b'", lambda: P.silver_table("es", "p", "1.0.0", "a//b")),
    ("partition value", "'esz5'", lambda: P.bronze_value("es", "futures", "trades", "esz5")),
    ("partition value", "'ESZ5-ESH6'", lambda: P.bronze_value("es", "futures", "t", "ESZ5-ESH6")),
    ("date", "'16.12.2025'", lambda: P.bronze_partition("es", "futures", "t", "E", "16.12.2025")),
    ("date", "'2025-02-30'", lambda: P.bronze_partition("es", "futures", "t", "E", "2025-02-30")),
    ("hour", "24", lambda: P.bronze_partition("es", "futures", "t", "E", "2025-02-03", 24)),
    ("hour", "True", lambda: P.bronze_partition("es", "futures", "t", "E", "2025-02-03", True)),
    ("pipeline_version", "'4.5'", lambda: P.silver_table("es", "p", "4.5", "signals")),
    ("pipeline_version", "'v4.5.0'", lambda: P.gold_table("es", "p", "v4.5.0", "signals")),
    ("level kind", "'PM'", lambda: P.index_partition("es", "4.5.0", "PM", "UP", "ALL")),
    ("direction", "'up'", lambda: P.index_partition("es", "4.5.0", "PM_LOW", "up", "ALL")),
    ("time bucket", "'T0'", lambda: P.index_partition("es", "4.5.0", "PM_LOW", "UP", "T0")),
    ("run_id", "'a b'", lambda: P.run_json("es", "a b")),
    ("run_id", "'..'", lambda: P.run_json("es", "..")),
    ("stage", "'../x'", lambda: P.stage_json("es", "r", "../x")),
    ("schema version", "0", lambda: P.schema_json("signals", 0)),
    ("name", "'a/b'", lambda: P.staging_dir("es", "r", "a/b")),
]


@pytest.mark.parametrize(("segment", "value", "make"), BAD, ids=[f"{s} {v}" for s, v, _ in BAD])
def test_paths__bad_segment(segment: str, value: str, make: Callable[[], str]) -> None:
    """A malformed segment is an error that names it, the value and what is allowed."""
    with pytest.raises(PathError) as caught:
        make()
    assert f"Path segment {segment!r} is {value}; allowed: " in str(caught.value)


def test_paths__relative() -> None:
    """Paths relative to the root are what lineage records; the way back is checked."""
    path = P.run_json("es", "r")
    assert P.relative(path) == "_meta/es/runs/r/run.json"
    assert P.absolute(P.relative(path)) == path
    for foreign in ("/other/x", "/lakes/x", "/lake"):
        with pytest.raises(PathError, match="does not lie below"):
            P.relative(foreign)
    for bad in ("", "/x", "a/../b", "a//b"):
        with pytest.raises(PathError, match="Relative path"):
            P.absolute(bad)
