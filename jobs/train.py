"""Train a model: `python jobs/train.py …`; options as for `spymaster train`. Needs no Spark."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from spymaster_lake.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
