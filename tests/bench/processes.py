"""Run a process and watch the memory of its whole tree; reads /proc, so Linux only."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.lakes import HOME

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Watched:
    """What became of a process.

    Attributes:
        seconds: wall time from start to end.
        cpu_seconds: processor time of the tree, user and system; what a busy machine changes least.
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
    began, used = time.perf_counter(), _children_cpu()
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
        raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}\n{errors[-4000:]}")
    return Watched(seconds, _children_cpu() - used, output, sampler.peak, sampler.parts)


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_module(module: str, *arguments: str, env: Mapping[str, str] | None = None) -> Watched:
    """Run a module of this interpreter."""
    return run_watched([sys.executable, "-m", module, *arguments], env=env)


class _Sampler(threading.Thread):
    def __init__(self, root: int, interval: float) -> None:
        super().__init__(daemon=True)
        self._root, self._interval, self._ended = root, interval, threading.Event()
        self.peak, self.parts = 0, dict[str, int]()

    def run(self) -> None:
        while not self._ended.wait(self._interval):
            parts = tree_memory(self._root)
            total = sum(parts.values())
            if total > self.peak:
                self.peak, self.parts = total, parts

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        self.join()


def tree_memory(root: int) -> dict[str, int]:
    """Resident bytes of a process and all its descendants, by program name."""
    parents: dict[int, list[int]] = {}
    facts: dict[int, tuple[str, int]] = {}
    for folder in _PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            head, _, tail = (folder / "stat").read_text().rpartition(")")
            resident = int((folder / "statm").read_text().split()[1]) * _PAGE
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        pid = int(folder.name)
        parents.setdefault(int(tail.split()[1]), []).append(pid)
        facts[pid] = head.partition("(")[2], resident
    found: dict[str, int] = {}
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        if pid in facts:
            name, resident = facts[pid]
            found[name] = found.get(name, 0) + resident
        waiting += parents.get(pid, [])
    return found
