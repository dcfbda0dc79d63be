"""Product and source of an ingest that names neither: the only one there is, else an error."""

from __future__ import annotations

import pytest

from spymaster_lake.contracts.errors import ConfigError, MissingInputError
from spymaster_lake.ingest.sources import only_product, only_source, products_of, sources_of
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver
from tests.ingest.equity_files import PROFILES


def source(root, instrument="ibm", product="equities", *folders):
    """The source that is taken with some folders in raw/."""
    for name in folders:
        (root / "raw" / instrument / product / name).mkdir(parents=True)
    paths = LakePathResolver(str(root))
    files = LakeFileSystem.of(str(root))
    return only_source(paths, files, instrument=instrument, product=product)


@pytest.mark.parametrize(
    ("product", "known"),
    [
        ("futures", ("databento",)),
        ("options", ("databento", "polygon")),
        ("equities", ("lean", "polygon")),
    ],
)
def test_sources__known_by_product(product, known) -> None:
    """Which folders a product may have."""
    assert sources_of(product) == known


@pytest.mark.parametrize(("instrument", "product", "folders", "taken"), [
    ("ibm", "equities", ("lean",), "lean"),
    ("ibm", "equities", ("lean", ".partial", "_old"), "lean"),
    ("ibm", "equities", ("polygon",), "polygon"),
    ("es", "futures", (), "databento"),
])  # fmt: skip
def test_source__the_only_one(tmp_path, instrument, product, folders, taken) -> None:
    """The only folder; without any, the only vendor."""
    assert source(tmp_path, instrument, product, *folders) == taken


def test_source__several_are_listed(tmp_path) -> None:
    """With two folders the user must choose."""
    with pytest.raises(
        ConfigError, match="raw/ibm/equities/ holds the sources lean, polygon: name"
    ):
        source(tmp_path, "ibm", "equities", "lean", "polygon")


def test_source__none_says_where_files_go(tmp_path) -> None:
    """Without folders, of several vendors none is guessed."""
    with pytest.raises(
        MissingInputError, match=r"raw/ibm/equities; put them into one of lean/, pol"
    ):
        source(tmp_path)


def test_product__the_only_one() -> None:
    """A share without options has one product; with options the user must choose."""
    assert products_of(PROFILES["ibm"]) == ("equities",)
    assert only_product(PROFILES["ibm"]) == "equities"
    with pytest.raises(ConfigError, match="tsla has the products equities, options: name one"):
        only_product(PROFILES["tsla"])
