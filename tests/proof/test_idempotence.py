"""The same ticks give the same tables, however often and in whatever pieces they come (02 10.4-5)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spymaster_lake.lake.bronze_parts import BronzeFile, BronzeScan
from tests.proof.comparison import differences
from tests.proof.futures_apart import WholeSession
from tests.proof.harness import shuffled_inputs
from tests.proof.simulated_lake import HALF_DAY, SimulatedLake

PIECES = 3


def test_idempotence__second_run(lake: SimulatedLake, whole: tuple[WholeSession, ...]) -> None:
    """A second run of the same session gives the same bits in all tables."""
    for session in whole:
        scans = session.bronze.scans()
        again = lake.pipeline.run(session.day, scans, history=session.history)
        assert not differences(session.tables, again)


def test_idempotence__memory_equals_lake(lake: SimulatedLake) -> None:
    """Ticks held in memory give the tables that the lake's own scans give."""
    scans = lake.pipeline.bronze(lake.root, HALF_DAY).scans()
    tables = lake.pipeline.run(HALF_DAY, scans, history=lake.before(HALF_DAY))
    assert not differences(lake.sessions[HALF_DAY], tables)


def test_idempotence__other_bronze_files(lake: SimulatedLake, tmp_path: Path) -> None:
    """Bronze rows dealt at random to other files with other names give the same tables."""
    rng = np.random.default_rng(5)
    scans = {
        alias: _resplit(scan, tmp_path / alias, rng)
        for alias, scan in lake.pipeline.scans(lake.root, HALF_DAY).items()
    }
    tables = lake.pipeline.run(HALF_DAY, scans, history=lake.before(HALF_DAY))
    assert not differences(lake.sessions[HALF_DAY], tables)


def _resplit(scan: BronzeScan, folder: Path, rng: np.random.Generator) -> BronzeScan:
    """The rows of every file dealt to three files, in order within each as the writer keeps it."""
    folder.mkdir()
    files = []
    for number, file in enumerate(scan.files):
        with pq.ParquetFile(file.uri) as opened:
            table = opened.read()
        piece = rng.integers(0, PIECES, table.num_rows)
        for i in rng.permutation(PIECES).tolist():
            path = folder / f"{rng.integers(10**9):09d}-{number}.parquet"
            pq.write_table(table.filter(pa.array(piece == i)), path)
            files.append(
                BronzeFile(str(path), path.stat().st_size, str(path), file.value, file.hour_ns)
            )
    return BronzeScan(scan.product, scan.dataset, tuple(files))


def test_idempotence__row_order(lake: SimulatedLake, whole: tuple[WholeSession, ...]) -> None:
    """Rows of input tables in any order give the same rows: no stage relies on a file's order."""
    session = whole[1]
    pipeline = shuffled_inputs(lake.pipeline, seed=1)
    tables = pipeline.run(session.day, session.bronze.scans(), history=session.history)
    assert not differences(session.tables, tables, ordered=False)
