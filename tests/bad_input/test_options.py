"""Option data that are absent or late: an error where they are required, else null with a reason."""

from __future__ import annotations

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spymaster_lake.contracts.features import GEX
from tests.bad_input.command import HOUR_NS, clock, drop_session, on, session_parts
from tests.laws.small_lake import DAY, SmallLake

GAMMA = ("gamma_exposure", "call_tide", "put_tide", "fuel_effect")
GEX_COLUMNS = tuple(column.name for column in GEX)
MANIFEST = "manifests/es/feature_engineering/version=4.5.0/manifest.json"


def remove(lake: SmallLake, dataset: str) -> None:
    """A Bronze dataset of options that was never bought."""
    shutil.rmtree(lake.root / "bronze" / "es" / "options" / dataset)


@pytest.mark.parametrize("dataset", ["definitions", "trades"])
def test_required_dataset_missing__is_an_error(lake, command, dataset):
    """The manifest requires definitions and trades of options."""
    remove(lake, dataset)
    command.stage_refused("load_bronze", said=f"{DAY}: missing bronze options {dataset}")


def warnings(record) -> list[str]:
    """All warnings of a run."""
    return [w for stage in record["stages"] for w in stage["warnings"]]


def unknown(lake: SmallLake, *names: str) -> set[str]:
    """Columns of signals that are null in every row."""
    table = lake.read("signals", DAY)
    assert table.num_rows > 0
    return {n for n in names if table[n].null_count == table.num_rows}


def test_no_open_interest__gex_is_null_with_a_reason(lake, command):
    """Open interest is optional: without it GEX is unknown, gamma of trades is not."""
    drop_session(lake, "options", "statistics")
    code, out, err = command.pipeline(*on(DAY), "--json")
    assert code == 0, err
    reason = f"{DAY}: no open interest before the open; GEX columns are null"
    assert reason in warnings(command.record(out))
    assert unknown(lake, *GEX_COLUMNS) == set(GEX_COLUMNS)
    assert "call_tide" not in unknown(lake, *GAMMA)
    (row,) = lake.read("work/sessions", DAY).to_pylist()
    assert (row["has_options"], row["has_open_interest"]) == (True, False)


def test_open_interest_after_the_open__is_not_used(lake, command):
    """What is published after 09:30 ET is no open interest of this session (08 A21)."""
    parts = session_parts(lake, "options", "statistics")
    rows = pa.concat_tables([pq.ParquetFile(p).read() for p in parts])
    late = pa.array([clock(lake).open_ns + HOUR_NS] * rows.num_rows)
    for name in ("ts_event_ns", "ts_recv_ns"):
        at = rows.column_names.index(name)
        rows = rows.set_column(at, rows.schema.field(at), late)
    for path in parts:
        path.unlink()
    folder = parts[0].parent.parent.parent / f"date={DAY}" / "hour=15"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, folder / "part-late.parquet")
    code, out, err = command.pipeline(*on(DAY), "--until", "compute_gex_features", "--json")
    assert code == 0, err
    assert f"{DAY}: no open interest before the open" in " ".join(warnings(command.record(out)))
    gex = lake.read("work/gex", DAY)
    assert all(gex[name].null_count == gex.num_rows > 0 for name in GEX_COLUMNS)


def test_optional_options_absent__gamma_columns_are_null_with_a_reason(lake, command, tmp_path):
    """A manifest that does not require options runs without them; nothing becomes 0."""
    for dataset in ("definitions", "trades", "statistics"):
        remove(lake, dataset)
    shutil.rmtree(lake.root / "_meta" / "pipelines")  # a version is immutable in a lake
    command.project(tmp_path / "home", MANIFEST, '"required": true', '"required": false')
    code, out, err = command.pipeline(*on(DAY), "--json")
    assert code == 0, err
    for columns in ("gamma", "GEX"):
        reason = f"{DAY}: no option definitions; {columns} columns are null"
        assert reason in warnings(command.record(out))
    assert unknown(lake, *GAMMA, *GEX_COLUMNS) == {*GAMMA, *GEX_COLUMNS}
    (row,) = lake.read("work/sessions", DAY).to_pylist()
    assert (row["has_options"], row["has_open_interest"]) == (False, False)
