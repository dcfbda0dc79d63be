"""Vendor instrument ids to raw symbols, by date interval (05 A 7): a vectorised interval join."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from spymaster_lake.contracts.errors import RawFileError

UNMAPPED = -1
_EPOCH = date(1970, 1, 1).toordinal()
_DAY_BITS = 22
_NO_DAY = (1 << _DAY_BITS) - 1


class Symbology:
    """The mapping table of one file.

    Args:
        ids: int64[m], vendor instrument ids.
        first_day, last_day: int64[m], days since 1970; the interval is [first_day, last_day).
        symbols: raw symbol of each interval.

    Attributes:
        symbols: distinct raw symbols; codes index into it.
    """

    def __init__(
        self,
        *,
        ids: Sequence[int],
        first_day: Sequence[int],
        last_day: Sequence[int],
        symbols: Sequence[str],
    ) -> None:
        self.symbols: list[str] = sorted(set(symbols))
        code_of = {symbol: code for code, symbol in enumerate(self.symbols)}
        start = (np.asarray(ids, np.int64) << _DAY_BITS) | np.asarray(first_day, np.int64)
        order = np.argsort(start, kind="stable")
        self._start = start[order]
        self._last = np.asarray(last_day, np.int64)[order]
        self._code = np.asarray([code_of[s] for s in symbols], np.int64)[order]

    def codes(
        self, ids: npt.NDArray[np.int64], days: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Symbol codes, int64[n]; -1 where no interval covers (id, day).

        Args:
            ids: int64[n], instrument ids of the records.
            days: int64[n], UTC day of the receive time, days since 1970 (the vendor's index time).
        """
        known = (days >= 0) & (days < _NO_DAY)
        key = (ids << _DAY_BITS) | np.where(known, days, _NO_DAY)
        if key.size and (key == key[0]).all():
            return np.full(key.size, self._lookup(key[:1])[0], np.int64)
        unique, inverse = np.unique(key, return_inverse=True)
        return self._lookup(unique)[inverse]

    def _lookup(self, key: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        if not self._start.size:
            return np.full(key.size, UNMAPPED, np.int64)
        at = np.searchsorted(self._start, key, side="right") - 1
        safe = np.maximum(at, 0)
        covered = (
            (at >= 0)
            & (self._start[safe] >> _DAY_BITS == key >> _DAY_BITS)
            & ((key & _NO_DAY) < self._last[safe])
        )
        return np.where(covered, self._code[safe], UNMAPPED)


def symbology_of(metadata: Any, name: str) -> Symbology:
    """The mapping table of a file header.

    Args:
        metadata: the vendor's metadata object.
        name: file name for messages.

    Raises:
        RawFileError: the header maps symbols that are not raw symbols, such as continuous ones.
    """
    inner, outer = str(metadata.stype_in or ""), str(metadata.stype_out or "")
    mappings: Mapping[str, Sequence[Mapping[str, Any]]] = metadata.mappings
    if mappings and not (
        (inner in ("raw_symbol", "parent") and outer == "instrument_id")
        or (inner == "instrument_id" and outer == "raw_symbol")
    ):
        raise RawFileError(
            f"{name}: the header maps {inner!r} to {outer!r}; allowed: raw_symbol or parent to "
            "instrument_id, or instrument_id to raw_symbol"
        )
    forward = outer == "instrument_id"
    rows = [
        (raw, interval)
        for raw, intervals in mappings.items()
        for interval in intervals
        if interval["symbol"] and interval["start_date"] < interval["end_date"]
    ]
    return Symbology(
        ids=[int(i["symbol"]) if forward else int(raw) for raw, i in rows],
        first_day=[i["start_date"].toordinal() - _EPOCH for _, i in rows],
        last_day=[i["end_date"].toordinal() - _EPOCH for _, i in rows],
        symbols=[raw if forward else str(i["symbol"]) for raw, i in rows],
    )
