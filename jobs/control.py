"""Run the enabled rows of a control table: `spark-submit jobs/control.py …`; options as for `spymaster control`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from spymaster_lake.cli import main

if __name__ == "__main__":
    sys.exit(main(["control", *sys.argv[1:]]))
