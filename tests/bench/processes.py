"""Run a process and watch the memory of its whole tree; reads /proc, so Linux only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.lakes import HOME

_PAGE, _TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Watched:
    """What became of a process.

    Attributes:
        seconds: wall time from start to end.
        cpu_seconds: processor time of the tree, user and system, as last seen of each process; what
            a busy machine changes least.
        output: its standard output.
        peak_bytes: largest sum of resident memory over the tree; a page that processes share
            counts once for each, so this is an upper bound.
        peak_parts: resident bytes by program at that moment.
    """

    seconds: float
    cpu_seconds: float
    output: str
    peak_bytes: int
    peak_parts: Mapping[str, int] = field(default_factory=dict)

    @property
    def answer(self) -> dict[str, Any]:
        """The JSON object in the last line of the output."""
        return dict(json.loads(self.output.strip().splitlines()[-1]))


def run_watched(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, interval: float = 0.1
) -> Watched:
    """Run to the end.

    Raises:
        RuntimeError: the process failed; holds the end of its standard error.
    """
    began = time.perf_counter()
    with subprocess.Popen(
        list(command),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=HOME,
        env={**os.environ, "PYTHONPATH": str(HOME), **(env or {})},
    ) as process:
        sampler = _Sampler(process.pid, interval)
        sampler.start()
        output, errors = process.communicate()
        seconds = time.perf_counter() - began
        sampler.stop()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}\n{_end(errors)}")
    return Watched(seconds, sampler.cpu_seconds, output, sampler.peak, sampler.parts)


def run_module(module: str, *arguments: str, env: Mapping[str, str] | None = None) -> Watched:
    """Run a module of this interpreter."""
    return run_watched([sys.executable, "-m", module, *arguments], env=env)


def _end(errors: str) -> str:
    return "\n".join([line for line in errors.splitlines() if not line.startswith("\tat ")][-25:])


class _Sampler(threading.Thread):
    def __init__(self, root: int, interval: float) -> None:
        super().__init__(daemon=True)
        self._root, self._interval, self._ended = root, interval, threading.Event()
        self._cpu: dict[int, float] = {}
        self.peak, self.parts = 0, dict[str, int]()

    def run(self) -> None:
        while not self._ended.wait(self._interval):
            processes = tree(self._root)
            total = sum(p.resident for p in processes)
            self._cpu.update({p.pid: p.cpu_seconds for p in processes})
            if total > self.peak:
                self.peak, self.parts = total, _by_name(processes)

    @property
    def cpu_seconds(self) -> float:
        """Of all processes ever seen."""
        return sum(self._cpu.values())

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        self.join()


@dataclass(frozen=True, slots=True)
class Process:
    """One process as it stands: program, resident bytes, processor seconds of its own."""

    pid: int
    parent: int
    name: str
    resident: int
    cpu_seconds: float


def tree(root: int) -> list[Process]:
    """A process and all its descendants."""
    children: dict[int, list[Process]] = {}
    found = []
    for process in _all():
        children.setdefault(process.parent, []).append(process)
        if process.pid == root:
            found.append(process)
    for process in found:  # grows while it is walked
        found += children.get(process.pid, [])
    return found


def _all() -> Iterator[Process]:
    for folder in _PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            head, _, tail = (folder / "stat").read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        facts = tail.split()
        cpu = (int(facts[11]) + int(facts[12])) / _TICKS
        yield Process(
            int(folder.name), int(facts[1]), head.partition("(")[2], int(facts[21]) * _PAGE, cpu
        )


def _by_name(processes: Iterable[Process]) -> dict[str, int]:
    found: dict[str, int] = {}
    for process in processes:
        found[process.name] = found.get(process.name, 0) + process.resident
    return found
