"""Print as JSON what is current, stale or missing: `spark-submit jobs/status.py …`; options as for `spymaster status`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from spymaster_lake.cli import main

if __name__ == "__main__":
    sys.exit(main(["status", *sys.argv[1:]]))
