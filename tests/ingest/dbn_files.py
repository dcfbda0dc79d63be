"""Vendor files made of literal rows, with the vendor's own header encoder and record layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import databento_dbn as dbn
import numpy as np
import zstandard

from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.ingest.dbn import RECORD_TYPES, record_dtype

CONF = Path(__file__).parents[2] / "conf"
ES = InstrumentProfile.from_yaml(CONF / "instruments" / "es.yaml")
PROFILES = {"es": ES}
PX = 1_000_000_000
UNDEFINED_PX = 2**63 - 1
UNDEFINED_TS = 2**64 - 1
IDS = {"ESZ5": 118, "ESH6": 119, "ESZ5-ESH6": 120, "UD:1V: SG 2875114": 121, "NQZ5": 122}
DAYS = (date(2025, 12, 1), date(2026, 1, 1))


def ns(text: str) -> int:
    """UTC ISO text, with up to nine decimals, as ns."""
    whole, _, fraction = text.partition(".")
    delta = datetime.fromisoformat(f"{whole}+00:00") - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta // timedelta(seconds=1)) * PX + int(fraction.ljust(9, "0") or 0)


NOON = ns("2025-12-16T15:00:00")


def metadata(
    schema: str | None,
    *,
    mappings: Mapping[str, int] | None = None,
    version: int = 3,
    ts_out: bool = False,
    stype_in: str = "raw_symbol",
    dataset: str = "GLBX.MDP3",
) -> bytes:
    """An encoded header that maps every symbol over December 2025."""
    entries = [
        SimpleNamespace(
            raw_symbol=symbol,
            intervals=[SimpleNamespace(start_date=DAYS[0], end_date=DAYS[1], symbol=str(number))],
        )
        for symbol, number in (IDS if mappings is None else mappings).items()
    ]
    return dbn.Metadata(
        dataset=dataset,
        start=NOON,
        stype_in=dbn.SType.from_str(stype_in),
        stype_out=dbn.SType.INSTRUMENT_ID,
        schema=None if schema is None else dbn.Schema.from_str(schema),
        symbols=[],
        partial=[],
        not_found=[],
        mappings=entries,
        end=NOON + 1,
        ts_out=ts_out,
        version=version,
    ).encode()


def records(
    schema: str, rows: Sequence[Mapping[str, object]], *, ts_out: bool = False
) -> np.ndarray:
    """Records of one schema; fields not named in a row have a harmless default.

    Defaults: ESZ5, event at 15:00 UTC of 2025-12-16 plus the row number in ms, receipt 100 us
    later, a price of 6850.00, size 1, side B, flag 128, sequence = row number, a book of
    contiguous levels around 6850.00 with 10 contracts each, open interest 500, a 6850 call.
    """
    dtype = record_dtype(schema, ts_out=ts_out)
    out = np.zeros(len(rows), dtype)
    out["length"], out["rtype"] = dtype.itemsize // 4, RECORD_TYPES[schema][1]
    out["publisher_id"], out["instrument_id"] = 1, IDS["ESZ5"]
    number = np.arange(len(rows))
    out["ts_event"] = NOON + number * 1_000_000
    out["ts_recv"] = out["ts_event"] + 100_000
    if "sequence" in dtype.names:
        out["sequence"] = number
    if schema in ("trades", "mbp-10"):
        out["price"], out["size"], out["action"] = 6850 * PX, 1, b"T"
        out["side"], out["flags"] = b"B", 128
    if schema == "mbp-10":
        for level in range(10):
            out[f"bid_px_{level:02d}"] = 6850 * PX - level * PX // 4
            out[f"ask_px_{level:02d}"] = 6850 * PX + (level + 1) * PX // 4
            out[f"bid_sz_{level:02d}"] = out[f"ask_sz_{level:02d}"] = 10
    if schema == "statistics":
        out["stat_type"], out["quantity"], out["price"] = 9, 500, UNDEFINED_PX
        out["ts_ref"], out["update_action"] = UNDEFINED_TS, 1
    if schema == "definition":
        out["raw_symbol"], out["underlying"] = b"E3AZ5 C6850", b"ESZ5"
        out["instrument_class"], out["security_update_action"] = b"C", b"A"
        out["strike_price"], out["expiration"] = 6850 * PX, ns("2025-12-15T21:00:00")
    for at, row in enumerate(rows):
        for field, value in row.items():
            if field == "symbol":
                out["instrument_id"][at] = IDS[str(value)]
            else:
                out[field][at] = value
        if "ts_event" in row and "ts_recv" not in row and int(str(row["ts_event"])) < UNDEFINED_TS:
            out["ts_recv"][at] = out["ts_event"][at] + np.uint64(100_000)
    return out


def dbn_file(
    path: Path,
    schema: str,
    rows: Sequence[Mapping[str, object]],
    *,
    mappings: Mapping[str, int] | None = None,
    compress: bool = True,
) -> str:
    """Write one vendor file of literal rows; returns its path."""
    data = metadata(schema, mappings=mappings) + records(schema, rows).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zstandard.compress(data) if compress else data)
    return str(path)
