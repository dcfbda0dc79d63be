"""Which absent inputs are an error: `required` of the manifest (08 A22)."""

from __future__ import annotations

from pathlib import Path

import pytest

from spymaster_lake.orchestration.catalogue import build_registry
from spymaster_lake.orchestration.manifests import ManifestStore, bind_stages

MANIFESTS = Path(__file__).parents[2] / "manifests"


@pytest.mark.parametrize(
    ("alias", "required"),
    [
        ("market_trades", True),
        ("market_book", True),
        ("options_trades", True),
        ("options_definitions", True),
        ("options_statistics", False),
    ],
)
def test_required__is_the_manifests_word_where_the_stage_can_do_without(
    alias: str, required: bool
) -> None:
    """load_bronze copes without options; the manifest of es allows only statistics to be absent."""
    registry = build_registry()
    manifest = ManifestStore(MANIFESTS).load("es", "feature_engineering", "4.5.0", registry)
    bound = bind_stages(manifest, registry, {})["load_bronze"]
    (source,) = [s for s in bound.stage.sources if s.alias == alias]
    assert bound.is_required(source) is required


def test_required__a_stage_that_needs_an_input_requires_it_whatever_the_manifest_says() -> None:
    """Without trades there is no session, even if a manifest calls them optional."""
    registry = build_registry()
    manifest = ManifestStore(MANIFESTS).load("es", "feature_engineering", "4.5.0", registry)
    lax = tuple(ref.model_copy(update={"required": False}) for ref in manifest.inputs)
    bound = bind_stages(manifest.model_copy(update={"inputs": lax}), registry, {})["load_bronze"]
    required = {s.alias for s in bound.stage.sources if bound.is_required(s)}
    assert required == {"market_trades", "market_book"}
