"""What a measurement says: a value, its limit, the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured number.

    Attributes:
        key: letter of the requirement, such as "b".
        what: what was measured.
        value: the number.
        unit: its unit.
        limit: the bound, or None where the number is only reported.
        at_least: the limit is a lower bound.
        judged: False for light sizes, which are not what the limit is about.
        detail: everything else worth keeping.
    """

    key: str
    what: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False
    judged: bool = True
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """Either "within" or "misses"; empty where nothing is judged."""
        if self.limit is None or not self.judged:
            return ""
        good = self.value >= self.limit if self.at_least else self.value <= self.limit
        return "within" if good else "misses"

    @property
    def bound(self) -> str:
        """The limit as text."""
        if self.limit is None:
            return ""
        return f"{'>=' if self.at_least else '<='} {self.limit:g} {self.unit}".rstrip()

    def to_json(self) -> dict[str, Any]:
        """As written to bench.json."""
        return {
            "key": self.key,
            "what": self.what,
            "value": round(self.value, 3),
            "unit": self.unit,
            "limit": self.limit,
            "bound": "at least" if self.at_least else "at most",
            "verdict": self.verdict or None,
            "detail": dict(self.detail),
        }
