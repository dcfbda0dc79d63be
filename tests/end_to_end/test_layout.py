"""A lake holds the folders and files of 00 section 3, and nothing else."""

from __future__ import annotations

import re

import pytest

from tests.markets import MARKETS

pytestmark = pytest.mark.spark

every_market = pytest.mark.parametrize("market", MARKETS, indirect=True)

DAY = r"date=\d{4}-\d\d-\d\d"
DATASET = r"[a-z][a-z0-9_]*(/[a-z][a-z0-9_]*)?"
PART = rf"{DAY}/hour=\d\d/part-[^/]+\.parquet"
OF_PRODUCT = {
    "futures": (
        r"raw/{i}/(futures|options)/databento/[^/]+\.dbn\.zst",
        rf"bronze/{{i}}/futures/(trades|mbp10)/schema=v1/contract=ES[HMUZ]\d/{PART}",
        rf"bronze/{{i}}/options/(trades|statistics|definitions)/schema=v1/underlying=ES/{PART}",
    ),
    "equities": (
        rf"raw/{{i}}/(equities|options)/polygon/(trades|quotes)_v1/{DAY[5:]}\.csv\.gz",
        rf"bronze/{{i}}/equities/(trades|quotes)/schema=v1/symbol=TSLA/{PART}",
        rf"bronze/{{i}}/options/trades/schema=v1/underlying=TSLA/{PART}",
    ),
}
"""Vendor files and Bronze by product; {i} is the instrument."""


def allowed(market):
    """Patterns of all files of a market."""
    version = re.escape(market.version)
    delta = (
        rf"(silver|gold)/{market.instrument}/(feature_engineering|episode_construction)"
        rf"/version={version}/{DATASET}"
    )
    index = rf"gold/{market.instrument}/index_building/version={version}/indices"
    run = rf"_meta/{market.instrument}/runs/[A-Za-z0-9._-]+"
    of_product = (p.replace("{i}", market.instrument) for p in OF_PRODUCT[market.profile.product])
    return (
        *of_product,
        rf"{delta}/{DAY}/part-[^/]+\.parquet",
        rf"{delta}/_delta_log/\d{{20}}\.json",
        rf"{index}/manifest\.json",
        rf"{index}/(PM|OR)_(HIGH|LOW)/(UP|DOWN)/(T\d+_\d+|ALL)/(index\.faiss|vectors\.npy|rows\.parquet)",
        rf"{index}/(SMA_90|EMA_20)/(UP|DOWN)/(T\d+_\d+|ALL)/(index\.faiss|vectors\.npy|rows\.parquet)",
        rf"_meta/pipelines/{market.instrument}/[a-z_]+/version={version}/manifest\.json",
        rf"{run}/run\.json",
        rf"{run}/stages/[a-z0-9_]+/stage\.json",
        rf"{run}/pipelines/[a-z_]+/manifest\.json",
        rf"{run}/quarantine/({market.profile.product}|options)-[0-9a-f]{{16}}(-[a-z]+)?\.parquet",
    )


SHARED = (rf"_meta/schemas/{DATASET}/schema=v1\.json",)
"""What markets share: the contracts of the tables."""

DATASETS = {
    "silver/{i}/feature_engineering/version={v}": {"signals", "labels", "work"},
    "silver/{i}/episode_construction/version={v}": {"state_table", "work"},
    "gold/{i}/episode_construction/version={v}": {"episodes"},
    "gold/{i}/episode_construction/version={v}/episodes": {
        "vectors", "metadata", "sequences", "rejected",
    },
    "gold/{i}/index_building/version={v}": {"indices"},
}  # fmt: skip


def relative(root, paths):
    """Paths below the root, as text."""
    return sorted(str(p.relative_to(root)) for p in paths)


def test_files__match_the_layout(indexed):
    """Every file from raw to indices is at a canonical path; every pattern of a market occurs."""
    files = relative(indexed.root, (p for p in indexed.root.rglob("*") if p.is_file()))
    texts = [*SHARED, *(text for market in MARKETS.values() for text in allowed(market))]
    patterns = [re.compile(text) for text in texts]
    foreign = [f for f in files if not any(p.fullmatch(f) for p in patterns)]
    assert foreign == []
    unused = [p.pattern for p in patterns if not any(p.fullmatch(f) for f in files)]
    assert unused == []


def test_folders__hold_files(indexed):
    """No empty folder is left behind, such as a staging area."""
    root = indexed.root
    empty = [p for p in root.rglob("*") if p.is_dir() and not any(p.iterdir())]
    assert relative(root, empty) == []


@every_market
@pytest.mark.parametrize(("folder", "names"), DATASETS.items(), ids=list(DATASETS))
def test_datasets__are_those_of_the_pipelines(market, indexed_lake, folder, names):
    """Silver and Gold hold exactly the datasets of the specification."""
    place = folder.format(i=market.instrument, v=market.version)
    assert {p.name for p in (indexed_lake.root / place).iterdir()} == names


@every_market
def test_indices__have_whole_partitions(market, indexed_lake):
    """Each partition folder of an index holds its three files, and nothing else lies beside."""
    home = f"gold/{market.instrument}/index_building/version={market.version}/indices"
    partitions = [p.parent for p in (indexed_lake.root / home).rglob("index.faiss")]
    assert len(partitions) > 4
    for folder in partitions:
        assert {p.name for p in folder.iterdir()} == {"index.faiss", "vectors.npy", "rows.parquet"}
