"""Lean's files of real days as they are, and as other days, prices and symbols."""

from __future__ import annotations

import itertools
import random
import shutil
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

REAL = Path(__file__).parents[3] / "shared" / "data" / "lean" / "equity_tick_ibm"
DAYS = ("20131007", "20131008", "20131009", "20131010")
TRADES = (24_293, 33_381, 27_042, 22_415)
needs_real_days = pytest.mark.skipif(
    not REAL.is_dir(), reason="the folder ../shared/data of small real vendor files is absent"
)

Change = Callable[[list[list[str]], str], list[list[str]]]
"""Rows of a file as lists of fields, and its kind, to other rows."""


def lean_folder(root: Path, instrument: str = "ibm") -> Path:
    """Where the files of an instrument go."""
    return root / "raw" / instrument / "equities" / "lean"


def put_real_days(root: Path, days: Iterable[str] = DAYS) -> None:
    """The real files of IBM, unchanged."""
    folder = lean_folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    for day, kind in itertools.product(days, ("trade", "quote")):
        shutil.copy(REAL / f"{day}_{kind}.zip", folder)


def put_day(
    folder: Path, day: str, source: str, *, symbol: str = "IBM", changes: Iterable[Change] = ()
) -> None:
    """Both files of a real day under another day and symbol, with other rows.

    Args:
        folder: of the files.
        day: YYYYMMDD.
        source: the real day.
        symbol: ticker in the member's name.
        changes: applied in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("trade", "quote"):
        with zipfile.ZipFile(REAL / f"{source}_{kind}.zip") as archive:
            text = archive.read(archive.namelist()[0]).decode()
        rows = [line.split(",") for line in text.splitlines()]
        for change in changes:
            rows = change(rows, kind)
        name = f"{day}_{symbol}_{kind.title()}_Tick.csv"
        with zipfile.ZipFile(folder / f"{day}_{kind}.zip", "w", zipfile.ZIP_DEFLATED, True, 1) as z:
            z.writestr(name, "".join(f"{','.join(row)}\n" for row in rows))


def until(clock: str) -> Change:
    """Only rows before a clock time, as on a day that closes early."""
    hours, minutes = map(int, clock.split(":"))
    end = (hours * 60 + minutes) * 60_000
    return lambda rows, _kind: [row for row in rows if float(row[0]) < end]


def scaled(factor: float, tick: int = 100) -> Change:
    """Prices times a factor, on the grid."""

    def change(rows: list[list[str]], kind: str) -> list[list[str]]:
        columns = (1,) if kind == "trade" else (1, 3)
        for row in rows:
            for i in columns:
                row[i] = (
                    "0" if row[i] == "0" else str(max(1, round(int(row[i]) * factor / tick)) * tick)
                )
        return rows

    return change


def jittered(milliseconds: int, seed: int) -> Change:
    """Times moved by up to some milliseconds; rows of one time stay together."""

    def change(rows: list[list[str]], _kind: str) -> list[list[str]]:
        rng = random.Random(seed)
        groups = []
        for time, group in itertools.groupby(rows, key=lambda row: row[0]):
            moved = max(0, int(float(time)) + rng.randrange(-milliseconds, milliseconds + 1))
            groups.append((moved, [[str(moved), *row[1:]] for row in group]))
        groups.sort(key=lambda item: item[0])
        return [row for _, group in groups for row in group]

    return change
