"""Simulated files read back with the vendor's own decoder."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import databento_dbn
import numpy as np
import zstandard

from spymaster_lake.simulator.dbn import LAYOUTS


def decode(path: Path) -> tuple[databento_dbn.Metadata, list]:
    """Header and record objects of one file, by the vendor's decoder."""
    decoder = databento_dbn.DBNDecoder()
    with path.open("rb") as raw:
        decoder.write(zstandard.ZstdDecompressor().stream_reader(raw).read())
    head, *records = decoder.decode()
    assert decoder.buffer() == b""
    return head, records


def read(folder: Path, day: date, schema: str) -> tuple[dict[int, str], np.ndarray]:
    """Raw symbols by instrument id, and the records as a structured array."""
    head, records = decode(folder / f"{day}.{schema}.dbn.zst")
    symbols = {int(i["symbol"]): raw for raw, intervals in head.mappings.items() for i in intervals}
    return symbols, np.frombuffer(b"".join(bytes(r) for r in records), LAYOUTS[schema])
