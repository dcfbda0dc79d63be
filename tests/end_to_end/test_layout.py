"""A lake holds the folders and files of 00 section 3, and nothing else."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.spark

DAY = r"date=\d{4}-\d\d-\d\d"
PRODUCT = "(futures|options|equities)"
DATASET = r"[a-z][a-z0-9_]*(/[a-z][a-z0-9_]*)?"
RUN = r"_meta/es/runs/[A-Za-z0-9._-]+"
DELTA = rf"(silver|gold)/es/(feature_engineering|episode_construction)/version=4\.5\.0/{DATASET}"
INDEX = r"gold/es/index_building/version=4\.5\.0/indices"
ALLOWED = (
    rf"raw/es/{PRODUCT}/databento/[^/]+\.dbn\.zst",
    rf"bronze/es/futures/(trades|mbp10)/schema=v1/contract=ES[HMUZ]\d/{DAY}/hour=\d\d/part-[^/]+\.parquet",
    rf"bronze/es/options/(trades|statistics|definitions)/schema=v1/underlying=ES/{DAY}/hour=\d\d/part-[^/]+\.parquet",
    rf"{DELTA}/{DAY}/part-[^/]+\.parquet",
    rf"{DELTA}/_delta_log/\d{{20}}\.json",
    rf"{INDEX}/manifest\.json",
    rf"{INDEX}/(PM|OR)_(HIGH|LOW)/(UP|DOWN)/(T\d+_\d+|ALL)/(index\.faiss|vectors\.npy|rows\.parquet)",
    rf"{INDEX}/(SMA_90|EMA_20)/(UP|DOWN)/(T\d+_\d+|ALL)/(index\.faiss|vectors\.npy|rows\.parquet)",
    r"_meta/pipelines/es/[a-z_]+/version=4\.5\.0/manifest\.json",
    rf"_meta/schemas/{DATASET}/schema=v1\.json",
    rf"{RUN}/run\.json",
    rf"{RUN}/stages/[a-z0-9_]+/stage\.json",
    rf"{RUN}/pipelines/[a-z_]+/manifest\.json",
    rf"{RUN}/quarantine/(futures|options)-[0-9a-f]{{16}}\.parquet",
)
DATASETS = {
    "silver/es/feature_engineering/version=4.5.0": {"signals", "labels", "work"},
    "silver/es/episode_construction/version=4.5.0": {"state_table", "work"},
    "gold/es/episode_construction/version=4.5.0": {"episodes"},
    "gold/es/episode_construction/version=4.5.0/episodes": {
        "vectors", "metadata", "sequences", "rejected",
    },
    "gold/es/index_building/version=4.5.0": {"indices"},
}  # fmt: skip
NESTED_INDEX = "gold/es/index_building/version=4.5.0/indices"


def relative(root, paths):
    """Paths below the root, as text."""
    return sorted(str(p.relative_to(root)) for p in paths)


def test_files__match_the_layout(indexed_lake):
    """Every file from raw to indices is at a canonical path; every pattern occurs."""
    files = relative(indexed_lake.root, (p for p in indexed_lake.root.rglob("*") if p.is_file()))
    patterns = [re.compile(pattern) for pattern in ALLOWED]
    foreign = [f for f in files if not any(p.fullmatch(f) for p in patterns)]
    assert foreign == []
    unused = [p.pattern for p in patterns if not any(p.fullmatch(f) for f in files)]
    assert unused == []


def test_folders__hold_files(indexed_lake):
    """No empty folder is left behind, such as a staging area."""
    root = indexed_lake.root
    empty = [p for p in root.rglob("*") if p.is_dir() and not any(p.iterdir())]
    assert relative(root, empty) == []


@pytest.mark.parametrize(("folder", "names"), DATASETS.items(), ids=list(DATASETS))
def test_datasets__are_those_of_the_pipelines(indexed_lake, folder, names):
    """Silver and Gold hold exactly the datasets of the specification."""
    assert {p.name for p in (indexed_lake.root / folder).iterdir()} == names


def test_indices__have_whole_partitions(indexed_lake):
    """Each partition folder of an index holds its three files, and nothing else lies beside."""
    root = indexed_lake.root / NESTED_INDEX
    partitions = [p.parent for p in root.rglob("index.faiss")]
    assert len(partitions) > 4
    for folder in partitions:
        assert {p.name for p in folder.iterdir()} == {"index.faiss", "vectors.npy", "rows.parquet"}
