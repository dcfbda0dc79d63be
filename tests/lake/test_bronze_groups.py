"""Row groups of Bronze parts: reading a span in pieces gives the rows of reading it at once."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spymaster_lake.contracts.bronze import FUTURES_TRADES
from spymaster_lake.lake import bronze_parts, bronze_writer
from spymaster_lake.lake.bronze_groups import RowGroup, split_groups
from spymaster_lake.lake.bronze_reader import BronzeReader
from spymaster_lake.lake.bronze_writer import write_part
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver

START = 1_765_897_200_000_000_000  # 2025-12-16 15:00 UTC
SPAN = {"start_ns": START, "end_ns": START + 3_600_000_000_000}
COLUMNS = ("ts_event_ns", "src_row", "size")


def group(number: int, first: int, last: int, rows: int = 10, uri: str = "a") -> RowGroup:
    """A row group with times [first, last]."""
    return RowGroup(uri, number, rows, first, last, None)


@pytest.mark.parametrize(
    "groups, pieces",
    [
        ([], []),
        ([group(0, 1, 5)], [[0]]),
        ([group(0, 1, 5), group(1, 6, 9)], [[0, 1]]),
        ([group(0, 1, 5), group(1, 6, 9), group(2, 10, 11)], [[0, 1], [2]]),
        ([group(2, 10, 11), group(0, 1, 5), group(1, 6, 9)], [[0, 1], [2]]),
        ([group(0, 1, 5), group(1, 5, 9), group(2, 9, 11)], [[0, 1, 2]]),
        ([group(0, 1, 99), group(1, 6, 9), group(2, 10, 11)], [[0, 1, 2]]),
        ([group(0, 1, 5, rows=50), group(1, 6, 9)], [[0], [1]]),
    ],
)
def test_split_groups__never_within_a_time(groups: list[RowGroup], pieces: list[list[int]]) -> None:
    """Pieces hold up to 20 rows, unless times overlap or touch."""
    assert [[g.number for g in piece] for piece in split_groups(groups, 20)] == pieces


def table(times: list[int], src_file: str) -> pa.Table:
    """Trades at START + time, in the order of the list; a part's rows are in total order."""
    count = len(times)
    when = pa.array([START + t for t in times], pa.int64())
    rows = pa.array(range(count), pa.int64())
    columns = {
        "ts_event_ns": when,
        "ts_recv_ns": when,
        "seq": rows,
        "src_file": pa.array([src_file] * count),
        "src_row": rows,
        "source": pa.array(["GLBX.MDP3"] * count),
        "symbol": pa.array(["ESZ5"] * count),
        "price": pa.array(np.full(count, 6850.0)),
        "size": pa.array(range(1, count + 1), pa.int32()),
        "aggressor": pa.array(np.ones(count, np.int8)),
        "exchange": pa.array(["CME"] * count),
    }
    return pa.table([columns[n] for n in FUTURES_TRADES.names], schema=FUTURES_TRADES.arrow_schema)


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.lists(st.integers(0, 25), min_size=1, max_size=30), min_size=1, max_size=3),
    ordered=st.booleans(),
    chunk_rows=st.integers(1, 12),
)
def test_chunks__equal_one_read(parts: list[list[int]], ordered: bool, chunk_rows: int) -> None:
    """Whatever the row groups, pieces joined are the whole, and no time is in two of them."""
    with TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patch:
        patch.setattr(bronze_writer, "ROW_GROUP_ROWS", 4)
        patch.setattr(bronze_parts, "CHUNK_ROWS", chunk_rows)
        paths, files = LakePathResolver(root), LakeFileSystem.of(root)
        folder = paths.bronze_partition("es", "futures", "trades", "ESZ5", date(2025, 12, 16), 15)
        for i, times in enumerate(parts):
            name = str(Path(folder) / f"part-{i}.parquet")
            write_part(files, name, table(sorted(times) if ordered else times, f"file{i}"))
        scan = BronzeReader(paths, files, "es", "futures").scan("trades", **SPAN)
        whole = scan.read(COLUMNS, **SPAN)
        pieces = list(scan.chunks(COLUMNS, **SPAN))
    assert pa.concat_tables(pieces).equals(whole)
    assert whole.num_rows == sum(map(len, parts))
    times = [set(piece.column("ts_event_ns").to_pylist()) for piece in pieces]
    assert sum(map(len, times)) == len(set().union(*times))


def test_chunks__small_pieces_of_a_long_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part in order of time is read a few row groups at a time."""
    monkeypatch.setattr(bronze_writer, "ROW_GROUP_ROWS", 4)
    monkeypatch.setattr(bronze_parts, "CHUNK_ROWS", 8)
    paths, files = LakePathResolver(str(tmp_path)), LakeFileSystem.of(str(tmp_path))
    folder = paths.bronze_partition("es", "futures", "trades", "ESZ5", date(2025, 12, 16), 15)
    write_part(files, f"{folder}/part-0.parquet", table(list(range(22)), "file"))
    scan = BronzeReader(paths, files, "es", "futures").scan("trades", **SPAN)
    assert [piece.num_rows for piece in scan.chunks(COLUMNS, **SPAN)] == [8, 8, 6]
