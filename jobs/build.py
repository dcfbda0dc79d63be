"""Raw files to episodes: `spark-submit jobs/build.py …`; options as for `spymaster build`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from spymaster_lake.cli import main

if __name__ == "__main__":
    sys.exit(main(["build", *sys.argv[1:]]))
