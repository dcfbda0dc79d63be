"""Measure retrieval: `spark-submit jobs/evaluate_retrieval.py …`; as `spymaster evaluate-retrieval`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from spymaster_lake.cli import main

if __name__ == "__main__":
    sys.exit(main(["evaluate-retrieval", *sys.argv[1:]]))
