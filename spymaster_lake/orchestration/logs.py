"""Logging, configured in one place: structlog to standard error, run, stage and date bound."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from spymaster_lake.contracts.settings import LogSettings

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logging(settings: LogSettings) -> None:
    """Send all log lines to standard error, so that standard output stays machine-readable."""
    renderer: Any = (
        structlog.processors.JSONRenderer(sort_keys=True)
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
        logger_factory=_to_stderr,
        cache_logger_on_first_use=False,
    )


def _to_stderr(*_names: object) -> Any:
    """A logger on the standard error of this moment, which a caller may have replaced."""
    return structlog.PrintLogger(sys.stderr)


def get_logger(**bound: Any) -> Any:
    """A logger with `bound` on every line, such as run_id, stage, date."""
    return structlog.get_logger().bind(**bound)
