"""Why a value may be null: facts that a column needs, and the null rule that its contract states.

A run's summary gives reasons from here and nowhere else. A column either lacks one of its `NEEDS`,
which profile and lake tell, or follows the rule in its own `doc`; a column without either is shown
as unknown, never explained.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from spymaster_lake.contracts.episodes import VECTORS
from spymaster_lake.contracts.features import CALIBRATED, GEX
from spymaster_lake.contracts.table import Column
from spymaster_lake.contracts.vector import VECTOR_FEATURES


class Need(StrEnum):
    """A fact without which a column is null in every row, or, for DEPTH, in most."""

    OPTIONS = "options"
    OPEN_INTEREST = "open interest"
    CALIBRATION = "calibration"
    DEPTH = "depth"


_OF_OPTIONS = ("gamma_exposure", "fuel_effect", "call_tide", "put_tide")
_OF_DEPTH = (
    "barrier_state",
    "barrier_delta_liq",
    "barrier_replenishment_ratio",
    "wall_ratio",
    "barrier_added",
    "barrier_canceled",
    "barrier_filled",
    "barrier_depth_current",
    *(f"barrier_{kind}_{w}min" for kind in ("delta", "pct_change") for w in (1, 2, 3, 5)),
    "wall_ratio_log",
    "barrier_delta_liq_log",
    "barrier_replenishment_trend",
    "barrier_delta_liq_trend",
)


def _needs() -> dict[str, tuple[Need, ...]]:
    found: dict[str, tuple[Need, ...]] = dict.fromkeys(_OF_OPTIONS, (Need.OPTIONS,))
    found |= {column.name: (Need.OPTIONS, Need.OPEN_INTEREST) for column in GEX}
    found |= dict.fromkeys(_OF_DEPTH, (Need.DEPTH,))
    for name in CALIBRATED:
        found[name] = (*found.get(name, ()), Need.CALIBRATION)
    return found


NEEDS: dict[str, tuple[Need, ...]] = _needs()
"""What feature columns need, by name, the most basic need first (02 N-1, N-8, N-9; 08 A14, A21)."""

_RULE = re.compile(r"\bnull (?:if|where|before|below|without|for|in|at|until|while|also|by)\b.*")


def null_rule(column: Column) -> str:
    """The null rule that a column's `doc` states; empty if it states none.

    Args:
        column: of a contract; its doc is one sentence: what it is and when it is null.
    """
    found = _RULE.search(column.doc)
    if found is None or not column.nullable:
        return ""
    return found[0].rstrip(".").replace(". Here null also while", ", or while")


def entries_of(dataset: str, column: str) -> tuple[str, ...]:
    """Names of the entries of a fixed-length array whose NaN means unknown (08 B22); else none."""
    if (dataset, column) == (VECTORS.dataset, "vector_raw"):
        return tuple(feature.name for feature in VECTOR_FEATURES)
    return ()


_SOURCES = {feature.name: feature.sources for feature in VECTOR_FEATURES}


def needs_of(column: str, *, entry: str = "") -> tuple[Need, ...]:
    """What a column needs; for an entry of an array, what its sources need.

    Args:
        column: column name.
        entry: name of an entry of `entries_of`.
    """
    sources: Iterable[str] = _SOURCES.get(entry, ()) if entry else (column,)
    found = [need for source in sources for need in NEEDS.get(source, ())]
    return tuple(dict.fromkeys(found))


def entry_rule(entry: str) -> str:
    """The null rule of an entry: it is unknown where its sources are; empty if it has none."""
    return "null where its source columns are" if _SOURCES.get(entry) else ""
