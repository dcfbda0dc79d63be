"""Raw vendor files to Bronze: `spark-submit jobs/ingest.py …`; options as for `spymaster ingest`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from spymaster_lake.cli import main

if __name__ == "__main__":
    sys.exit(main(["ingest", *sys.argv[1:]]))
