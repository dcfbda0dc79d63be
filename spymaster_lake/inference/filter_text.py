"""Filters on neighbours as they are written on a command line: `column=value`, `column=low..high`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from spymaster_lake.contracts.episodes import METADATA
from spymaster_lake.contracts.errors import ConfigError, UnknownNameError
from spymaster_lake.contracts.retrieval import Filters, Range

_TO = ".."
_BOOLEANS = {"true": True, "false": False}


def parse_filters(items: Sequence[str]) -> Filters:
    """Filters in the types of their columns.

    Args:
        items: `column=value` for equality, `column=low..high` for a closed range whose ends may be
            left open (`attempt_index=2..`).

    Raises:
        UnknownNameError: a column that episodes do not have.
        ConfigError: an item of another form, a column given twice, or a value of another type.
    """
    found: dict[str, Any] = {}
    for item in items:
        name, equals, text = item.partition("=")
        if not equals or not text:
            raise ConfigError(
                f"--filter {item!r}: must have the form column=value or column=low..high"
            )
        if name in found:
            raise ConfigError(f"--filter {name}: given twice")
        if name not in METADATA.names:
            raise UnknownNameError("metadata column", name, METADATA.names)
        found[name] = _value(name, text)
    return found


def _value(name: str, text: str) -> Any:
    kind = METADATA.column(name).arrow_field.type
    if _TO in text and not pa.types.is_string(kind):
        low, _, high = text.partition(_TO)
        return Range(*(_plain(name, kind, end) if end else None for end in (low, high)))
    return _plain(name, kind, text)


def _plain(name: str, kind: pa.DataType, text: str) -> Any:
    try:
        if pa.types.is_string(kind):
            return text
        if pa.types.is_boolean(kind):
            return _BOOLEANS[text.lower()]
        if pa.types.is_date(kind):
            return date.fromisoformat(text)
        return int(text) if pa.types.is_integer(kind) else float(text)
    except (KeyError, ValueError) as exc:
        raise ConfigError(f"--filter {name}: {text!r} is no {kind}") from exc
