"""The ingest job: all or nothing, the same twice, in any order; what is rejected is counted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq
import pytest

from spymaster_lake.contracts.errors import (
    ConfigError,
    MissingInputError,
    RawFileError,
    UnknownNameError,
)
from spymaster_lake.ingest import job
from spymaster_lake.ingest.job import IngestRequest, ingest
from spymaster_lake.lake.bronze_reader import BronzeReader
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver
from tests.ingest.dbn_files import ES, NOON, PROFILES, PX, UNDEFINED_PX, dbn_file, ns

BREAK = ns("2025-12-16T22:30:00")


def lake(root: Path) -> dict[str, bytes]:
    """Bronze files by relative path."""
    folder = root / "bronze"
    return {str(p.relative_to(root)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def raw(root: Path, name: str, product: str = "futures") -> Path:
    """A path in the raw directory."""
    return root / "raw" / "es" / product / "databento" / name


def run(root: Path, product: str = "futures", **given: Any) -> job.IngestSummary:
    """One ingest without Spark."""
    return ingest(None, IngestRequest(str(root), "es", product, **given), PROFILES)


def reader(root: str, product: str = "futures") -> BronzeReader:
    """A Bronze reader."""
    return BronzeReader(LakePathResolver(root), LakeFileSystem.of(root), "es", product)


def test_ingest__partitions(tmp_path: Path) -> None:
    """Rows go to contract, UTC date and hour of their event time, not of the file's day."""
    rows = [
        {"ts_event": ns("2025-12-15T23:59:59.999999999")},
        {"ts_event": ns("2025-12-16T00:00:00")},
        {"ts_event": ns("2025-12-16T00:10:00"), "symbol": "ESH6"},
        {"ts_event": ns("2025-12-16T01:00:00")},
    ]
    dbn_file(raw(tmp_path, "day.dbn.zst"), "trades", rows)
    run(tmp_path)
    folders = sorted(str(Path(p).parent).split("schema=v1/")[1] for p in lake(tmp_path))
    assert folders == [
        "contract=ESH6/date=2025-12-16/hour=00",
        "contract=ESZ5/date=2025-12-15/hour=23",
        "contract=ESZ5/date=2025-12-16/hour=00",
        "contract=ESZ5/date=2025-12-16/hour=01",
    ]


def test_ingest__snapshot_rows_by_receive_time(tmp_path: Path) -> None:
    """A snapshot of days ago lies where it was received; its event time is kept."""
    old = ns("2025-12-12T21:00:00")
    rows = [{"flags": 32, "ts_event": old, "ts_recv": NOON}, {"flags": 128, "ts_event": NOON + 5}]
    dbn_file(raw(tmp_path, "day.dbn.zst"), "mbp-10", rows)
    run(tmp_path)
    (path,) = lake(tmp_path)
    assert "date=2025-12-16/hour=15" in path
    table = reader(str(tmp_path)).read("mbp10", ("ts_event_ns",), start_ns=NOON, end_ns=NOON + 9)
    assert table["ts_event_ns"].to_pylist() == [old, NOON + 5]


def test_ingest__quarantine(tmp_path: Path) -> None:
    """Every record is in Bronze or, with its reason, in the quarantine file of the run."""
    rows: list[Mapping[str, object]] = [
        {},
        {"symbol": "ESZ5-ESH6"},
        {"symbol": "UD:1V: SG 2875114"},
        {"instrument_id": 999},
        {"price": UNDEFINED_PX},
        {"price": 0},
        {"price": 6850 * PX + 1},
        {"size": 0},
        {"ts_event": BREAK},
        {"ts_event": 7, "ts_recv": NOON},
        {"ts_event": BREAK, "size": 0},
    ]
    dbn_file(raw(tmp_path, "day.dbn.zst"), "trades", rows)
    summary = run(tmp_path, run_id="r1")
    assert (summary.rows_in, summary.rows_out) == (11, 1)
    expected = [
        (1, "SPREAD"), (2, "USER_DEFINED"), (3, "UNMAPPED"), (4, "UNDEFINED_PRICE"),
        (5, "NON_POSITIVE_PRICE"), (6, "OFF_TICK"), (7, "BAD_SIZE"), (8, "MAINTENANCE_BREAK"),
        (9, "OUT_OF_BOUNDS_TIME"), (10, "BAD_SIZE"),
    ]  # fmt: skip
    assert summary.quarantined == {
        "BAD_SIZE": 2, "MAINTENANCE_BREAK": 1, "NON_POSITIVE_PRICE": 1, "OFF_TICK": 1,
        "OUT_OF_BOUNDS_TIME": 1, "SPREAD": 1, "UNDEFINED_PRICE": 1, "UNMAPPED": 1,
        "USER_DEFINED": 1,
    }  # fmt: skip
    (file,) = (tmp_path / "_meta/es/runs/r1/quarantine").iterdir()
    table = pq.read_table(file)
    assert (
        list(zip(table["src_row"].to_pylist(), table["reason"].to_pylist(), strict=True))
        == expected
    )
    assert table["symbol"].to_pylist()[:3] == ["ESZ5-ESH6", "UD:1V: SG 2875114", None]


def test_ingest__reference_records_in_the_break(tmp_path: Path) -> None:
    """Definitions and open interest published in the break are kept: they are no market rows."""
    dbn_file(raw(tmp_path, "d.dbn.zst", "options"), "definition", [{"ts_event": BREAK}])
    mapping = {"E3AZ5 C6850": 118}
    dbn_file(
        raw(tmp_path, "s.dbn.zst", "options"), "statistics", [{"ts_event": BREAK}], mappings=mapping
    )
    dbn_file(
        raw(tmp_path, "t.dbn.zst", "options"), "trades", [{}, {"ts_event": BREAK}], mappings=mapping
    )
    summary = run(tmp_path, "options")
    assert [f.rows_out for f in summary.files] == [1, 1, 1]
    assert summary.quarantined == {"MAINTENANCE_BREAK": 1}
    found = reader(str(tmp_path), "options").read("trades", start_ns=0, end_ns=2**62).to_pylist()
    assert [(r["option_symbol"], r["instrument_id"], r["price"]) for r in found] == [
        ("E3AZ5 C6850", 118, 6850.0)
    ]
    assert reader(str(tmp_path), "options").values("definitions") == ("ES",)


def test_ingest__twice_changes_nothing(tmp_path: Path) -> None:
    """A second run leaves the same files with the same bytes."""
    dbn_file(raw(tmp_path, "day.dbn.zst"), "trades", [{"size": n} for n in range(1, 50)])
    run(tmp_path)
    first = lake(tmp_path)
    run(tmp_path)
    assert first
    assert lake(tmp_path) == first


def test_ingest__order_of_files(tmp_path: Path) -> None:
    """Two halves of a day give the same Bronze in either order, in one run or in two."""
    halves = {
        "a.dbn.zst": [{"size": n} for n in range(1, 20)],
        "b.dbn.zst": [{"size": n, "ts_event": NOON + n * 700_000} for n in range(20, 40)],
    }
    lakes, tables = [], []
    for number, groups in enumerate(([["a", "b"]], [["b"], ["a"]], [["a"], ["b"]])):
        root = tmp_path / str(number)
        for name, rows in halves.items():
            dbn_file(raw(root, name), "trades", rows)
        for group in groups:
            run(root, files=tuple(str(raw(root, f"{n}.dbn.zst")) for n in group))
        lakes.append(lake(root))
        tables.append(reader(str(root)).read("trades", start_ns=0, end_ns=2**62))
    assert lakes[0] == lakes[1] == lakes[2]
    assert tables[0].num_rows == 39
    times = tables[0]["ts_event_ns"].to_pylist()
    assert times == sorted(times)
    assert tables[0].equals(tables[1])


def test_ingest__same_bytes_under_two_names(tmp_path: Path) -> None:
    """A copy of a file adds no row and is named in the summary."""
    for name in ("a.dbn.zst", "b.dbn.zst"):
        dbn_file(raw(tmp_path, name), "trades", [{}, {}])
    summary = run(tmp_path)
    assert [Path(p).name for p in summary.duplicates] == ["b.dbn.zst"]
    assert summary.rows_out == 2
    assert reader(str(tmp_path)).read("trades", start_ns=0, end_ns=2**62).num_rows == 2


def test_ingest__foreign_contract(tmp_path: Path) -> None:
    """One foreign outright refuses the file and the run; nothing of any file is published."""
    dbn_file(raw(tmp_path, "a.dbn.zst"), "trades", [{}])
    dbn_file(raw(tmp_path, "b.dbn.zst"), "trades", [{}, {"symbol": "NQZ5"}])
    with pytest.raises(
        RawFileError, match=r"1 of 2 raw files.*\n.*SymbolError: b\.dbn\.zst.*'NQZ5'"
    ):
        run(tmp_path, run_id="r1")
    assert lake(tmp_path) == {}
    assert not (tmp_path / "_meta/es/runs/r1/staging").exists()


def test_ingest__foreign_symbol_in_header_only(tmp_path: Path) -> None:
    """A header may map symbols that no record uses."""
    dbn_file(raw(tmp_path, "a.dbn.zst"), "trades", [{}], mappings={"ESZ5": 118, "NQZ5": 122})
    assert run(tmp_path).rows_out == 1


def test_ingest__truncated_late(tmp_path: Path) -> None:
    """A file that breaks after good batches leaves no part of them behind."""
    path = raw(tmp_path, "a.dbn")
    dbn_file(path, "trades", [{}] * 70_000, compress=False)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RawFileError, match=r"a\.dbn: truncated: ends inside record 69999"):
        run(tmp_path, run_id="r1")
    written = [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()]
    assert sorted(written) == ["_meta/es/runs/r1/run.json", "raw/es/futures/databento/a.dbn"]


def test_ingest__all_refused_files_are_listed(tmp_path: Path) -> None:
    """One error names every bad file, not only the first."""
    for name in ("a.dbz", "b.dbn"):
        raw(tmp_path, name).parent.mkdir(parents=True, exist_ok=True)
        raw(tmp_path, name).write_bytes(b"P*M\x18junk" if name == "a.dbz" else b"")
    with pytest.raises(
        RawFileError, match=r"(?s)2 of 2.*a\.dbz: legacy.*b\.dbn: the file is empty"
    ):
        run(tmp_path)


def test_ingest__skip_bad_files(tmp_path: Path) -> None:
    """With skip, the good files are published and the bad ones are in the record."""
    dbn_file(raw(tmp_path, "a.dbn.zst"), "trades", [{}])
    raw(tmp_path, "b.dbz").write_bytes(b"P*M\x18junk")
    summary = run(tmp_path, on_bad_file="skip", run_id="r1")
    assert summary.rows_out == 1
    record = LakeFileSystem.of(str(tmp_path)).read_json(str(tmp_path / "_meta/es/runs/r1/run.json"))
    assert record["status"] == "SUCCEEDED"
    assert record["warnings"][0].startswith("refused: b.dbz")


def test_ingest__side_files_are_reported(tmp_path: Path) -> None:
    """Files of a download that hold no records are named, not read."""
    dbn_file(raw(tmp_path, "job/a.dbn.zst"), "trades", [{}])
    raw(tmp_path, "job/condition.json").write_text("[]")
    assert [Path(p).name for p in run(tmp_path).ignored] == ["condition.json"]


def test_ingest__empty_file(tmp_path: Path) -> None:
    """A valid file without records is fine and writes nothing."""
    dbn_file(raw(tmp_path, "a.dbn.zst"), "trades", [])
    summary = run(tmp_path)
    assert (summary.rows_in, summary.warnings, lake(tmp_path)) == (0, (), {})


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({}, MissingInputError, "No vendor file below"),
        ({"files": ("nowhere/a.dbn",)}, MissingInputError, "nowhere/a.dbn"),
        ({"product": "equities"}, ConfigError, "allowed for ingest: futures, options"),
        ({"instrument": "spx"}, UnknownNameError, "Unknown instrument 'spx'"),
        ({"on_bad_file": "ignore"}, ConfigError, "allowed: fail, skip"),
    ],
)
def test_ingest__bad_request(
    tmp_path: Path, given: dict[str, Any], error: type[Exception], said: str
) -> None:
    """A request that cannot be met says what is missing or allowed."""
    asked = {"instrument": "es", "product": "futures", **given}
    with pytest.raises(error, match=said):
        ingest(None, IngestRequest(str(tmp_path), **asked), PROFILES)


def test_ingest__record_states(tmp_path: Path) -> None:
    """The record goes from RUNNING to SUCCEEDED, or to FAILED with the error."""
    seen: list[Mapping[str, Any]] = []
    dbn_file(raw(tmp_path, "a.dbn.zst"), "trades", [{}])
    asked = IngestRequest(str(tmp_path), "es", "futures")
    ingest(None, asked, PROFILES, record=seen.append)
    raw(tmp_path, "b.dbz").write_bytes(b"P*M\x18junk")
    with pytest.raises(RawFileError):
        ingest(None, asked, PROFILES, record=seen.append)
    assert [s["status"] for s in seen] == ["RUNNING", "SUCCEEDED", "RUNNING", "FAILED"]
    assert seen[1]["rows_out"] == 1
    assert seen[3]["error_type"] == "RawFileError"


def test_ingest__rules_changed_between_runs(tmp_path: Path) -> None:
    """Parts of the same raw bytes with other borders are replaced, never kept beside the new."""
    dbn_file(raw(tmp_path, "a.dbn.zst"), "trades", [{"price": 6850 * PX + PX // 10}, {}, {}])
    finer = ES.model_copy(update={"tick_size": 0.05})
    asked = IngestRequest(str(tmp_path), "es", "futures")
    ingest(None, asked, {"es": finer})
    assert reader(str(tmp_path)).read("trades", start_ns=0, end_ns=2**62).num_rows == 3
    summary = ingest(None, asked, PROFILES)
    assert len(summary.removed) == 1
    assert reader(str(tmp_path)).read("trades", start_ns=0, end_ns=2**62).num_rows == 2


def test_ingest__in_memory_lake(tmp_path: Path) -> None:
    """The same job runs on an object-store-like file system."""
    fsspec.filesystem("memory").store.clear()
    path = dbn_file(tmp_path / "a.dbn.zst", "mbp-10", [{}, {"symbol": "ESZ5-ESH6"}, {}])
    asked = IngestRequest("memory://lake", "es", "futures", files=(path,), run_id="r1")
    summary = ingest(None, asked, PROFILES)
    assert (summary.rows_out, summary.quarantined) == (2, {"SPREAD": 1})
    table = reader("memory://lake").read("mbp10", start_ns=0, end_ns=2**62)
    assert table["src_row"].to_pylist() == [0, 2]
    names = sorted(f.path for f in LakeFileSystem.of("memory://lake").find("memory://lake/_meta"))
    assert len(names) == 3
    assert "/es/runs/r1/quarantine/" in names[0]
    assert names[1:] == [
        "memory://lake/_meta/es/runs/r1/run.json",
        "memory://lake/_meta/schemas/futures/mbp10/schema=v1.json",
    ]
    fsspec.filesystem("memory").store.clear()


def test_ingest__record_is_relative_to_the_root(tmp_path: Path) -> None:
    """Parts and quarantine are recorded relative to the root: the same on any machine."""
    dbn_file(raw(tmp_path, "a.dbn.zst"), "trades", [{}, {"size": 0}])
    run(tmp_path, run_id="r1")
    record = LakeFileSystem.of(str(tmp_path)).read_json(str(tmp_path / "_meta/es/runs/r1/run.json"))
    (file,) = record["files"]
    assert set(file["parts"]) == set(lake(tmp_path))
    assert file["quarantine"].startswith("_meta/es/runs/r1/quarantine/futures-")
    assert (record["rows_in"], record["rows_out"], record["quarantined"]) == (2, 1, {"BAD_SIZE": 1})


def test_ingest__record_names_code_configuration_and_times(tmp_path: Path) -> None:
    """The record of a run says what made it, when it began and ended, and relative raw paths."""
    dbn_file(raw(tmp_path, "a.dbn.zst"), "trades", [{}])
    made_by = {"git": {"sha": "0" * 40, "dirty": False}, "config_hash": "1" * 64}
    notes: list[Mapping[str, Any]] = []
    request = IngestRequest(str(tmp_path), "es", "futures", run_id="r1")
    ingest(None, request, PROFILES, provenance=made_by, record=notes.append)
    assert [note["status"] for note in notes] == ["RUNNING", "SUCCEEDED"]
    for note in notes:
        assert {k: note[k] for k in made_by} == made_by
    assert notes[0]["ended_at"] is None
    assert notes[1]["started_at"] <= notes[1]["ended_at"]
    assert [f["path"] for f in notes[1]["files"]] == ["raw/es/futures/databento/a.dbn.zst"]
