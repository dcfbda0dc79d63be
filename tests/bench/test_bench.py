"""The measuring itself: verdicts, the process tree, and a cheap measurement from end to end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.bench.__main__ import main, write
from tests.bench.processes import run_watched
from tests.bench.results import Measurement
from tests.bench.wide_book import TASKS, assert_equal_rows

MIB = 2**20


@pytest.mark.parametrize(
    "value, limit, at_least, judged, verdict",
    [
        (99.9, 100.0, False, True, "within"),
        (100.0, 100.0, False, True, "within"),
        (100.1, 100.0, False, True, "misses"),
        (400_000.0, 400_000.0, True, True, "within"),
        (399_999.0, 400_000.0, True, True, "misses"),
        (100.1, 100.0, False, False, ""),
        (100.1, None, False, True, ""),
    ],
)
def test_verdict__limits(
    value: float, limit: float | None, at_least: bool, judged: bool, verdict: str
) -> None:
    """A limit is kept by equality; light sizes are never judged."""
    found = Measurement("x", "what", value, "s", limit, at_least=at_least, judged=judged)
    assert found.verdict == verdict


def test_run_watched__memory_of_children() -> None:
    """The peak holds what a child process had, and the output ends with its answer."""
    child = f"import time; block = bytearray(b'1') * {200 * MIB}; time.sleep(0.5)"
    parent = (
        "import json, subprocess, sys;"
        f"subprocess.run([sys.executable, '-c', {child!r}], check=True);"
        "print('a line'); print(json.dumps({'done': 1}))"
    )
    found = run_watched([sys.executable, "-c", parent], interval=0.05)
    assert found.answer == {"done": 1}
    assert 200 * MIB < found.peak_bytes < 600 * MIB
    assert found.cpu_seconds > 0


def test_run_watched__failure_is_told() -> None:
    """A process that fails says why."""
    with pytest.raises(RuntimeError, match="exit code 3\nno luck"):
        run_watched(
            [sys.executable, "-c", "import sys; print('no luck', file=sys.stderr); sys.exit(3)"]
        )


def test_equal_rows__a_difference_is_an_error(tmp_path: Path) -> None:
    """One cell that differs names its task and column."""
    for engine in ("ours", "polars"):
        for task in TASKS:
            np.savez(tmp_path / f"{engine}-{task}.npz", second_ns=[1, 2], ofi=[3, 4])
    assert_equal_rows(tmp_path)
    np.savez(tmp_path / "ours-ofi.npz", second_ns=[1, 2], ofi=[3, 5])
    with pytest.raises(AssertionError, match=r"ofi.*\['ofi'\]"):
        assert_equal_rows(tmp_path)


def test_write__every_number_with_its_verdict(tmp_path: Path) -> None:
    """The file holds facts, numbers, verdicts and what could not be measured."""
    found = [Measurement("b", "one session", 12.3456, "s", 100.0, detail={"rows": 5})]
    write(tmp_path / "bench.json", {"cores": 2}, found, {"c": "OSError: full"}, quick=False)
    value = json.loads((tmp_path / "bench.json").read_text())
    assert value == {
        "facts": {"cores": 2},
        "quick": False,
        "measurements": [
            {
                "key": "b", "what": "one session", "value": 12.346, "unit": "s", "limit": 100.0,
                "bound": "at most", "verdict": "within", "detail": {"rows": 5},
            }
        ],
        "errors": {"c": "OSError: full"},
    }  # fmt: skip


def test_command__unknown_letters(capsys: pytest.CaptureFixture[str]) -> None:
    """A letter that nothing measures lists those that exist."""
    with pytest.raises(SystemExit):
        main(["--only", "a,z"])
    assert "unknown: ['z']; allowed: a, b, c, d, e, f, g, h" in capsys.readouterr().err


def test_command__a_measurement_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are kept, the exit code tells."""

    def broken(*, quick: bool) -> list[Measurement]:
        """It fails."""
        raise OSError("no space")

    def works(*, quick: bool) -> list[Measurement]:
        """It works."""
        return [Measurement("b", "speed", 1.0, "s", 0.5, judged=not quick)]

    monkeypatch.setattr("tests.bench.__main__.MEASURES", {"a": broken, "b": works})
    assert main(["--only", "a,b", "--out", str(tmp_path / "bench.json")]) == 1
    value = json.loads((tmp_path / "bench.json").read_text())
    assert value["errors"] == {"a": "OSError: no space"}
    assert [m["verdict"] for m in value["measurements"]] == ["misses"]
    assert "misses" in capsys.readouterr().out
