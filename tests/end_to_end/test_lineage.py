"""What a run records, and the way back from an index to raw files (00 section 5)."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from datetime import UTC, datetime

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.run_record import RunStatus
from spymaster_lake.lake.index_store import read_manifest
from spymaster_lake.orchestration.records import RunStore
from tests.end_to_end.lakes import (
    DAYS,
    EPISODES,
    FEATURES,
    INDICES,
    INSTRUMENT,
    REPOSITORY,
    VERSION,
)
from tests.end_to_end.many_episodes import AS_OF
from tests.markets import MARKETS

pytestmark = pytest.mark.spark
WITHOUT_ROWS = {"es": set(), "tsla": {"definitions", "statistics", "work/open_interest"}}
"""Inputs that a simulated vendor does not deliver: that of a share's options sells prints."""

every_market = pytest.mark.parametrize("market", MARKETS, indirect=True)


def canonical_hash(value):
    """sha256 over canonical JSON, spelled out here once more."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def manifest_file(market, pipeline):
    """A manifest of the repository."""
    home = REPOSITORY / "manifests" / market.instrument / pipeline
    return home / f"version={market.version}" / "manifest.json"


def manifest_sha(market, pipeline):
    """sha256 of a manifest of the repository with all defaults written out."""
    from spymaster_lake.contracts.manifest import Manifest

    model = Manifest.model_validate_json(manifest_file(market, pipeline).read_text("utf-8"))
    return canonical_hash(model.model_dump(mode="json"))


def fingerprint_of_files(lake, pipeline, print_):
    """The fingerprint, made again from the files that lie in the lake."""
    instrument, version = lake.market.instrument, lake.market.version
    days = [day.isoformat() for day in print_.dates]
    if print_.layer == "bronze":
        root = lake.root / "bronze" / instrument / print_.owner / print_.dataset
        paths = [p for day in days for p in root.rglob(f"date={day}/**/*.parquet")]
        files = [[str(p.relative_to(lake.root)), p.stat().st_size] for p in paths]
        # a session reads hours, not whole dates: those outside the span of the run do not count
        read = hours_read(lake, print_) if days else set()
        files = [f for f in files if f[0] in read]
    else:
        home = lake.root / print_.layer / instrument / print_.owner / f"version={version}"
        table = deltalake.DeltaTable(home / print_.dataset, version=print_.table_version)
        adds = pa.table(table.get_add_actions(flatten=True)).to_pylist()
        base = f"{print_.layer}/{instrument}/{print_.owner}/version={version}/{print_.dataset}"
        files = [
            [f"{base}/{a['path']}", a["size_bytes"]]
            for a in adds
            if a["partition.date"] in print_.dates
        ]
    for path, size in files:
        assert (lake.root / path).stat().st_size == size
    return files, canonical_hash(
        {
            "layer": print_.layer,
            "owner": print_.owner,
            "dataset": print_.dataset,
            "pipeline_version": print_.pipeline_version,
            "manifest": manifest_sha(lake.market, pipeline),
            "schema_version": "v1",
            "dates": days,
            "files": sorted(files),
            "table_version": print_.table_version,
        }
    )


def hours_read(lake, print_):
    """Bronze parts whose hour meets the span of the run's sessions, as the run's plan lists them."""
    from spymaster_lake.lake.bronze_reader import BronzeReader
    from spymaster_lake.sessions.calendar import SessionCalendar

    instrument = lake.market.instrument
    calendar = SessionCalendar(lake.env.profiles[instrument].calendar)
    first = calendar.sessions(print_.dates[0], DAYS[-1])
    reader = BronzeReader(lake.env.resolver, lake.env.filesystem, instrument, print_.owner)
    starts = {calendar.clock(day).record_start_ns for day in first}
    end = calendar.clock(DAYS[-1]).end_ns
    for start in sorted(starts):
        found = {f.path for f in reader.files(print_.dataset, start_ns=start, end_ns=end)}
        if len(found) == print_.n_files:
            return found
    raise AssertionError(f"no session start gives the {print_.n_files} files of {print_}")


def run_of(lake, run_id):
    """A run record of the lake."""
    return RunStore(lake.env).read_run(lake.market.instrument, run_id)


@every_market
def test_run_json__holds_what_was_asked_and_done(market, indexed_lake):
    """Every field of 00 section 5, from the file itself."""
    path = indexed_lake.root / "_meta" / market.instrument / "runs" / "indices" / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["run_id"] == "indices"
    assert record["status"] == "SUCCEEDED"
    assert (record["instrument"], record["pipeline_id"], record["pipeline_version"]) == (
        market.instrument, INDICES, market.version,
    )  # fmt: skip
    assert record["start"] == record["end"] == AS_OF.isoformat()
    head = subprocess.run(
        ["git", "-C", str(REPOSITORY), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert record["git"]["sha"] == (head.stdout.strip() or None)
    assert record["git"]["dirty"] in ({True, False} if head.stdout else {None})
    assert len(record["config_hash"]) == len(record["manifest_hash"]) == 64
    assert record["manifest_hash"] == manifest_sha(market, INDICES)
    assert record["versions"]["python"] == platform.python_version()
    assert record["versions"]["spark"] == "4.1.1"
    assert record["versions"]["delta"] == "4.2.0"
    began, ended = (datetime.fromisoformat(record[k]) for k in ("started_at", "ended_at"))
    assert began.tzinfo is not None
    assert began <= ended <= datetime.now(UTC)
    assert 0 < record["seconds"] < 600
    assert record["overrides"] == {"build_indices.min_partition_size": 30}
    assert {i["dataset"] for i in record["inputs"]} == {"episodes/vectors", "episodes/metadata"}
    assert record["outputs"] == [
        {
            "layer": "gold",
            "dataset": "indices",
            "path": f"gold/{market.instrument}/{INDICES}/version={market.version}/indices",
            "delta_version": None,
            "rows": record["rows"]["indices"],
        }
    ]
    assert record["rows"]["indices"] > 500
    assert [(s["name"], s["status"]) for s in record["stages"]] == [("build_indices", "SUCCEEDED")]
    assert record["error"] is None


@every_market
def test_run_json__lists_outputs_and_durations(market, built_lake):
    """Each stage has times, rows and outputs; a table's Delta version holds the rows it says."""
    record = run_of(built_lake, "features")
    assert record.dates == DAYS
    assert len(record.stages) == 17
    for stage in record.stages:
        assert stage.status is RunStatus.SUCCEEDED
        assert stage.seconds > 0
        assert stage.started_at < stage.ended_at
        assert stage.inputs
        assert set(stage.date_inputs) == set(DAYS)
        assert {o.dataset: o.rows for o in stage.outputs} == stage.rows
        own = RunStore(built_lake.env).read_stage(market.instrument, "features", stage.name)
        assert own == stage
    assert len(record.outputs) == 28
    for output in record.outputs:
        table = deltalake.DeltaTable(built_lake.root / output.path, version=output.delta_version)
        assert table.count() == output.rows == record.rows[output.dataset]
    assert {(i.layer, i.owner, i.dataset) for i in record.inputs} == {
        *(("bronze", market.profile.product, dataset) for dataset in market.datasets),
        *(("bronze", "options", name) for name in ("trades", "definitions", "statistics")),
    }


@every_market
@pytest.mark.parametrize("pipeline", [FEATURES, EPISODES, INDICES])
def test_manifest__is_copied_to_both_places(market, indexed_lake, pipeline):
    """`_meta/pipelines` and the run's own folder hold the repository's manifest, byte for byte."""
    run_id = {FEATURES: "features", EPISODES: "episodes", INDICES: "indices"}[pipeline]
    meta = indexed_lake.root / "_meta"
    text = manifest_file(market, pipeline).read_bytes()
    home = meta / "pipelines" / market.instrument / pipeline / f"version={market.version}"
    published = home / "manifest.json"
    own = meta / market.instrument / "runs" / run_id / "pipelines" / pipeline / "manifest.json"
    assert published.read_bytes() == text
    assert own.read_bytes() == text


def test_manifest__of_a_version_never_changes(built_lake, copy_of):
    """A run with another manifest under a published version is refused before it writes."""
    lake = copy_of(built_lake)
    path = lake.root / "_meta" / "pipelines" / INSTRUMENT / FEATURES / f"version={VERSION}"
    changed = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    changed["stages"][0]["params"] = {"other": 1}
    (path / "manifest.json").write_text(json.dumps(changed), encoding="utf-8")
    with pytest.raises(ConfigError, match="a pipeline version is immutable"):
        lake.run(FEATURES, run_id="changed")
    assert not (lake.root / "_meta" / INSTRUMENT / "runs" / "changed").exists()


@every_market
def test_lineage__from_an_index_to_raw_files(market, indexed_lake):
    """Index manifest, its run, its inputs' commits, their runs, Bronze, ingest run, raw file."""
    lake, root = indexed_lake, indexed_lake.root
    instrument, version = market.instrument, market.version
    home = f"{lake.root}/gold/{instrument}/{INDICES}/version={version}/indices"
    manifest = read_manifest(lake.env.filesystem, home)
    seen, waiting, bronze = set(), [(manifest.run_id, INDICES)], set()
    while waiting:
        run_id, pipeline = waiting.pop()
        if run_id in seen:
            continue
        seen.add(run_id)
        record = run_of(lake, run_id)
        assert record.inputs
        for print_ in record.inputs:
            files, sha = fingerprint_of_files(lake, pipeline, print_)
            assert sha == print_.sha256, (run_id, print_)
            assert len(files) == print_.n_files
            assert files or print_.dataset in WITHOUT_ROWS[instrument]
            if print_.layer == "bronze":
                bronze |= {path for path, _ in files}
                continue
            table = root / print_.layer / instrument / print_.owner / f"version={version}"
            history = deltalake.DeltaTable(table / print_.dataset).history()
            writes = [c for c in history if c["operation"] == "WRITE" and "run_id" in c]
            waiting += [(c["run_id"], print_.owner) for c in writes]
    assert seen == {"indices", "episodes", "features"}
    assert manifest.source_versions == {
        i.dataset: i.table_version for i in run_of(lake, "indices").inputs
    }
    raw = raw_by_part(root, instrument)
    assert len(bronze) > 100
    assert bronze <= set(raw)
    for part in sorted(bronze)[::10]:
        vendor_file, sha = raw[part]
        sources = pq.read_table(root / part, columns=["src_file"], partitioning=None)
        assert set(sources.column("src_file").to_pylist()) == {sha[:16]}
        assert hashlib.sha256(vendor_file.read_bytes()).hexdigest() == sha


def raw_by_part(root, instrument):
    """Bronze part to (raw file, its sha256), from the records of ingest runs."""
    found = {}
    for path in root.glob(f"_meta/{instrument}/runs/ingest-*/run.json"):
        for file in json.loads(path.read_text(encoding="utf-8"))["files"]:
            vendor_file = root / file["path"]
            found |= dict.fromkeys(file["parts"], (vendor_file, file["sha256"]))
    return found
