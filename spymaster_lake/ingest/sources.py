"""Which product and source an ingest is about where the user names none: the only one there is."""

from __future__ import annotations

from spymaster_lake.contracts.errors import ConfigError, MissingInputError
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.ingest.equity_plan import READERS
from spymaster_lake.ingest.job import DATABENTO
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.lake.raw_files import raw_sources


def products_of(profile: InstrumentProfile) -> tuple[str, ...]:
    """Products of an instrument: its market, and options if it has any."""
    return (profile.product, *(("options",) if profile.options is not None else ()))


def sources_of(product: str) -> tuple[str, ...]:
    """Source folders whose format is known for a product."""
    databento = ("databento",) if product in DATABENTO else ()
    return (*databento, *sorted(name for name, products in READERS.items() if product in products))


def only_product(profile: InstrumentProfile) -> str:
    """The product of an instrument that has one.

    Raises:
        ConfigError: it has several.
    """
    products = products_of(profile)
    if len(products) > 1:
        raise ConfigError(
            f"{profile.instrument} has the products {', '.join(products)}: name one with --product "
            "(`spymaster build` ingests all)"
        )
    return products[0]


def only_source(
    paths: LakePathResolver, filesystem: LakeFileSystem, *, instrument: str, product: str
) -> str:
    """The vendor folder of a product of which there is one; the vendor if only one is known.

    Raises:
        ConfigError: there are several folders; lists them.
        MissingInputError: there is none, and several would do.
    """
    found = raw_sources(paths, filesystem, instrument=instrument, product=product)
    known = sources_of(product)
    if len(found) > 1:
        raise ConfigError(
            f"raw/{instrument}/{product}/ holds the sources {', '.join(found)}: name one with --source"
        )
    if found:
        return found[0]
    if len(known) != 1:
        raise MissingInputError(
            f"No folder of vendor files in {paths.raw_product(instrument, product)}; put them into "
            f"one of {', '.join(f'{name}/' for name in known)} or name --source"
        )
    return known[0]
