"""Equity tick files made of literal rows: Lean's zips, Polygon's gzip CSVs."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.ingest.job import IngestRequest, IngestSummary, ingest
from spymaster_lake.lake.bronze_reader import BronzeReader
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.instruments import load_profiles
from spymaster_lake.lake.paths import LakePathResolver

PROFILES = load_profiles(Path(__file__).parents[2] / "conf")
DAY = "20131007"
EVER = {"start_ns": 0, "end_ns": 2**62}

STOCK_TRADES = (
    "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,"
    "sip_timestamp,size,tape,trf_id,trf_timestamp"
)
STOCK_QUOTES = (
    "ticker,ask_exchange,ask_price,ask_size,bid_exchange,bid_price,bid_size,conditions,indicators,"
    "participant_timestamp,sequence_number,sip_timestamp,tape,trf_timestamp"
)
OPTION_TRADES = "ticker,conditions,correction,exchange,price,sip_timestamp,size"


def ms(clock: str) -> float:
    """Milliseconds since midnight of a clock time such as "09:30:00.125"."""
    hours, minutes, seconds = clock.split(":")
    return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000, 6)


def ns(text: str) -> int:
    """Ns UTC of a New York time such as "2024-05-01 09:30:00.125"."""
    whole, _, fraction = text.partition(".")
    stamp = datetime.fromisoformat(whole).replace(tzinfo=ZoneInfo("America/New_York"))
    return int(stamp.timestamp()) * 1_000_000_000 + int(fraction.ljust(9, "0") or 0)


def raw(root: Path, source: str, instrument: str = "ibm", product: str = "equities") -> Path:
    """The raw directory."""
    return root / "raw" / instrument / product / source


def lean_zip(folder: Path, kind: str, rows: Iterable[str], *, day: str = DAY, symbol: str = "ibm",
             name: str = "", member: str = "") -> Path:  # fmt: skip
    """One zip as Lean has it; `kind` is "trade" or "quote"."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name or f"{day}_{kind}.zip")
    entry = zipfile.ZipInfo(member or f"{day}_{symbol}_{kind.title()}_Tick.csv")
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, "".join(f"{row}\n" for row in rows))
    return path


def trade(clock: str, price: float, size: int = 100, exchange: str = "N", conditions: str = "1",
          suspicious: int = 0) -> str:  # fmt: skip
    """One line of a trade file, price in points."""
    return f"{ms(clock)!r},{round(price * 10_000)},{size},{exchange},{conditions},{suspicious}"


def quote(clock: str, side: str, price: float, size: int = 100, exchange: str = "N",
          conditions: str = "1", suspicious: int = 0) -> str:  # fmt: skip
    """One line of a quote file, one side; price in points."""
    shown = f"{round(price * 10_000)},{size}"
    sides = f"{shown},0,0" if side == "bid" else f"0,0,{shown}"
    return f"{ms(clock)!r},{sides},{exchange},{conditions},{suspicious}"


def steady(bid: float = 181.50, ask: float = 181.52) -> list[str]:
    """Quotes of two exchanges from before the open on, that stay."""
    return [
        quote("09:00:00", "bid", bid, exchange="P"),
        quote("09:00:00", "ask", ask, exchange="Q"),
    ]


def day(
    root: Path, trades: Sequence[str], quotes: Sequence[str] | None = None, **given: Any
) -> None:
    """The files of one day."""
    lean_zip(raw(root, "lean"), "trade", trades, **given)
    lean_zip(raw(root, "lean"), "quote", steady() if quotes is None else quotes, **given)


def flat_file(path: Path, header: str, rows: Iterable[dict[str, Any]]) -> Path:
    """One gzip CSV; absent columns are blank, lists of codes are quoted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [header]
    for row in rows:
        cells = [str(row.get(name, "")) for name in header.split(",")]
        lines.append(",".join(f'"{cell}"' if "," in cell else cell for cell in cells))
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))
    return path


def run(root: Path, source: str = "lean", *, instrument: str = "ibm", product: str = "equities",
        profile: InstrumentProfile | None = None, **given: Any) -> IngestSummary:  # fmt: skip
    """One ingest without Spark."""
    profiles = {**PROFILES, instrument: profile or PROFILES[instrument]}
    return ingest(None, IngestRequest(str(root), instrument, product, source, **given), profiles)


def bronze(root: Path, dataset: str, instrument: str = "ibm", product: str = "equities",
           **span: int) -> list[dict[str, Any]]:  # fmt: skip
    """Bronze rows in total order."""
    reader = BronzeReader(
        LakePathResolver(str(root)), LakeFileSystem.of(str(root)), instrument, product
    )
    return reader.read(dataset, **{**EVER, **span}).to_pylist()


def bytes_of(root: Path, layer: str = "bronze") -> dict[str, bytes]:
    """Files of a layer by relative path."""
    folder = root / layer
    return {str(p.relative_to(root)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def rejected(summary: IngestSummary) -> list[tuple[int, str]]:
    """(row in file, reason) of all quarantined rows."""
    files = [f.quarantine.final for f in summary.files if f.quarantine]
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    return sorted((row["src_row"], row["reason"]) for row in rows)
