"""Simulated vendor files: `python jobs/simulate.py --instrument es --start 2025-10-01 --sessions 60`."""

from __future__ import annotations

import sys

from spymaster_lake.contracts.errors import LakeError
from spymaster_lake.contracts.settings import load_settings
from spymaster_lake.simulator.command import describe, parse_arguments, run_simulation


def main() -> int:
    """Parse, simulate, print one line; the exit code is the error's."""
    arguments = parse_arguments()
    try:
        print(describe(run_simulation(arguments, load_settings(data_root=arguments.data_root))))
    except LakeError as exc:
        print(f"{type(exc).__name__}: {exc}", file=sys.stderr)
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
