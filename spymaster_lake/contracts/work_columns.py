"""Columns that many work tables share."""

from __future__ import annotations

from spymaster_lake.contracts.table import Column, Role

DATE = Column("date", "date", "Session date (exchange trade date).", Role.KEY, nullable=False)


def int_column(
    name: str,
    doc: str,
    unit: str = "1",
    *,
    role: Role = Role.CONTEXT,
    nullable: bool = False,
    type_: str = "int64",
) -> Column:
    """An integer column, by default an int64 of the context that is never null."""
    return Column(name, type_, doc, role, unit, nullable=nullable)


def price_column(name: str, doc: str, *, nullable: bool = False) -> Column:
    """A price in points."""
    return Column(name, "double", doc, Role.CONTEXT, "pt", nullable=nullable)
