"""The command line over a small lake: what it says, and that a refusal publishes nothing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spymaster_lake import cli
from spymaster_lake.sessions.calendar import SessionCalendar, SessionClock
from tests.laws.small_lake import DAY, REPOSITORY, VERSION, SmallLake, replace_file

HOUR_NS = 3600 * 10**9


@dataclass
class Command:
    """`spymaster` with the root of the lake."""

    lake: SmallLake
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    home: Path = REPOSITORY

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        self.monkeypatch.setenv("SPYMASTER_HOME", str(self.home))
        self.capsys.readouterr()
        code = cli.main([*words, "--data-root", str(self.lake.root)])
        captured = self.capsys.readouterr()
        return code, captured.out, captured.err

    def stage(self, name: str, *words: str, **given: str) -> tuple[int, str, str]:
        """Run one stage of feature_engineering, for DAY if nothing else is said."""
        return self("run", "stage", *at(**given), "--stage-id", name, *(words or on(DAY)))

    def pipeline(self, *words: str, **given: str) -> tuple[int, str, str]:
        """Run feature_engineering, for DAY if nothing else is said."""
        return self("run", "pipeline", *at(**given), *(words or on(DAY)))

    def refused(self, *words: str, said: str | tuple[str, ...], code: int = 1) -> str:
        """The message of a command that must fail with these words and publish nothing."""
        before = self.lake.published()
        found, _, err = self(*words)
        assert self.lake.published() == before
        assert self.lake.staging() == []
        assert found == code, err
        for text in (said,) if isinstance(said, str) else said:
            assert re.search(text, err), f"{text!r} is not in:\n{err}"
        assert "Traceback" not in err
        return err

    def stage_refused(self, name: str, *words: str, said: str | tuple[str, ...]) -> str:
        """The message of a stage that must fail."""
        given = ("run", "stage", *at(), "--stage-id", name, *(words or on(DAY)))
        return self.refused(*given, said=said)

    def project(self, folder: Path, file: str, old: str, new: str) -> None:
        """Work with a copy of the project in which one text of one file is another."""
        for name in ("conf", "manifests"):
            shutil.copytree(REPOSITORY / name, folder / name)
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))
        self.home = folder

    def record(self, out: str) -> dict[str, Any]:
        """run.json as `--json` printed it."""
        return dict(json.loads(out))


def at(**given: str) -> tuple[str, ...]:
    """The three words that say which pipeline; "" leaves one out."""
    words = {
        "instrument": "es", "pipeline_id": "feature_engineering", "pipeline_version": VERSION,
    } | given  # fmt: skip
    return tuple(w for k, v in words.items() if v for w in (f"--{k.replace('_', '-')}", v))


def on_stage(name: str, day: date = DAY, **given: str) -> tuple[str, ...]:
    """The words that run one stage of feature_engineering for one date."""
    return ("run", "stage", *at(**given), "--stage-id", name, *on(day))


def on(day: date, until: date | None = None) -> tuple[str, ...]:
    """One date, or a range."""
    if until is None:
        return ("--date", str(day))
    return ("--start", str(day), "--end", str(until))


def clock(lake: SmallLake, day: date = DAY) -> SessionClock:
    """Bounds of a session."""
    return SessionCalendar(lake.env.profiles["es"].calendar).clock(day)


def hour_ns(path: Path) -> int:
    """Start of the hour of a Bronze part."""
    day, hour = re.search(r"date=([\d-]+)/hour=(\d\d)/", str(path)).groups()
    days = (date.fromisoformat(day) - date(1970, 1, 1)).days
    return (days * 24 + int(hour)) * HOUR_NS


def session_parts(
    lake: SmallLake, product: str, dataset: str, *, value: str = "*", day: date = DAY
) -> list[Path]:
    """Bronze parts whose hours lie in a session."""
    bounds = clock(lake, day)
    return [
        p for p in lake.bronze(product, dataset, value)
        if bounds.record_start_ns <= hour_ns(p) < bounds.end_ns
    ]  # fmt: skip


def drop_session(lake: SmallLake, product: str, dataset: str, **which: Any) -> None:
    """Remove the parts of a session."""
    parts = session_parts(lake, product, dataset, **which)
    assert parts
    for path in parts:
        path.unlink()


def one_part(lake: SmallLake, product: str, dataset: str, value: str, hour: int = 15) -> Path:
    """The part of one UTC hour of DAY."""
    (path,) = (
        p for p in lake.bronze(product, dataset, value, str(DAY)) if f"hour={hour}/" in str(p)
    )
    return path


def edit(path: Path, column: str, change: Callable[[list[Any]], list[Any]]) -> None:
    """Change the values of one column of a part."""
    table = pq.ParquetFile(path).read()
    at_ = table.column_names.index(column)
    field = table.schema.field(at_)
    values = pa.array(change(table[column].to_pylist()), field.type)
    replace_file(path, table.set_column(at_, field, values))


def first(values: list[Any], count: int, change: Callable[[Any], Any]) -> list[Any]:
    """The values with the first few changed."""
    return [change(v) if i < count else v for i, v in enumerate(values)]
