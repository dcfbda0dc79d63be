"""Decoding: every way a vendor file can be whole, and every way it can be broken."""

from __future__ import annotations

import io

import databento_dbn as dbn
import numpy as np
import pytest
import zstandard

from spymaster_lake.contracts.errors import RawFileError
from spymaster_lake.ingest.dbn import DbnReader, record_dtype, record_types
from tests.ingest.dbn_files import metadata, records

ROWS = [{"size": n} for n in range(1, 8)]
HEADER = metadata("trades")
BODY = records("trades", ROWS).tobytes()
FILE = HEADER + BODY


def sizes(data: bytes, *, batch: int = 1000) -> list[list[int]]:
    """Sizes of the trades in a file, batch by batch."""
    reader = DbnReader(io.BytesIO(data), "a.dbn")
    return [r["size"].tolist() for r in reader.batches(batch)]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(FILE, id="plain"),
        pytest.param(zstandard.compress(FILE), id="zstd"),
        pytest.param(
            zstandard.compress(HEADER)
            + zstandard.compress(BODY[:100])
            + zstandard.compress(BODY[100:]),
            id="three zstd frames, one border inside a record",
        ),
    ],
)
def test_batches__whole_file(data: bytes) -> None:
    """Every record comes once, in file order, whatever the compression."""
    assert sizes(data) == [[1, 2, 3, 4, 5, 6, 7]]


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        (3, [[1, 2, 3], [4, 5, 6], [7]]),
        (7, [[1, 2, 3, 4, 5, 6, 7]]),
        (100, [[1, 2, 3, 4, 5, 6, 7]]),
    ],
)
def test_batches__bounded(batch: int, expected: list[list[int]]) -> None:
    """No batch is larger than asked for."""
    assert sizes(zstandard.compress(FILE), batch=batch) == expected


def test_batches__valid_and_empty() -> None:
    """A file without records is no error and gives no batch."""
    assert sizes(HEADER) == []
    assert sizes(zstandard.compress(HEADER)) == []


def test_batches__send_time_appended() -> None:
    """Records with the vendor's send time are eight bytes longer and read all the same."""
    data = metadata("trades", ts_out=True) + records("trades", ROWS, ts_out=True).tobytes()
    assert sizes(data) == [[1, 2, 3, 4, 5, 6, 7]]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_reader__header_versions(version: int) -> None:
    """Trades of all DBN versions have one layout; the header says which version it was."""
    reader = DbnReader(io.BytesIO(metadata("trades", version=version) + BODY), "a.dbn")
    assert reader.version == version
    assert [r["size"].tolist() for r in reader.batches()] == [[1, 2, 3, 4, 5, 6, 7]]


def test_layout__is_the_vendors() -> None:
    """The layouts have the sizes the vendor's package states for its record classes."""
    assert record_dtype("mbp-10").itemsize == dbn.MBP10Msg.size_hint
    assert record_dtype("trades").itemsize == dbn.TradeMsg.size_hint
    assert record_dtype("statistics").itemsize == dbn.StatMsg.size_hint
    assert record_dtype("definition").itemsize == dbn.InstrumentDefMsg.size_hint


def test_batches__cut_anywhere() -> None:
    """A plain file cut at any byte is refused, unless the cut lies between two records."""
    width = record_dtype("trades").itemsize
    for end in range(len(FILE)):
        records_left, inside = divmod(end - len(HEADER), width)
        if end >= len(HEADER) and inside == 0:
            assert sum(map(len, sizes(FILE[:end]))) == records_left
            continue
        with pytest.raises(RawFileError, match=r"^a\.dbn: "):
            sizes(FILE[:end])


def test_batches__cut_compressed() -> None:
    """A compressed file cut at any byte is refused: the frame says that more must follow."""
    whole = zstandard.compress(FILE)
    for end in range(len(whole)):
        with pytest.raises(RawFileError, match=r"^a\.dbn: "):
            sizes(whole[:end])


def _mixed() -> bytes:
    book = records("mbp-10", [{}]).tobytes()
    return HEADER + BODY[: 2 * 48] + book + BODY[2 * 48 :]


def _zero_length() -> bytes:
    broken = bytearray(FILE)
    broken[len(HEADER) + 48] = 0
    return bytes(broken)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        pytest.param(b"", "empty", id="no bytes"),
        pytest.param(b"P*M\x18" + FILE, r"legacy \.dbz", id="legacy dbz"),
        pytest.param(BODY, "no DBN header", id="fragment"),
        pytest.param(zstandard.compress(BODY), "no DBN header", id="zstd fragment"),
        pytest.param(b"DBN\x09" + FILE[4:], "version 9; allowed: 1 to 3", id="future version"),
        pytest.param(FILE[:30], "truncated inside the header", id="half a header"),
        pytest.param(FILE[:-5], r"ends inside record 6 \(43 of 48 bytes\)", id="half a record"),
        pytest.param(zstandard.compress(FILE)[:-9], "truncated or corrupt zstd", id="half a frame"),
        pytest.param(_mixed(), r"mixed schemas: .*'trades'.*mbp-10 \(1\)", id="mixed schemas"),
        pytest.param(_zero_length(), "record 1 is corrupt: length 0", id="length zero"),
        pytest.param(
            metadata(None) + BODY + records("mbp-10", [{}]).tobytes(),
            r"live capture\); it holds mbp-10 \(1\), trades \(7\)",
            id="live capture",
        ),
        pytest.param(metadata("mbo"), "schema 'mbo' is not supported", id="unsupported schema"),
    ],
)
def test_batches__refused(data: bytes, cause: str) -> None:
    """A file that cannot be read ends in one error that names it and the cause."""
    with pytest.raises(RawFileError, match=cause) as caught:
        sizes(data)
    assert str(caught.value).startswith("a.dbn: ")


def test_record_types__counts_whole_records() -> None:
    """Record types are counted by name up to the first broken length."""
    data = BODY[:96] + records("statistics", [{}]).tobytes() + BODY[:20]
    assert record_types(data) == {"trades": 2, "statistics": 1}
    assert record_types(np.zeros(64, np.uint8).tobytes()) == {}
