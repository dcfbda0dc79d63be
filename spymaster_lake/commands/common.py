"""Options that commands share, and the environment and registry they work with."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

import typer

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.settings import load_settings
from spymaster_lake.orchestration.environment import build_environment
from spymaster_lake.orchestration.logs import configure_logging
from spymaster_lake.orchestration.registry import StageRegistry
from spymaster_lake.orchestration.types import Environment


def parse_date(text: str | date) -> date:
    """An ISO date from the command line."""
    if isinstance(text, date):
        return text
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter(f"{text!r} is no date; allowed: YYYY-MM-DD") from exc


def parse_dates(text: str) -> tuple[date, ...]:
    """ISO dates with commas between them."""
    return tuple(parse_date(part) for part in text.split(",") if part)


def parse_set(items: Sequence[str]) -> dict[str, Any]:
    """`stage.param=value` items; a value is JSON, else text.

    Raises:
        ConfigError: an item without "=" or a key given twice.
    """
    found: dict[str, Any] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals:
            raise ConfigError(f"--set {item}: must have the form stage.param=value")
        if key in found:
            raise ConfigError(f"--set {key}: given twice")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


InstrumentOption = Annotated[str, typer.Option("--instrument", help="Name in conf/instruments.")]
PipelineOption = Annotated[str, typer.Option("--pipeline-id", help="Such as feature_engineering.")]
VersionOption = Annotated[str, typer.Option("--pipeline-version", help="Three numbers.")]
RootOption = Annotated[
    str | None,
    typer.Option("--data-root", help="Root of the lake; else SPYMASTER_DATA_ROOT, else settings."),
]
DateOption = Annotated[
    date | None, typer.Option("--date", parser=parse_date, metavar="DATE", help="One session date.")
]
StartOption = Annotated[
    date | None, typer.Option("--start", parser=parse_date, metavar="DATE", help="First date.")
]
EndOption = Annotated[
    date | None,
    typer.Option("--end", parser=parse_date, metavar="DATE", help="Last date, included."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="stage.param=value, for this run only; repeatable."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def make_environment(data_root: str | None = None, *, quiet: bool = False) -> Environment:
    """The environment of a command; logging is configured here and nowhere else.

    Args:
        data_root: value of `--data-root`.
        quiet: only warnings are logged, because a progress bar is shown.
    """
    settings = load_settings(data_root=data_root)
    log = settings.log
    if quiet and log.level == "info":
        log = log.model_copy(update={"level": "warning"})
    configure_logging(log)
    return build_environment(settings)


def has_terminal() -> bool:
    """Whether someone looks at standard error."""
    return sys.stderr.isatty()


def load_registry() -> StageRegistry:
    """All stages of this package, imported when a command needs them."""
    from spymaster_lake.orchestration.catalogue import build_registry

    return build_registry()
