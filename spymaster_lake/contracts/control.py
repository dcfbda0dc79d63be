"""The control table: one row is one pipeline over one range of dates (00 section 4).

YAML, JSON or CSV, all with the same columns; it drives many runs, as a metadata-driven factory
would.
"""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError, model_validator

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.manifest import Instrument, Name, Version
from spymaster_lake.contracts.model import FrozenModel, describe


class ControlRow(FrozenModel):
    """One run: a pipeline over the sessions in [start, end], both included."""

    instrument: Instrument
    pipeline_id: Name
    pipeline_version: Version
    start: date
    end: date
    enabled: bool

    @model_validator(mode="after")
    def _order(self) -> ControlRow:
        if self.end < self.start:
            raise ValueError(f"end {self.end} lies before start {self.start}")
        return self

    @property
    def pipeline(self) -> tuple[str, str, str]:
        """(instrument, pipeline_id, pipeline_version)."""
        return (self.instrument, self.pipeline_id, self.pipeline_version)

    def __str__(self) -> str:
        return f"{' '.join(self.pipeline)} {self.start}..{self.end}"


def load_control(path: Path) -> tuple[ControlRow, ...]:
    """The rows of a control table in file order.

    Raises:
        ConfigError: the file is absent, of another kind, malformed, or two enabled rows of one
            pipeline overlap; all malformed rows are reported together.
    """
    if not path.is_file():
        raise ConfigError(f"No control table {path}")
    try:
        rows = TypeAdapter(tuple[ControlRow, ...]).validate_python(_decode(path))
    except ValidationError as exc:
        raise ConfigError(f"{path.name}: {describe(exc)}") from exc
    except (ValueError, yaml.YAMLError) as exc:
        raise ConfigError(f"{path.name}: cannot be decoded: {exc}") from exc
    _refuse_overlaps(path, [row for row in rows if row.enabled])
    return rows


def _decode(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix in {".yaml", ".yml"}:
        return yaml.safe_load(text) or []
    if path.suffix == ".json":
        return json.loads(text)
    if path.suffix == ".csv":
        return [dict(row) for row in csv.DictReader(text.splitlines())]
    raise ConfigError(
        f"{path.name}: a control table is .yaml, .json or .csv (found {path.suffix!r})"
    )


def _refuse_overlaps(path: Path, rows: list[ControlRow]) -> None:
    for index, row in enumerate(rows):
        for other in rows[:index]:
            if row.pipeline == other.pipeline and row.start <= other.end and other.start <= row.end:
                raise ConfigError(f"{path.name}: enabled rows overlap: {other} and {row}")
