"""The base of every configuration model: frozen, strict about names, silent about nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from spymaster_lake.contracts.errors import ConfigError


class FrozenModel(BaseModel):
    """Immutable pydantic model; unknown fields are refused because a typo must not pass silently."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def parse(cls, data: Any, *, source: str, error: type[ConfigError] = ConfigError) -> Self:
        """Validate `data`; all violations are reported together with `source` and dotted field.

        Args:
            data: decoded YAML or JSON.
            source: where it came from (a file), for the message.
            error: the error class to raise.

        Raises:
            ConfigError: naming source, field, rule and the value found.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as exc:
            raise error(f"{source}: {describe(exc)}") from exc

    @classmethod
    def from_yaml(cls, path: Path) -> Self:
        """Load and validate one YAML file."""
        return cls.parse(yaml.safe_load(path.read_text(encoding="utf-8")), source=path.name)


def describe(exc: ValidationError) -> str:
    """All violations of a model on one line each: dotted field, rule, value found."""
    lines = []
    for item in exc.errors():
        where = ".".join(str(part) for part in item["loc"]) or "(root)"
        found = item.get("input")
        shown = repr(found) if len(repr(found)) <= 120 else f"{repr(found)[:117]}..."
        lines.append(f"{where}: {item['msg']} (found {shown})")
    return "\n  ".join([f"{len(lines)} violation(s)", *lines])
