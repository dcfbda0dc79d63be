"""Reading Bronze: spans, total order, coverage, and files that do not belong."""

from __future__ import annotations

import pickle
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spymaster_lake.contracts.bronze import FUTURES_MBP10, FUTURES_TRADES
from spymaster_lake.contracts.errors import (
    ContractError,
    DataError,
    MissingInputError,
    UnknownNameError,
)
from spymaster_lake.lake.bronze_reader import BronzeReader, read_bronze
from spymaster_lake.lake.bronze_writer import write_part
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver

HOUR = 3_600_000_000_000
START = 1_765_897_200_000_000_000  # 2025-12-16 15:00 UTC
ALL = {"start_ns": 0, "end_ns": 2**62}
Row = tuple[int, int, str, int]


def trades(rows: list[Row], contract: str = "ESZ5") -> pa.Table:
    """Trades of (offset from START in ns, seq, src_file, src_row); sizes are rows plus one."""
    count = len(rows)
    times = pa.array([START + r[0] for r in rows], pa.int64())
    columns = [
        times,
        times,
        pa.array([r[1] for r in rows], pa.int64()),
        pa.array([r[2] for r in rows], pa.string()),
        pa.array([r[3] for r in rows], pa.int64()),
        pa.array(["GLBX.MDP3"] * count, pa.string()),
        pa.array([contract] * count, pa.string()),
        pa.array(np.full(count, 6850.0)),
        pa.array([r[3] + 1 for r in rows], pa.int32()),
        pa.array(np.ones(count, np.int8)),
        pa.array(["CME"] * count, pa.string()),
    ]
    return pa.table(columns, schema=FUTURES_TRADES.arrow_schema)


class Lake:
    """A small lake on disk."""

    def __init__(self, root: Path) -> None:
        self.paths = LakePathResolver(str(root))
        self.files = LakeFileSystem.of(str(root))
        self.reader = BronzeReader(self.paths, self.files, "es", "futures")
        self.count = 0

    def put(self, rows: list[Row], *, contract: str = "ESZ5", hour: int = 15) -> str:
        """One part of trades."""
        return self.put_table("trades", trades(rows, contract), contract=contract, hour=hour)

    def put_table(
        self, dataset: str, table: pa.Table, *, contract: str = "ESZ5", hour: int = 15
    ) -> str:
        """One part of any table."""
        self.count += 1
        folder = self.paths.bronze_partition(
            "es", "futures", dataset, contract, date(2025, 12, 16), hour
        )
        path = f"{folder}/part-{self.count:04d}.parquet"
        write_part(self.files, path, table)
        return path


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(tmp_path)


def rows_of(table: pa.Table) -> list[int]:
    """Row ordinals, in the order read."""
    return [size - 1 for size in table["size"].to_pylist()]


def test_listing__what_exists(lake: Lake) -> None:
    """Datasets, contracts, dates, hours and coverage are those on disk."""
    lake.put([(0, 0, "a", 0)])
    lake.put([(1, 0, "b", 0)])
    lake.put([(HOUR, 0, "a", 1)], hour=16)
    lake.put([(HOUR, 0, "a", 2)], contract="ESH6", hour=16)
    day = date(2025, 12, 16)
    assert lake.reader.datasets() == ("trades",)
    assert lake.reader.values("trades") == ("ESH6", "ESZ5")
    assert lake.reader.dates("trades") == (day,)
    assert lake.reader.hours("trades", "ESZ5", day) == (15, 16)
    found = [(c.value, c.day, c.hours, c.files) for c in lake.reader.coverage("trades")]
    assert found == [("ESH6", day, (16,), 1), ("ESZ5", day, (15, 16), 3)]
    assert lake.reader.values("mbp10") == ()
    with pytest.raises(UnknownNameError, match="futures/quotes"):
        lake.reader.files("quotes")


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (START, START + 1, [15]),
        (START + HOUR - 1, START + HOUR, [15]),
        (START + HOUR - 1, START + HOUR + 1, [15, 16]),
        (START + HOUR, START + 2 * HOUR, [16]),
        (START - HOUR, START, []),
        (None, START + HOUR, [15]),
        (START + HOUR, None, [16]),
    ],
)
def test_files__hours_that_overlap(
    lake: Lake, start: int | None, end: int | None, hours: list[int]
) -> None:
    """Only parts whose hour meets the half-open span are listed, with path and size."""
    lake.put([(0, 0, "a", 0)])
    lake.put([(HOUR, 0, "a", 1)], hour=16)
    files = lake.reader.files("trades", contract="ESZ5", start_ns=start, end_ns=end)
    assert [f.hour_ns // HOUR % 24 for f in files] == hours
    for file in files:
        assert lake.paths.absolute(file.path) == file.uri
        assert file.size == Path(file.uri).stat().st_size
        assert file.day == date(2025, 12, 16)


def test_read__span_is_half_open(lake: Lake) -> None:
    """The first instant is included, the last is not; columns come as asked."""
    lake.put([(n, 0, "a", n) for n in range(5)])
    table = lake.reader.read("trades", ("size", "price"), start_ns=START + 1, end_ns=START + 4)
    assert table.column_names == ["size", "price"]
    assert rows_of(table) == [1, 2, 3]


def test_read__parts_of_one_hour_in_total_order(lake: Lake) -> None:
    """Overlapping parts are merged by time, sequence, file and row."""
    lake.put([(0, 1, "b", 0), (5, 0, "b", 1), (9, 0, "b", 2)])
    lake.put([(0, 0, "a", 3), (5, 0, "a", 4), (7, 0, "a", 5)])
    table = lake.reader.read("trades", ("size",), **ALL)
    assert table.column_names == ["size"]
    assert rows_of(table) == [3, 0, 4, 1, 5, 2]


def test_read__equal_times_at_the_border_of_parts(lake: Lake) -> None:
    """Parts that touch in time are ordered by sequence, not by file name."""
    lake.put([(4, 7, "a", 1)])
    lake.put([(3, 0, "a", 2), (4, 6, "a", 0)])
    assert rows_of(lake.reader.read("trades", **ALL)) == [2, 0, 1]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 20), st.integers(0, 2)), min_size=1, max_size=6),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 20),
    st.integers(0, 21),
)
def test_read__equals_a_sorted_list(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[list[tuple[int, int]]],
    first: int,
    last: int,
) -> None:
    """Any parts and any span give what sorting all rows gives; hour chunks give the same."""
    lake = Lake(tmp_path_factory.mktemp("lake"))
    every: list[Row] = []
    for number, content in enumerate(files):
        rows = [(t, s, f"f{number}", i) for i, (t, s) in enumerate(content)]
        lake.put(sorted(rows))
        every += rows
    columns = ("ts_event_ns", "seq", "src_file", "src_row")
    span = {"start_ns": START + first, "end_ns": START + last}
    scan = lake.reader.scan("trades")
    table = scan.read(columns, **span)
    expected = [r for r in sorted(every) if first <= r[0] < last]
    found = [(row[0] - START, *row[1:]) for row in (tuple(r.values()) for r in table.to_pylist())]
    assert found == expected
    chunks = list(scan.chunks(columns, **span))
    assert (pa.concat_tables(chunks) if chunks else table).equals(table)


def test_read__row_groups_are_pruned_exactly(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """With many row groups every span still returns exactly its rows."""
    monkeypatch.setattr("spymaster_lake.lake.bronze_writer.ROW_GROUP_ROWS", 3)
    lake.put([(n, 0, "a", n) for n in range(20)])
    for first in range(20):
        for last in range(first, 21):
            span = {"start_ns": START + first, "end_ns": START + last}
            table = lake.reader.scan("trades").read(("size",), **span)
            assert rows_of(table) == list(range(first, last))


def test_chunks__one_hour_at_a_time(lake: Lake) -> None:
    """Chunks follow the hours, cut at the span."""
    lake.put([(0, 0, "a", 0), (9, 0, "a", 1)])
    lake.put([(HOUR, 0, "a", 2), (HOUR + 9, 0, "a", 3)], hour=16)
    lake.put([(HOUR + 1, 0, "a", 4)], contract="ESH6", hour=16)
    scan = lake.reader.scan("trades")
    span = {"start_ns": START + 5, "end_ns": START + HOUR + 5}
    assert [rows_of(t) for t in scan.chunks(("size",), **span)] == [[1], [2, 4]]
    assert [rows_of(t) for t in scan.chunks(("size",), contract="ESZ5", **span)] == [[1], [2]]
    assert scan.contracts() == ("ESH6", "ESZ5")


def test_scan__travels_to_a_worker(lake: Lake) -> None:
    """A pickled scan reads the same rows."""
    lake.put([(0, 0, "a", 0), (9, 0, "a", 1)])
    scan = pickle.loads(pickle.dumps(lake.reader.scan("trades")))
    assert rows_of(scan.read(**ALL)) == [0, 1]


def test_scan__nothing_there(lake: Lake) -> None:
    """A scan over nothing has no rows, in the contract's types; a read is an error."""
    table = lake.reader.scan("trades").read(**ALL)
    assert table.schema.equals(FUTURES_TRADES.arrow_schema)
    assert table.num_rows == 0
    with pytest.raises(
        MissingInputError, match=r"es/futures/trades: no file of any value.*nothing"
    ):
        lake.reader.read("trades", **ALL)
    lake.put([(0, 0, "a", 0)])
    with pytest.raises(MissingInputError, match=r"no file of ESH6.*2025-12-16 of ESZ5"):
        lake.reader.read("trades", contract="ESH6", **ALL)


def test_read__snapshots_by_receive_time(lake: Lake) -> None:
    """A snapshot row is selected by its receive time; others by event time."""
    levels = [c for c in FUTURES_MBP10.columns if c.name[:4] in ("bid_", "ask_")]
    arrays = {
        "ts_event_ns": pa.array([START - 30 * HOUR, START + 1], pa.int64()),
        "ts_recv_ns": pa.array([START, START + 2], pa.int64()),
        "seq": pa.array([0, 1], pa.int64()),
        "src_file": pa.array(["a", "a"]),
        "src_row": pa.array([0, 1], pa.int64()),
        "source": pa.array(["x", "x"]),
        "symbol": pa.array(["ESZ5", "ESZ5"]),
        "is_snapshot": pa.array([True, False]),
        "is_last": pa.array([False, True]),
        **{
            c.name: pa.array([None if "px" in c.name else 0] * 2, c.arrow_field.type)
            for c in levels
        },
    }
    table = pa.table([arrays[n] for n in FUTURES_MBP10.names], schema=FUTURES_MBP10.arrow_schema)
    lake.put_table("mbp10", table)

    def found(start: int, end: int) -> list[int]:
        span = {"start_ns": START + start, "end_ns": START + end}
        return lake.reader.scan("mbp10").read(("src_row",), **span)["src_row"].to_pylist()

    assert (found(0, 1), found(0, 2), found(1, 2), found(2, 9)) == ([0], [0, 1], [1], [])
    assert lake.reader.scan("mbp10").read((), **ALL)["bid_px_1"].null_count == 2


def test_read__corrupt_file(lake: Lake) -> None:
    """A file that is no Parquet, is cut short, or is gone, is an error that names it."""
    path = lake.put([(0, 0, "a", 0)])
    whole = Path(path).read_bytes()
    for content in (b"", b"junk", whole[: len(whole) // 2], whole[:-3]):
        Path(path).write_bytes(content)
        with pytest.raises(DataError, match=r"part-0001\.parquet: unreadable Bronze file"):
            lake.reader.read("trades", **ALL)
    with pytest.raises(DataError, match=r"gone\.parquet: unreadable"):
        read_bronze([f"{path[:-17]}/gone.parquet"], (), 0, 1, contract=FUTURES_TRADES)


def test_read__other_schema(lake: Lake) -> None:
    """A file of another schema is refused; every discrepancy is named."""
    table = trades([(0, 0, "a", 0)])
    at = table.column_names.index("size")
    table = table.set_column(at, "size", pa.array([1], pa.int64())).drop_columns(["seq"])
    lake.put_table("trades", table.append_column("extra", pa.array([1])))
    with pytest.raises(ContractError) as caught:
        lake.reader.read("trades", ("price",), **ALL)
    message = str(caught.value)
    for said in ("part-0001.parquet", "extra: not in the contract", "seq: missing", "size: found"):
        assert said in message


def test_read__unknown_column(lake: Lake) -> None:
    """A column that the contract does not have lists near matches."""
    lake.put([(0, 0, "a", 0)])
    with pytest.raises(UnknownNameError, match="Did you mean 'price'"):
        lake.reader.read("trades", ("prices",), **ALL)
