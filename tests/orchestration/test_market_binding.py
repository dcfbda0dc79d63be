"""Which Bronze datasets stand for the instrument's own prints and book: the manifest's word."""

from __future__ import annotations

from pathlib import Path

import pytest

from spymaster_lake.contracts.errors import ManifestError
from spymaster_lake.orchestration.binding import in_market
from spymaster_lake.orchestration.catalogue import build_registry
from spymaster_lake.orchestration.manifests import ManifestStore
from spymaster_lake.stages.feature_engineering.label_outcomes import STAGE as LABELS
from spymaster_lake.stages.feature_engineering.load_bronze import STAGE

MANIFESTS = Path(__file__).parents[2] / "manifests"


def manifest(instrument: str, version: str):
    return ManifestStore(MANIFESTS).load(
        instrument, "feature_engineering", version, build_registry()
    )


@pytest.mark.parametrize(
    ("instrument", "version", "trades", "book"),
    [
        ("es", "4.5.0", ("futures", "trades"), ("futures", "mbp10")),
        ("tsla", "1.0.0", ("equities", "trades"), ("equities", "quotes")),
    ],
)
def test_in_market__fills_in_product_and_dataset(instrument, version, trades, book):
    """One stage serves every product; sources of other datasets stay as they are."""
    found = {s.alias: s for s in in_market(STAGE, manifest(instrument, version)).sources}
    assert (found["market_trades"].product, found["market_trades"].dataset) == trades
    assert (found["market_book"].product, found["market_book"].dataset) == book
    assert found["options_trades"] in STAGE.sources
    assert [s.history for s in found.values()] == [s.history for s in STAGE.sources]


def test_in_market__leaves_other_stages_alone():
    """A stage that reads neither prints nor book is the same object."""
    assert in_market(LABELS, manifest("es", "4.5.0")) is LABELS


@pytest.mark.parametrize(
    ("products", "found"),
    [({"options"}, "none"), ({"futures", "equities", "options"}, "'equities', 'futures'")],
    ids=["none", "two"],
)
def test_in_market__needs_exactly_one_product(products, found):
    """An instrument has one market; a manifest that names none or two is refused."""
    whole = {m: manifest(*m) for m in (("es", "4.5.0"), ("tsla", "1.0.0"))}
    inputs = [ref for m in whole.values() for ref in m.inputs if ref.product in products]
    changed = whole["es", "4.5.0"].model_copy(update={"inputs": tuple(inputs)})
    with pytest.raises(ManifestError, match=f"one product beside options .found.*{found}"):
        in_market(STAGE, changed)
