"""The pipeline manifest: what a pipeline reads, writes and runs, as data (00 section 4).

`manifests/{instrument}/{pipeline_id}/version={pipeline_version}/manifest.json` is its source. The
model checks the form of one file; `manifest_checks` checks what the form cannot say.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from spymaster_lake.contracts.model import FrozenModel

INSTRUMENT_PATTERN = r"^[a-z][a-z0-9]{0,15}$"
NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
DATASET_PATTERN = r"^[a-z][a-z0-9_]*(/[a-z][a-z0-9_]*)*$"
VERSION_PATTERN = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$"

BRONZE_DATASETS: dict[str, tuple[str, ...]] = {
    "futures": ("trades", "mbp10"),
    "options": ("trades", "statistics", "definitions", "nbbo"),
    "equities": ("trades", "quotes"),
}
"""Bronze datasets by product (00 section 3); ingestion produces them, no manifest does."""

ADDON_PIPELINES: tuple[str, ...] = ("pentaview",)
"""Pipelines on which no core pipeline may depend (00 section 4)."""

Instrument = Annotated[str, Field(pattern=INSTRUMENT_PATTERN)]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Version = Annotated[str, Field(pattern=VERSION_PATTERN)]

DatasetKey = tuple[str, str, str, str]
"""(layer, product or pipeline_id, pipeline_version or "", dataset)."""


class DatasetRef(FrozenModel):
    """One explicit dataset reference of a manifest.

    Bronze names its `product`; Silver and Gold name the `pipeline_id` and `pipeline_version` that
    wrote the table. `required: false` lets the dataset be absent (08 A22): the columns that need
    it are then null, with a reason.
    """

    layer: Literal["bronze", "silver", "gold"]
    product: Literal["futures", "options", "equities"] | None = None
    pipeline_id: Name | None = None
    pipeline_version: Version | None = None
    dataset: str = Field(pattern=DATASET_PATTERN)
    required: bool = True

    @model_validator(mode="after")
    def _coordinates(self) -> DatasetRef:
        if self.layer == "bronze":
            if self.product is None or self.pipeline_id or self.pipeline_version:
                raise ValueError("a bronze dataset needs 'product', and no pipeline")
        elif self.product or not (self.pipeline_id and self.pipeline_version):
            raise ValueError(
                f"a {self.layer} dataset needs 'pipeline_id' and 'pipeline_version', and no product"
            )
        return self

    @property
    def key(self) -> DatasetKey:
        """What identifies the dataset inside one instrument."""
        owner = self.product if self.layer == "bronze" else self.pipeline_id
        return (self.layer, owner or "", self.pipeline_version or "", self.dataset)

    def __str__(self) -> str:
        layer, owner, version, dataset = self.key
        return f"{layer} {owner}{' ' + version if version else ''} {dataset}"


class StageEntry(FrozenModel):
    """One stage of a manifest; `name` defaults to `stage_id` and is unique in the manifest."""

    stage_id: Name
    name: Name = ""
    params: dict[str, Any] = Field(default_factory=dict)
    depends_on: tuple[Name, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _default_name(cls, data: Any) -> Any:
        if isinstance(data, dict) and "name" not in data and "stage_id" in data:
            return {**data, "name": data["stage_id"]}
        return data


class Manifest(FrozenModel):
    """`manifest.json`: the immutable definition of one pipeline version of one instrument."""

    schema_version: Literal[1]
    instrument: Instrument
    pipeline_id: Name
    pipeline_version: Version
    inputs: tuple[DatasetRef, ...]
    outputs: tuple[DatasetRef, ...] = Field(min_length=1)
    stages: tuple[StageEntry, ...] = Field(min_length=1)

    @property
    def names(self) -> tuple[str, ...]:
        """Stage names in the order of the file."""
        return tuple(stage.name for stage in self.stages)

    def input_ref(self, layer: str, owner: str, dataset: str) -> DatasetRef | None:
        """The declared input of that layer, product or pipeline_id, and dataset."""
        for ref in self.inputs:
            if (ref.key[0], ref.key[1], ref.key[3]) == (layer, owner, dataset):
                return ref
        return None

    def output_ref(self, layer: str, dataset: str) -> DatasetRef | None:
        """The declared output of that layer and dataset."""
        return next((r for r in self.outputs if (r.layer, r.dataset) == (layer, dataset)), None)


def parse_manifest(text: str, *, source: str) -> tuple[Manifest | None, list[str]]:
    """Decode one manifest file.

    Args:
        text: content of the file.
        source: its path, for the messages.

    Returns:
        The manifest, or None, and all violations of the form, each as "file: field: message".
    """
    try:
        data = json.loads(text, object_pairs_hook=_no_twins)
    except ValueError as exc:
        return None, [f"{source}: (root): is not valid JSON: {exc}"]
    try:
        return Manifest.model_validate(data), []
    except ValidationError as exc:
        return None, [f"{source}: {_field(e['loc'])}: {_message(e)}" for e in exc.errors()]


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a key given twice would silently win over the first."""
    keys = [key for key, _ in pairs]
    twice = sorted({k for k in keys if keys.count(k) > 1})
    if twice:
        raise ValueError(f"key(s) {twice} given twice in one object")
    return dict(pairs)


def _field(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc) or "(root)"


def _message(error: Any) -> str:
    shown = repr(error.get("input"))
    return f"{error['msg']} (found {shown if len(shown) <= 80 else shown[:77] + '...'})"
