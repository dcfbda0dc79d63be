"""Score session dates with a registered model: `spark-submit jobs/score.py …`; options as for `spymaster score`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from spymaster_lake.cli import main

if __name__ == "__main__":
    sys.exit(main(["score", *sys.argv[1:]]))
