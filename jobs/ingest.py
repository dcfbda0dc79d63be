"""Raw vendor files to Bronze: `spark-submit jobs/ingest.py --instrument es --product futures`."""

from __future__ import annotations

import sys

from spymaster_lake.contracts.errors import LakeError
from spymaster_lake.contracts.settings import load_settings
from spymaster_lake.ingest.command import parse_arguments, report, run_ingest
from spymaster_lake.orchestration.spark_session import get_spark


def main() -> int:
    """Parse, run, print the report; the exit code is the error's."""
    arguments = parse_arguments()
    try:
        settings = load_settings(data_root=arguments.data_root)
        print(report(run_ingest(arguments, settings, get_spark)))
    except LakeError as exc:
        print(f"{type(exc).__name__}: {exc}", file=sys.stderr)
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
