"""The command line of the ingest job, apart from the door in `jobs/`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from spymaster_lake.contracts.settings import Settings
from spymaster_lake.ingest.job import IngestRequest, ingest
from spymaster_lake.ingest.summary import IngestSummary, describe
from spymaster_lake.lake.instruments import InstrumentResolver, load_profiles

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments of `jobs/ingest.py`; `--instrument` is required."""
    parser = argparse.ArgumentParser(prog="ingest", description="Raw vendor files to Bronze.")
    parser.add_argument("--instrument", required=True, help="such as es")
    parser.add_argument("--product", help="futures or options; default: the profile's product")
    parser.add_argument("--data-root", help="root of the lake: a folder or URI")
    parser.add_argument("--source", default="databento", help="folder below raw/ (%(default)s)")
    parser.add_argument("--files", nargs="+", default=(), help="these files only")
    parser.add_argument("--run-id", default="", help="id of the run; default: made of the time")
    parser.add_argument(
        "--on-bad-file",
        choices=("fail", "skip"),
        default="fail",
        help="a refused file stops everything, or is left out (%(default)s)",
    )
    parser.add_argument("--no-spark", action="store_true", help="decode here, one file at a time")
    return parser.parse_args(argv)


def run_ingest(
    arguments: argparse.Namespace,
    settings: Settings,
    get_spark: Callable[[Settings], SparkSession],
) -> IngestSummary:
    """Ingest what the arguments ask for; a session is started only when it is needed."""
    profiles = load_profiles(settings.conf_dir)
    profile = InstrumentResolver(profiles).profile(arguments.instrument)
    request = IngestRequest(
        data_root=settings.data_root,
        instrument=arguments.instrument,
        product=arguments.product or profile.product,
        source=arguments.source,
        files=tuple(arguments.files),
        run_id=arguments.run_id,
        on_bad_file=arguments.on_bad_file,
    )
    spark = None if arguments.no_spark else get_spark(settings)
    return ingest(spark, request, profiles)


def report(summary: IngestSummary) -> str:
    """The summary as JSON text, without the list of parts."""
    value = {"run_id": summary.run_id, **describe(summary)}
    value["files"] = [{k: v for k, v in f.items() if k != "parts"} for f in value["files"]]
    return json.dumps(value, indent=2, ensure_ascii=False)
