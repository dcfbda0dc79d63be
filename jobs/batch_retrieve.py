"""Answers for many episodes: `spark-submit jobs/batch_retrieve.py …`, as `spymaster batch-retrieve`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from spymaster_lake.cli import main

if __name__ == "__main__":
    sys.exit(main(["batch-retrieve", *sys.argv[1:]]))
