"""Metadata filters on neighbours: equality or a closed range; null never fits (03 4.2 step 3)."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spymaster_lake.contracts.episodes import METADATA
from spymaster_lake.contracts.errors import ConfigError, UnknownNameError
from spymaster_lake.contracts.retrieval import Filters, Range


def check_filters(filters: Filters) -> None:
    """Refuse a filter that cannot mean what it says.

    Raises:
        UnknownNameError: a column that episodes do not have (03 D43).
        ConfigError: a value, or an end of a range, that the column cannot be compared with.
    """
    for name, wanted in filters.items():
        if name not in METADATA.names:
            raise UnknownNameError("metadata column", name, METADATA.names)
        kind = METADATA.column(name).arrow_field.type
        ranged = isinstance(wanted, Range)
        values = [wanted.low, wanted.high] if isinstance(wanted, Range) else [wanted]
        if not all((v is None and ranged) or _comparable(kind, v, ranged=ranged) for v in values):
            raise ConfigError(
                f"filter {name}: {wanted!r} cannot be compared with a column of type {kind}"
            )


def _comparable(kind: pa.DataType, value: Any, *, ranged: bool) -> bool:
    if pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return not ranged and isinstance(value, bool if pa.types.is_boolean(kind) else str)
    if pa.types.is_date(kind):
        return type(value) is date
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return numeric and type(value) in (int, float) and value == value  # noqa: PLR0124 - not NaN


def passing(rows: pa.Table, filters: Filters) -> NDArray[np.bool_] | None:
    """Rows that every filter lets through, as bool[n]; None without filters.

    Args:
        rows: metadata.
        filters: as accepted by `check_filters`.
    """
    if not filters:
        return None
    kept = np.ones(rows.num_rows, dtype=np.bool_)
    for name, wanted in filters.items():
        for compare, value in _comparisons(wanted):
            fits = compare(rows.column(name), pa.scalar(value))
            kept &= pc.fill_null(fits, fill_value=False).to_numpy()
    return kept


def _comparisons(wanted: Any) -> list[tuple[Any, Any]]:
    if not isinstance(wanted, Range):
        return [(pc.equal, wanted)]
    ends = [(pc.greater_equal, wanted.low), (pc.less_equal, wanted.high)]
    return [(compare, end) for compare, end in ends if end is not None]
