"""`python -m tests.bench`: measure, print a table, write build/bench.json.

A limit that is missed is reported and does not fail the command; a measurement that cannot be made
does.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import demo, ingest_speed, retrieval_speed, sessions, small_stage, wide_book
from tests.bench.facts import bench_facts
from tests.bench.lakes import BUILD
from tests.bench.results import Measurement

MEASURES: dict[str, Callable[..., list[Measurement]]] = {
    "a": demo.measure,
    "b": sessions.measure_one,
    "c": sessions.measure_further,
    "d": ingest_speed.measure,
    "e": small_stage.measure,
    "f": wide_book.measure,
    "g": retrieval_speed.measure_query,
    "h": retrieval_speed.measure_build,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; the exit code is 1 if a measurement could not be made."""
    asked = parse(arguments)
    found: list[Measurement] = []
    errors: dict[str, str] = {}
    facts = bench_facts()
    for key in asked.only:
        print(f"{key}: {(MEASURES[key].__doc__ or '').splitlines()[0]}", file=sys.stderr)
        try:
            found += MEASURES[key](quick=asked.quick)
        except Exception as exc:
            errors[key] = f"{type(exc).__name__}: {exc}"
        write(asked.out, facts, found, errors, quick=asked.quick)
    Console().print(table_of(found))
    for key, error in errors.items():
        print(f"{key}: not measured: {error}", file=sys.stderr)
    return 1 if errors else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--only", type=_keys, default=tuple(MEASURES), help="letters with commas between them"
    )
    parser.add_argument("--quick", action="store_true", help="light sizes; nothing is judged")
    parser.add_argument("--out", type=Path, default=BUILD / "bench.json", help="(%(default)s)")
    return parser.parse_args(arguments)


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(text.split(","))
    unknown = [key for key in keys if key not in MEASURES]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {unknown}; allowed: {', '.join(MEASURES)}")
    return keys


def write(
    path: Path,
    facts: dict[str, object],
    found: Iterable[Measurement],
    errors: dict[str, str],
    *,
    quick: bool,
) -> None:
    """The bench file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    value = {
        "facts": facts,
        "quick": quick,
        "measurements": [m.to_json() for m in found],
        "errors": errors,
    }
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def table_of(found: Iterable[Measurement]) -> Table:
    """The table for the terminal."""
    table = Table(title="Speed and memory")
    for name in ("", "what", "measured", "limit", "verdict"):
        table.add_column(name, justify="right" if name in {"measured", "limit"} else "left")
    for m in found:
        digits = 0 if abs(m.value) >= 1000 else 2
        table.add_row(m.key, m.what, f"{m.value:,.{digits}f} {m.unit}", m.bound, m.verdict)
    return table


if __name__ == "__main__":
    sys.exit(main())
