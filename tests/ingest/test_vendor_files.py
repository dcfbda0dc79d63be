"""Every small real vendor file: the known rows, or an error that names the file and the cause."""

from __future__ import annotations

from pathlib import Path

import databento_dbn as dbn
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import zstandard

from spymaster_lake.contracts.errors import RawFileError
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.ingest.job import IngestRequest, ingest
from spymaster_lake.lake.bronze_reader import BronzeReader
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver
from tests.ingest.dbn_files import ES, PROFILES

DATA = Path(__file__).parents[3] / "shared" / "data" / "databento"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the folder ../shared/data of small real vendor files is absent"
)
ESU4 = "esu4_20240702"
FOREVER = {"start_ns": 0, "end_ns": 2**62}
AAPL = InstrumentProfile.model_validate(
    {
        **ES.model_dump(),
        "instrument": "aapl",
        "product": "equities",
        "tick_size": 0.01,
        "futures": None,
        "options": {**ES.options.model_dump(), "underlying": "AAPL", "root_pattern": None},
        "equity_symbol": "AAPL",
        "calendar": {**ES.calendar.model_dump(), "starts_evening_before": False},
    }
)

READ = [
    ("es", "futures", "client/test_data.trades.dbn.zst", 4),
    ("es", "futures", "client/test_data.mbp-10.dbn.zst", 4),
    ("es", "futures", "dbn/test_data.trades.dbn", 2),
    ("es", "futures", "dbn/test_data.trades.v1.dbn.zst", 2),
    ("es", "futures", "dbn/test_data.trades.v2.dbn.zst", 2),
    ("es", "futures", "dbn/test_data.trades.v3.dbn.zst", 2),
    ("es", "futures", "dbn/test_data.mbp-10.dbn", 2),
    ("es", "futures", "dbn/test_data.mbp-10.v1.dbn.zst", 2),
    ("es", "futures", "dbn/test_data.mbp-10.v2.dbn.zst", 2),
    ("es", "futures", "dbn/test_data.mbp-10.v3.dbn.zst", 2),
    ("es", "futures", f"{ESU4}/futures_trades_2024-07-01T23-58_2024-07-02T00-02.dbn.zst", 120),
    ("es", "options", f"{ESU4}/definition-glbx-es-opt.dbn.zst", 2),
    ("aapl", "options", "client_opra/test_data.trades.dbn.zst", 4),
    ("aapl", "options", "client_opra/test_data.statistics.dbn.zst", 4),
    ("aapl", "options", "client_opra/test_data.definition.dbn.zst", 1),
]
NOT_KEPT = [
    ("client/test_data.statistics.dbn.zst", 4),
    ("dbn/test_data.statistics.dbn", 2),
    ("dbn/test_data.statistics.v1.dbn.zst", 2),
    ("dbn/test_data.statistics.v2.dbn.zst", 2),
    ("dbn/test_data.statistics.v3.dbn.zst", 2),
]
WRONG_PRODUCT = [("client/test_data.definition.dbn.zst", 1)]
REFUSED = [
    ("client/test_data.mbo.dbn.zst", "schema 'mbo' has no Bronze dataset"),
    ("client/test_data.mbp-1.dbn.zst", "schema 'mbp-1' has no Bronze dataset"),
    ("client/test_data.ohlcv-1m.dbn.zst", "schema 'ohlcv-1m' has no Bronze dataset"),
    ("client/test_data.status.dbn.zst", "schema 'status' has no Bronze dataset"),
    ("client_live/test_data.live.dbn.zst", r"live capture\); it holds instrument-def \(2\), mbo"),
    (f"{ESU4}/futures_mbp-1_2024-07-01T23-58_2024-07-02T00-02.dbn.zst", "schema 'mbp-1'"),
    (f"{ESU4}/futures_ohlcv-1m_2024-07-01T23-40_2024-07-02T00-10.dbn.zst", "'ohlcv-1m'"),
    (f"{ESU4}/futures_definition.dbn.zst", "'NQU4' belongs to no instrument"),
    ("dbn/test_data.definition.dbn", "'MSFT' belongs to no instrument"),
    ("dbn/test_data.definition.v1.dbn.zst", "'MSFT' belongs to no instrument"),
    ("dbn/test_data.definition.v2.dbn.zst", "'MSFT' belongs to no instrument"),
    ("dbn/test_data.definition.v3.dbn.zst", "'MSFT' belongs to no instrument"),
    ("dbn/test_data.definition.dbz", r"legacy \.dbz format"),
    ("dbn/test_data.mbp-10.dbz", r"legacy \.dbz format"),
    ("dbn/test_data.trades.dbz", r"legacy \.dbz format"),
    ("dbn/multi-frame.definition.v1.dbn.frag.zst", "no DBN header"),
    ("dbn/test_data.definition.dbn.frag.zst", "no DBN header"),
    ("dbn/test_data.definition.v1.dbn.frag", "no DBN header"),
    ("dbn/test_data.definition.v1.dbn.frag.zst", "no DBN header"),
    ("dbn/test_data.definition.v2.dbn.frag", "no DBN header"),
    ("dbn/test_data.definition.v3.dbn.frag", "no DBN header"),
    ("dbn/test_data.definition.v3.dbn.frag.zst", "no DBN header"),
]


def request(root: Path, product: str, *names: str, instrument: str = "es") -> IngestRequest:
    """An ingest of some of the real files."""
    files = tuple(str(DATA / name) for name in names)
    return IngestRequest(str(root), instrument, product, files=files, run_id="r1")


def bronze(root: Path, product: str, dataset: str, instrument: str = "es") -> pa.Table:
    """Everything in a Bronze dataset."""
    reader = BronzeReader(
        LakePathResolver(str(root)), LakeFileSystem.of(str(root)), instrument, product
    )
    return reader.read(dataset, **FOREVER)


def test_files__all_are_listed() -> None:
    """Every file of the folder has an expected result in this module."""
    named = {row[-2] for row in READ} | {row[0] for row in (*NOT_KEPT, *WRONG_PRODUCT, *REFUSED)}
    found = {str(p.relative_to(DATA)) for p in DATA.rglob("*") if p.is_file()}
    assert found == named


@pytest.mark.parametrize(("instrument", "product", "name", "rows"), READ)
def test_ingest__readable(
    tmp_path: Path, instrument: str, product: str, name: str, rows: int
) -> None:
    """A readable file gives the known number of rows, none rejected."""
    asked = request(tmp_path, product, name, instrument=instrument)
    summary = ingest(None, asked, {**PROFILES, "aapl": AAPL})
    assert (summary.rows_in, summary.rows_out, summary.quarantined) == (rows, rows, {})
    dataset = summary.files[0].dataset
    assert bronze(tmp_path, product, dataset, instrument).num_rows == rows


@pytest.mark.parametrize(("name", "rows"), NOT_KEPT)
def test_ingest__statistics_other_than_open_interest(tmp_path: Path, name: str, rows: int) -> None:
    """Statistics of other types are counted, not kept, and the run says that nothing came of it."""
    summary = ingest(None, request(tmp_path, "options", name), PROFILES)
    assert (summary.rows_in, summary.rows_out, summary.not_kept) == (rows, 0, rows)
    assert "none of its" in summary.warnings[0]


@pytest.mark.parametrize(("name", "rows"), WRONG_PRODUCT)
def test_ingest__future_among_options(tmp_path: Path, name: str, rows: int) -> None:
    """The definition of a future is no definition of an option."""
    summary = ingest(None, request(tmp_path, "options", name), PROFILES)
    assert summary.quarantined == {"WRONG_PRODUCT": rows}


@pytest.mark.parametrize(("name", "cause"), REFUSED)
def test_ingest__refused(tmp_path: Path, name: str, cause: str) -> None:
    """Nothing is written for a file that cannot be ingested; the error names it and the cause."""
    product = "options" if "definition" in name else "futures"
    with pytest.raises(RawFileError, match=cause) as caught:
        ingest(None, request(tmp_path, product, name), PROFILES)
    assert Path(name).name in str(caught.value)
    written = [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()]
    assert written == ["_meta/es/runs/r1/run.json"]


def test_ingest__versions_agree(tmp_path: Path) -> None:
    """The same two trades of DBN 1, 2 and 3, plain and zstd, give the same values."""
    names = ["trades.dbn", "trades.v1.dbn.zst", "trades.v2.dbn.zst", "trades.v3.dbn.zst"]
    tables = []
    for name in names:
        root = tmp_path / name
        ingest(None, request(root, "futures", f"dbn/test_data.{name}"), PROFILES)
        tables.append(bronze(root, "futures", "trades").drop_columns(["src_file"]).to_pylist())
    assert all(rows == tables[0] for rows in tables)
    assert len(tables[0]) == 2
    assert tables[0][0] == {
        "ts_event_ns": 1609160400098821953,
        "ts_recv_ns": 1609160400099150057,
        "seq": 1170380,
        "src_row": 0,
        "source": "GLBX.MDP3",
        "symbol": "ESH1",
        "price": 3720.25,
        "size": 5,
        "aggressor": -1,
        "exchange": "CME",
    }


def test_ingest__book(tmp_path: Path) -> None:
    """The first real book update has the levels that the vendor's own decoder shows."""
    ingest(None, request(tmp_path, "futures", "client/test_data.mbp-10.dbn.zst"), PROFILES)
    row = bronze(tmp_path, "futures", "mbp10").slice(0, 1).to_pylist()[0]
    assert (row["bid_px_1"], row["bid_sz_1"], row["ask_px_1"], row["ask_sz_1"]) == (
        3702.25, 19, 3702.75, 13,
    )  # fmt: skip
    assert (row["bid_px_2"], row["ask_px_2"], row["is_last"], row["is_snapshot"]) == (
        3702.0, 3703.0, True, False,
    )  # fmt: skip


def test_ingest__bars_equal_the_vendors(tmp_path: Path) -> None:
    """Minute bars rebuilt from the 120 trades equal the vendor's, 18, 23, 175 and 37 lots."""
    name = f"{ESU4}/futures_trades_2024-07-01T23-58_2024-07-02T00-02.dbn.zst"
    ingest(None, request(tmp_path, "futures", name), PROFILES)
    trades = bronze(tmp_path, "futures", "trades")
    minute = pc.divide(trades["ts_event_ns"], 60_000_000_000)
    grouped = trades.append_column("minute", minute).group_by("minute", use_threads=False)
    ours = grouped.aggregate(
        [("price", "first"), ("price", "max"), ("price", "min"), ("price", "last"), ("size", "sum")]
    )
    bars = [
        tuple(row.values())
        for row in ours.select(
            ["price_first", "price_max", "price_min", "price_last", "size_sum"]
        ).to_pylist()
    ]
    assert [bar[-1] for bar in bars] == [18, 23, 175, 37]
    start = ours["minute"][0].as_py() * 60_000_000_000
    assert bars == _vendor_bars(start)


def _vendor_bars(start_ns: int) -> list[tuple[float, float, float, float, int]]:
    path = DATA / ESU4 / "futures_ohlcv-1m_2024-07-01T23-40_2024-07-02T00-10.dbn.zst"
    decoder = dbn.DBNDecoder()
    raw = zstandard.ZstdDecompressor().stream_reader(path.read_bytes(), read_across_frames=True)
    decoder.write(raw.read())
    bars = [r for r in decoder.decode() if isinstance(r, dbn.OHLCVMsg) and r.instrument_id == 118]
    wanted = sorted((b for b in bars if b.ts_event >= start_ns), key=lambda b: b.ts_event)[:4]
    return [(b.open / 1e9, b.high / 1e9, b.low / 1e9, b.close / 1e9, int(b.volume)) for b in wanted]


def test_ingest__header_with_many_mappings(tmp_path: Path) -> None:
    """Two definitions behind 11,294 mappings are read, with strike, right and expiry."""
    name = f"{ESU4}/definition-glbx-es-opt.dbn.zst"
    ingest(None, request(tmp_path, "options", name), PROFILES)
    rows = bronze(tmp_path, "options", "definitions").to_pylist()
    assert [
        (r["option_symbol"], r["strike"], r["right"], r["underlying_contract"]) for r in rows
    ] == [
        ("ESM4 C4250", 4250.0, "C", "ESM4"),
        ("ESM4 C3550", 3550.0, "C", "ESM4"),
    ]
    assert {r["expiration_ns"] for r in rows} == {1718976600000000000}


def test_ingest__open_interest(tmp_path: Path) -> None:
    """Open interest comes from statistics of type 9."""
    asked = request(
        tmp_path, "options", "client_opra/test_data.statistics.dbn.zst", instrument="aapl"
    )
    ingest(None, asked, {"aapl": AAPL})
    table = bronze(tmp_path, "options", "statistics", "aapl")
    assert table["open_interest"].to_pylist() == [57924] * 4
    assert table["ts_ref_ns"].to_pylist() == [None] * 4
