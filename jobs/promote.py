"""Point an alias at a version that passes its gates: `python jobs/promote.py …`; options as for `spymaster models promote`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from spymaster_lake.cli import main

if __name__ == "__main__":
    sys.exit(main(["models", "promote", *sys.argv[1:]]))
