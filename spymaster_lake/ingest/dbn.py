"""Decode Databento files in bounded memory (05 A 2, 6, 8): DBN 1 to 3, zstd or plain.

The records of `trades` and `mbp-10` have the same layout in all three versions, those of version 3
in every schema, so they are viewed with `numpy.frombuffer`; older `statistics` and `definition`
records are upgraded by the vendor's decoder. A file is refused, with its name and the cause, if it
is a legacy `.dbz`, has no header, ends inside a record or a compressed frame, or holds records of
another type than its header says. Live captures, whose header names no schema and whose records
are mixed, are refused too: their symbol mappings come in-stream and their end is not known, so the
same interval must be fetched as one file per schema.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from io import IOBase
from typing import IO, Any, Protocol, cast

import databento_dbn as dbn
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spymaster_lake.contracts.errors import RawFileError

RECORD_TYPES: dict[str, tuple[Any, int]] = {
    "trades": (dbn.TradeMsg, int(dbn.RType.MBP_0)),
    "mbp-10": (dbn.MBP10Msg, int(dbn.RType.MBP_10)),
    "statistics": (dbn.StatMsg, int(dbn.RType.STATISTICS)),
    "definition": (dbn.InstrumentDefMsg, int(dbn.RType.INSTRUMENT_DEF)),
}
"""Vendor record class and record type number by schema."""

BATCH_RECORDS = 65_536
_SAME_LAYOUT = ("trades", "mbp-10")
_NEWEST = 3
_ZSTD = b"\x28\xb5\x2f\xfd"
_PREFIX = 8
_READ = 1 << 18
_LENGTH_UNIT = 4
_LISTED = 100_000


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


def record_dtype(schema: str, *, ts_out: bool = False) -> np.dtype[np.void]:
    """NumPy layout of one newest-version record of `schema`, taken from the vendor's package."""
    fields = list(RECORD_TYPES[schema][0]._dtypes)  # noqa: SLF001 - the vendor's published layout
    return np.dtype([*fields, ("ts_out", "u8")] if ts_out else fields)


class DbnReader:
    """One vendor file, read once from front to back.

    Args:
        stream: binary stream at its start; the caller closes it.
        name: file name for error messages.

    Attributes:
        metadata: the decoded header, in the newest version.
        version: DBN version of the file.
        schema: its schema, such as "mbp-10".
        dataset: its vendor dataset, as its header names it.

    Raises:
        RawFileError: the header cannot be read, or the file is a live capture.
    """

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self.name = name
        self._stream = self._decompressed(stream)
        self._header = self._read_header()
        self.version = self._header[3]
        try:
            self.metadata = dbn.Metadata.decode(self._header)
        except (dbn.DBNError, ValueError) as exc:
            raise self._error(f"the DBN header cannot be decoded: {exc}") from exc
        self.dataset = str(self.metadata.dataset)
        if self.metadata.schema is None:
            raise self._live_capture()
        self.schema = str(self.metadata.schema)

    def _error(self, cause: str) -> RawFileError:
        return RawFileError(f"{self.name}: {cause}")

    def _decompressed(self, stream: IO[bytes]) -> _Stream:
        magic = stream.read(len(_ZSTD))
        stream.seek(0)
        if not magic:
            raise self._error("the file is empty (0 bytes), not even a DBN header")
        if magic[1:] == b"*M\x18" and 0x50 <= magic[0] <= 0x5F:
            raise self._error("legacy .dbz format; convert it with the vendor's `dbn` tool")
        if magic == _ZSTD:
            source = pa.PythonFile(cast("IOBase", stream), mode="r")
            return cast("_Stream", pa.CompressedInputStream(source, "zstd"))
        return stream

    def _read(self, size: int) -> bytes:
        try:
            return bytes(self._stream.read(size))
        except OSError as exc:
            raise self._error(f"truncated or corrupt zstd data: {exc}") from exc

    def _read_exactly(self, size: int) -> bytes:
        pieces, missing = [], size
        while missing and (piece := self._read(missing)):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def _read_header(self) -> bytes:
        prefix = self._read_exactly(_PREFIX)
        if prefix[:3] != b"DBN":
            raise self._error(
                "no DBN header (first bytes "
                f"{prefix[:4]!r}): a fragment without metadata cannot be dated or mapped"
            )
        if len(prefix) < _PREFIX:
            raise self._error(f"truncated inside the header ({len(prefix)} of {_PREFIX} bytes)")
        version, length = prefix[3], int.from_bytes(prefix[4:], "little")
        if not 1 <= version <= _NEWEST:
            raise self._error(f"DBN version {version}; allowed: 1 to {_NEWEST}")
        body = self._read_exactly(length)
        if len(body) < length:
            raise self._error(f"truncated inside the header ({len(body)} of {length} bytes)")
        return prefix + body

    def batches(self, size: int = BATCH_RECORDS) -> Iterator[npt.NDArray[np.void]]:
        """Structured arrays of at most about `size` records, in file order.

        Raises:
            RawFileError: no known schema, truncated, corrupt, or records of another type.
        """
        if self.schema not in RECORD_TYPES:
            known = ", ".join(RECORD_TYPES)
            raise self._error(f"schema {self.schema!r} is not supported; allowed: {known}")
        same = self.version == _NEWEST or self.schema in _SAME_LAYOUT
        yield from self._viewed(size) if same else self._upgraded(size)

    def _viewed(self, size: int) -> Iterator[npt.NDArray[np.void]]:
        """Records viewed in place, without a Python object each."""
        dtype = record_dtype(self.schema, ts_out=bool(self.metadata.ts_out))
        rest, first = b"", 0
        while True:
            want = size * dtype.itemsize - len(rest)
            data = rest + self._read_exactly(want)
            count = len(data) // dtype.itemsize
            records = np.frombuffer(data, dtype, count)
            self._check(records, dtype.itemsize, first)
            rest = data[count * dtype.itemsize :]
            first += count
            if count:
                yield records
            if count < size:
                break
        if rest:
            self._foreign(rest)
            raise self._error(
                f"truncated: ends inside record {first} ({len(rest)} of {dtype.itemsize} bytes)"
            )

    def _check(self, records: npt.NDArray[np.void], itemsize: int, first: int) -> None:
        right = (records["rtype"] == RECORD_TYPES[self.schema][1]) & (
            records["length"] == itemsize // _LENGTH_UNIT
        )
        if right.all():
            return
        bad = int(np.argmin(right))
        self._foreign(records[bad:].tobytes())
        raise self._error(
            f"record {first + bad} is corrupt: length {int(records['length'][bad]) * _LENGTH_UNIT} "
            f"bytes; allowed for {self.schema}: {itemsize}"
        )

    def _foreign(self, data: bytes) -> None:
        """Raise if `data` starts with whole records of other types than the header's schema."""
        others = {k: n for k, n in record_types(data).items() if k != self._type_name()}
        if others:
            raise self._error(
                f"mixed schemas: the header says {self.schema!r} but it also holds {_shown(others)}"
            )

    def _type_name(self) -> str:
        return _type_name(RECORD_TYPES[self.schema][1])

    def _upgraded(self, size: int) -> Iterator[npt.NDArray[np.void]]:
        """Records of older layouts, upgraded one by one by the vendor's decoder."""
        policy = cast("Any", dbn.VersionUpgradePolicy.UPGRADE_TO_V3)
        decoder = dbn.DBNDecoder(upgrade_policy=policy)
        kind = RECORD_TYPES[self.schema][0]
        held: list[bytes] = []
        decoder.write(self._header)
        while chunk := self._read(_READ):
            decoder.write(chunk)
            for record in self._decode(decoder):
                if isinstance(record, dbn.Metadata):
                    continue
                if not isinstance(record, kind):
                    raise self._error(
                        f"mixed schemas: the header says {self.schema!r} but it also holds "
                        f"{type(record).__name__}"
                    )
                held.append(bytes(record))
            while len(held) >= size:
                yield self._joined(held[:size])
                del held[:size]
        if rest := decoder.buffer():
            raise self._error(f"truncated: {len(rest)} bytes after the last whole record")
        if held:
            yield self._joined(held)

    def _joined(self, held: list[bytes]) -> npt.NDArray[np.void]:
        plain = record_dtype(self.schema)
        longer = len(held[0]) > plain.itemsize
        dtype = record_dtype(self.schema, ts_out=True) if longer else plain
        return np.frombuffer(b"".join(held), dtype)

    def _decode(self, decoder: dbn.DBNDecoder) -> list[Any]:
        try:
            return list(decoder.decode())
        except dbn.DBNError as exc:
            raise self._error(f"corrupt record: {exc}") from exc

    def _live_capture(self) -> RawFileError:
        found = record_types(self._read_exactly(_LISTED))
        return self._error(
            f"its header names no schema (a live capture); it holds {_shown(found)}; "
            "fetch the same interval as one file per schema"
        )


def _type_name(rtype: int) -> str:
    try:
        return str(dbn.RType.from_int(rtype)).lower().replace("_", "-").replace("mbp-0", "trades")
    except (ValueError, dbn.DBNError):
        return f"record type {rtype}"


def _shown(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in sorted(counts.items())) or "no records"


def record_types(data: bytes) -> dict[str, int]:
    """Number of whole records by type name at the front of `data`; stops at a broken length."""
    counts: Counter[str] = Counter()
    at = 0
    while at + 2 <= len(data):
        length = data[at] * _LENGTH_UNIT
        if length < 16 or at + length > len(data):
            break
        counts[_type_name(data[at + 1])] += 1
        at += length
    return dict(counts)
