"""Forecasts beside base rates and what happened: the rows from which every measure is made."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ForecastSet:
    """n forecasts of one of C classes.

    Attributes:
        p: float64[n, C], the forecast; the base rate where `covered` is False.
        base: float64[n, C], causal base rates.
        y: int64[n], class that happened.
        day: int32[n], session date.
        covered: bool[n], whether the engine gave a forecast.
        cost: float64[n], see `posterior_cost_rows`; that of the base rate where not covered, NaN
            if unknown.
        base_cost: float64[n], see `share_cost_rows`.
        low: float64[n, C], lower ends of the published bands; NaN where there are none.
        high: float64[n, C], upper ends, likewise.
        neighbour: int64[n, m], outcomes of the neighbours, nearest first; -1 unknown or absent.
        similarity: float64[n], average similarity; NaN where not covered.
    """

    p: FloatArray
    base: FloatArray
    y: NDArray[np.int64]
    day: NDArray[np.int32]
    covered: NDArray[np.bool_]
    cost: FloatArray
    base_cost: FloatArray
    low: FloatArray
    high: FloatArray
    neighbour: NDArray[np.int64]
    similarity: FloatArray

    def __post_init__(self) -> None:
        """Refuse columns of different lengths."""
        lengths = {f.name: len(getattr(self, f.name)) for f in fields(self)}
        if len(set(lengths.values())) > 1:
            raise DataError(f"forecasts: columns have different lengths: {lengths}")

    def __len__(self) -> int:
        return len(self.y)

    def where(self, keep: NDArray[Any]) -> Self:
        """The rows of a mask or of positions."""
        return type(self)(**{f.name: getattr(self, f.name)[keep] for f in fields(self)})

    @classmethod
    def concat(cls, parts: list[Self]) -> Self:
        """All rows of several sets, one after the other."""
        return cls(
            **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)}
        )
