"""(e) One small stage alone through spark-submit, start included."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from spymaster_lake.contracts.settings import load_settings
from spymaster_lake.orchestration.environment import build_environment
from spymaster_lake.orchestration.submit import child_environment, find_spark_submit
from tests.bench.lakes import HOME, INSTRUMENT, VERSION, BenchLake, bench_lake
from tests.bench.processes import run_module, run_watched
from tests.bench.results import Measurement

LIMIT_SECONDS = 20.0
STAGE, PIPELINE = "compute_physics", "feature_engineering"
ROUNDS = 3


def measure(*, quick: bool) -> list[Measurement]:
    """Median of a few rounds of `spark-submit jobs/run_stage.py` for one light session."""
    lake = bench_lake("light")
    _prepare(lake)
    env = build_environment(load_settings(data_root=str(lake.root)))
    command = [
        find_spark_submit(), str(HOME / "jobs" / "run_stage.py"), "--instrument", INSTRUMENT,
        "--pipeline-id", PIPELINE, "--pipeline-version", VERSION, "--stage-id", STAGE,
        "--date", str(lake.days[0]), "--data-root", str(lake.root),
    ]  # fmt: skip
    rounds = 1 if quick else ROUNDS
    runs = [run_watched(command, env=child_environment(env)) for _ in range(rounds)]
    return [
        Measurement(
            "e", f"spark-submit run_stage {STAGE}, start included", median(r.seconds for r in runs),
            "s", LIMIT_SECONDS,
            detail={
                "rounds": [round(r.seconds, 2) for r in runs],
                "cpu_seconds": [round(r.cpu_seconds, 2) for r in runs],
                "peak_gib": round(max(r.peak_bytes for r in runs) / 2**30, 2),
            },
        )
    ]  # fmt: skip


def _prepare(lake: BenchLake) -> None:
    """The stages before it, if the lake does not hold their tables."""
    paths, day = lake.paths, str(lake.days[0])
    if not Path(paths.silver_table(INSTRUMENT, PIPELINE, VERSION, "signals")).is_dir():
        run_module(
            "spymaster_lake.cli", "run", "pipeline", "--instrument", INSTRUMENT, "--pipeline-id",
            PIPELINE, "--pipeline-version", VERSION, "--date", day, "--data-root", str(lake.root),
        )  # fmt: skip
