"""(d) Vendor files to Bronze: book updates a second on two cores."""

from __future__ import annotations

import shutil

from tests.bench.lakes import BUILD, INSTRUMENT, bench_lake
from tests.bench.processes import run_module
from tests.bench.results import Measurement

LIMIT_ROWS_PER_SECOND = 400_000.0
FILES = 2
"""A file is one task, so two files keep two cores busy."""


def measure(*, quick: bool) -> list[Measurement]:
    """Ingest the mbp-10 files of two sessions; zstd, decoding, checks, Parquet, publication."""
    lake = bench_lake("light" if quick else "full")
    root = BUILD / "bench-ingest"
    files = [str(lake.raw(day, "mbp-10")) for day in lake.days[:FILES]]
    run = run_module(
        "tests.bench.ingest_run", "--root", str(root), "--instrument", INSTRUMENT, "--files", *files
    )
    shutil.rmtree(root)
    answer = run.answer
    first, again = (answer["rows"] / seconds for seconds in answer["seconds"])
    return [
        Measurement(
            "d", f"DBN to Bronze, {FILES} {lake.size} mbp-10 files on two cores", first,
            "updates/s", LIMIT_ROWS_PER_SECOND, at_least=True, judged=not quick,
            detail={
                **answer,
                "second_round_per_second": round(again),
                "cpu_seconds": round(run.cpu_seconds, 2), "peak_gib": round(run.peak_bytes / 2**30, 2),
            },
        )
    ]  # fmt: skip
