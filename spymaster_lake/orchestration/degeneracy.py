"""The degeneracy report: which columns carry no information over a month of sessions (08 A9).

A column that is constant, or null wherever it could have a value, is a defect of the data or of the
code that no row-wise check sees. The report states null share, distinct values and the share of the
most frequent value per column and calendar month, and for all sessions together; it fails a column
only over enough sessions, and only if its contract does not say `may_be_constant`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.features import CALIBRATED
from spymaster_lake.contracts.state_table import CARRIED, LEVEL_FREE
from spymaster_lake.contracts.table import Column, Role, TableContract

ALL_SESSIONS = "all"
MIN_SESSIONS = 20
"""Sessions over which a column must vary; shorter periods are reported and not judged."""
CONSTANT, ALL_NULL = "constant", "all null"

_ACTIVE = "level_active"
_Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ColumnHealth:
    """One column over one period.

    Attributes:
        dataset: the table.
        column: its column.
        period: calendar month such as "2025-11", or ALL_SESSIONS.
        sessions: sessions with a row that could have a value.
        possible: rows that could have a value: not before calibration, not of inactive levels.
        known: those of them that have one.
        distinct: number of different values.
        top_share: share of the most frequent value among `known`; None without values.
        verdict: CONSTANT, ALL_NULL or empty.
        fails: the verdict stands over enough sessions and the contract does not allow it.
    """

    dataset: str
    column: str
    period: str
    sessions: int
    possible: int
    known: int
    distinct: int
    top_share: float | None
    verdict: str
    fails: bool

    @property
    def null_share(self) -> float | None:
        """Share of nulls among the possible rows; None without such rows."""
        return 1.0 - self.known / self.possible if self.possible else None


@dataclass(frozen=True, slots=True)
class DegeneracyReport:
    """All columns of one table over all periods, months first."""

    rows: tuple[ColumnHealth, ...]

    @property
    def failures(self) -> tuple[ColumnHealth, ...]:
        """Columns that fail, each in every period in which it does."""
        return tuple(row for row in self.rows if row.fails)

    def require_healthy(self) -> None:
        """Refuse failing columns.

        Raises:
            DataError: lists every failing column with its period.
        """
        if self.failures:
            lines = "\n  ".join(
                f"{r.dataset}.{r.column}: {r.verdict} over {r.sessions} sessions of {r.period} "
                f"({r.known} values in {r.possible} rows)"
                for r in self.failures
            )
            raise DataError(
                f"{len(self.failures)} degenerate columns; allowed are those whose contract says "
                f"may_be_constant\n  {lines}"
            )


def degeneracy_report(
    contract: TableContract,
    table: pa.Table,
    *,
    calibration_sessions: int,
    known_dates: Iterable[date] | None = None,
    min_sessions: int = MIN_SESSIONS,
) -> DegeneracyReport:
    """Judge the feature and label columns of a published table.

    Args:
        contract: the table's contract.
        table: its rows of any number of sessions, with the column `date`.
        calibration_sessions: sessions before a date that its calibrated columns need (08 A14).
        known_dates: all session dates of the lake, to tell which dates could be calibrated; by
            default those of `table`.
        min_sessions: sessions below which a period is not judged.

    Returns:
        One row per column and calendar month, then one per column for all sessions.

    Source: 02 10.4-4, 08 A9.
    """
    days = np.array(table.column("date").to_pylist(), dtype=object)
    calibrated = _calibrated_dates(known_dates or set(days.tolist()), calibration_sessions)
    is_calibrated = np.array([d in calibrated for d in days], dtype=np.bool_)
    rows = [
        _health(contract, column, table, days, _possible(column, table, is_calibrated) & inside,
                period=period, min_sessions=min_sessions)
        for period, inside in _periods(days)
        for column in (*contract.of_role(Role.FEATURE), *contract.of_role(Role.LABEL))
    ]  # fmt: skip
    return DegeneracyReport(tuple(rows))


def _calibrated_dates(dates: Iterable[date], needed: int) -> frozenset[date]:
    return frozenset(sorted(set(dates))[needed:])


def _periods(days: NDArray[Any]) -> Iterator[tuple[str, _Mask]]:
    months = np.array([f"{d:%Y-%m}" for d in days], dtype=object)
    for month in sorted(set(months.tolist())):
        yield month, np.asarray(months == month, dtype=np.bool_)
    yield ALL_SESSIONS, np.ones(len(days), dtype=np.bool_)


def _possible(column: Column, table: pa.Table, is_calibrated: _Mask) -> _Mask:
    """Rows that could have a value, as far as other columns and the calendar tell."""
    possible = np.ones(table.num_rows, dtype=np.bool_)
    if column.name in CALIBRATED:
        possible &= is_calibrated
    if _ACTIVE in table.column_names and column.name not in (*LEVEL_FREE, *CARRIED):
        possible &= np.asarray(table.column(_ACTIVE).to_numpy(), dtype=np.bool_)
    return possible


def _health(
    contract: TableContract,
    column: Column,
    table: pa.Table,
    days: NDArray[Any],
    possible: _Mask,
    *,
    period: str,
    min_sessions: int,
) -> ColumnHealth:
    values: Any = table.column(column.name).filter(pa.array(possible)).drop_null()
    counts: Any = pc.value_counts(values.combine_chunks()).field("counts")
    known, distinct = len(values), len(counts)
    n_possible, sessions = int(possible.sum()), len(set(days[possible].tolist()))
    verdict = ""
    if n_possible and not known:
        verdict = ALL_NULL
    elif distinct == 1 and known > 1:
        verdict = CONSTANT
    return ColumnHealth(
        dataset=contract.dataset,
        column=column.name,
        period=period,
        sessions=sessions,
        possible=n_possible,
        known=known,
        distinct=distinct,
        top_share=float(pc.max(counts).as_py()) / known if known else None,
        verdict=verdict,
        fails=bool(verdict) and sessions >= min_sessions and not column.may_be_constant,
    )
