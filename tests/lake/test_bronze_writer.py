"""Parts of Bronze: names, order, borders, and what the writer refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spymaster_lake.contracts.bronze import FUTURES_TRADES, OPTIONS_TRADES
from spymaster_lake.contracts.errors import SymbolError, UnknownNameError
from spymaster_lake.lake.bronze_writer import BronzeWriter, in_total_order
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.instruments import InstrumentResolver, load_profiles
from spymaster_lake.lake.paths import LakePathResolver

RESOLVER = InstrumentResolver(load_profiles(Path(__file__).parents[2] / "conf"))
HOUR = 3_600_000_000_000
START = 1_765_897_200_000_000_000  # 2025-12-16 15:00 UTC
SYMBOLS = ["ESZ5", "ESH6", "NQZ5", "ESZ5-ESH6", "E3AZ5 C6850", "EW3Z5 P6900"]


def writer(root: Path, product: str = "futures", **given: Any) -> BronzeWriter:
    """A writer of trades."""
    return BronzeWriter(
        paths=LakePathResolver(str(root)),
        filesystem=LakeFileSystem.of(str(root)),
        resolver=RESOLVER,
        instrument="es",
        product=product,
        dataset="trades",
        staging=f"{root}/staging",
        src_file="0123456789abcdef",
        source="GLBX.MDP3",
        **given,
    )


def feed(
    target: BronzeWriter,
    times: list[int],
    codes: list[int],
    *,
    first: int = 0,
    option: bool = False,
) -> None:
    """Write one batch of trades; sizes are row numbers plus one."""
    count = len(times)
    rows = np.arange(first, first + count, dtype=np.int64)
    columns = {
        "ts_event_ns": pa.array(times, pa.int64()),
        "ts_recv_ns": pa.array(times, pa.int64()),
        "seq": pa.array(np.zeros(count, np.int64)),
        "price": pa.array(np.full(count, 6850.25)),
        "size": pa.array((rows + 1).astype(np.int32)),
        "aggressor": pa.array(np.ones(count, np.int8)),
    }
    if option:
        columns["instrument_id"] = pa.array(rows)
    target.write(
        columns,
        src_rows=rows,
        codes=np.array(codes, np.int64),
        symbols=SYMBOLS,
        when_ns=np.array(times, np.int64),
    )


def parts(target: BronzeWriter) -> dict[str, list[int]]:
    """Row ordinals by final path below the dataset."""
    return {
        p.final.split("schema=v1/")[1]: pq.read_table(p.staged, partitioning=None)[
            "src_row"
        ].to_pylist()
        for p in target.close()
    }


def test_write__one_part_per_contract_and_hour(tmp_path: Path) -> None:
    """Rows are split by contract and UTC hour; the name tells file and row borders."""
    target = writer(tmp_path)
    feed(target, [START, START + HOUR - 1, START + HOUR, START], [0, 0, 0, 1])
    prefix = "part-0123456789abcdef-"
    assert parts(target) == {
        f"contract=ESH6/date=2025-12-16/hour=15/{prefix}000000000003-000000000003.parquet": [3],
        f"contract=ESZ5/date=2025-12-16/hour=15/{prefix}000000000000-000000000001.parquet": [0, 1],
        f"contract=ESZ5/date=2025-12-16/hour=16/{prefix}000000000002-000000000002.parquet": [2],
    }


def test_write__schema_is_the_contract(tmp_path: Path) -> None:
    """Files hold exactly the contract's columns, types and nullability, and no partition key."""
    target = writer(tmp_path)
    feed(target, [START], [0])
    (part,) = target.close()
    assert pq.read_schema(part.staged).equals(FUTURES_TRADES.arrow_schema)
    assert pq.read_table(part.staged, partitioning=None).to_pylist() == [
        {
            "ts_event_ns": START,
            "ts_recv_ns": START,
            "seq": 0,
            "src_file": "0123456789abcdef",
            "src_row": 0,
            "source": "GLBX.MDP3",
            "symbol": "ESZ5",
            "price": 6850.25,
            "size": 1,
            "aggressor": 1,
            "exchange": "CME",
        }
    ]
    assert (part.rows, part.size) == (1, Path(part.staged).stat().st_size)
    chunk = pq.ParquetFile(part.staged).metadata.row_group(0).column(0)
    assert chunk.compression == "ZSTD"


def test_write__options_share_one_partition(tmp_path: Path) -> None:
    """Options are partitioned by underlying, never by symbol."""
    target = writer(tmp_path, "options")
    feed(target, [START, START + 1], [4, 5], option=True)
    (part,) = target.close()
    table = pq.read_table(part.staged, partitioning=None)
    assert "/underlying=ES/date=2025-12-16/hour=15/" in part.final
    assert table["option_symbol"].to_pylist() == ["E3AZ5 C6850", "EW3Z5 P6900"]
    assert table.schema.equals(OPTIONS_TRADES.arrow_schema)


@pytest.mark.parametrize(
    ("product", "code", "said"),
    [
        ("futures", 2, "'NQZ5' belongs to no instrument"),
        ("futures", 3, r"'ESZ5-ESH6' \(spread\) may not enter es/futures/trades"),
        ("futures", 4, r"'E3AZ5 C6850' \(option\) may not enter es/futures/trades"),
        ("options", 0, r"'ESZ5' \(outright\) may not enter es/options/trades"),
    ],
)
def test_write__refuses_foreign(tmp_path: Path, product: str, code: int, said: str) -> None:
    """A message of another instrument or product is refused, and its batch with it."""
    target = writer(tmp_path, product)
    good = 4 if product == "options" else 0
    with pytest.raises(SymbolError, match=said):
        feed(target, [START, START], [good, code], option=product == "options")
    assert target.close() == []


def test_write__unknown_dataset(tmp_path: Path) -> None:
    """A dataset without contract is an error."""
    with pytest.raises(UnknownNameError, match="Unknown Bronze dataset 'bonds/trades'"):
        writer(tmp_path, "bonds")


def test_write__full_hours_are_flushed(tmp_path: Path) -> None:
    """An hour is written when it has enough rows; row borders of parts do not overlap."""
    target = writer(tmp_path, flush_rows=3)
    for first in (0, 2, 4, 6):
        feed(target, [START + first, START + first + 1], [0, 0], first=first)
    assert [p.rows for p in target.staged] == [4, 4]
    assert list(parts(target).values()) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_write__held_rows_are_bounded(tmp_path: Path) -> None:
    """However many hours and contracts are open, no more than the bound is held."""
    target = writer(tmp_path, max_held_rows=4)
    for first in range(0, 30, 3):
        feed(target, [START, START + HOUR * first, START], [0, 0, 1], first=first)
        assert sum(target._rows.values()) <= 4
    rows = [row for part in parts(target).values() for row in part]
    assert sorted(rows) == list(range(30))


def test_write__rows_of_a_part_are_in_total_order(tmp_path: Path) -> None:
    """Rows that arrive late are put in their place."""
    target = writer(tmp_path)
    feed(target, [START + 5, START + 3, START + 4, START + 3], [0, 0, 0, 0])
    (rows,) = parts(target).values()
    assert rows == [1, 3, 2, 0]


def test_write__same_rows_same_bytes(tmp_path: Path) -> None:
    """The bytes of a part depend on its rows alone, not on how they were batched."""
    one, two = writer(tmp_path / "1"), writer(tmp_path / "2")
    feed(one, [START + 2, START, START + 1], [0, 0, 0])
    feed(two, [START + 2], [0])
    feed(two, [START, START + 1], [0, 0], first=1)
    first, second = (Path(w.close()[0].staged).read_bytes() for w in (one, two))
    assert first == second


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 2), st.sampled_from("ba"), st.integers(0, 5)),
        max_size=12,
    )
)
def test_in_total_order__equals_sorted(rows: list[tuple[int, int, str, int]]) -> None:
    """Rows come by time, sequence, file and row, as Python's sort puts them."""
    table = pa.table(
        {
            "ts_event_ns": pa.array([r[0] for r in rows], pa.int64()),
            "seq": pa.array([r[1] for r in rows], pa.int64()),
            "src_file": pa.array([r[2] for r in rows], pa.string()),
            "src_row": pa.array([r[3] for r in rows], pa.int64()),
        }
    )
    found = [tuple(row.values()) for row in in_total_order(table).to_pylist()]
    assert found == sorted(rows)
