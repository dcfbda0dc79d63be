"""The console command `spymaster`; the doors in `jobs/` call the same functions.

Results go to standard output, log lines and progress to standard error. An error is one clear
message and the exit code of its class; `--debug` anywhere adds the traceback.
"""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Sequence

import typer

from spymaster_lake.commands import (
    batch_retrieve,
    browse,
    build,
    data,
    demo,
    evaluate,
    models,
    run,
    score,
    similar,
    train,
)
from spymaster_lake.contracts.errors import LakeError

app = typer.Typer(
    name="spymaster",
    help="Market data lake: Bronze, Silver, Gold, indices; every number traceable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(run.app, name="run")
app.add_typer(browse.manifests, name="manifests")
app.add_typer(browse.stages, name="stages")
app.add_typer(browse.runs, name="runs")
app.add_typer(models.models, name="models")
app.command("plan")(run.plan_command)
app.command("control")(run.control_command)
app.command("status")(browse.status_command)
app.command("coverage")(browse.coverage_command)
app.command("ingest")(data.ingest_command)
app.command("simulate")(data.simulate_command)
app.command("evaluate-retrieval")(evaluate.evaluate_command)
app.command("similar")(similar.similar_command)
app.command("batch-retrieve")(batch_retrieve.batch_retrieve_command)
app.command("score")(score.score_command)
app.command("maintain")(data.maintain_command)
app.command("build")(build.build_command)
app.command("demo")(demo.demo_command)
app.command("train")(train.train_command)

INTERNAL_ERROR = 70
"""Exit code of a defect of this package (EX_SOFTWARE)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; those of the process when None.

    Returns:
        The exit code: 0 done, 1 a stage failed, 2 a wrong request or bad data, 70 a defect, 130
        interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    _end_on_sigterm()
    try:
        app([w for w in words if w != "--debug"])
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else int(bool(exc.code))
    except LakeError as exc:
        return _report(exc, f"{type(exc).__name__}: {exc}", exc.exit_code, debug=debug)
    except Exception as exc:
        text = f"Internal error: {type(exc).__name__}: {exc} (add --debug for the traceback)"
        return _report(exc, text, INTERNAL_ERROR, debug=debug)
    return 0


def _report(exc: BaseException, text: str, code: int, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(exc, file=sys.stderr)
    sys.stderr.write(f"{text}\n")
    return code


def _end_on_sigterm() -> None:
    """Let SIGTERM unwind, so that run.json says how the run ended."""

    def stop(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)


if __name__ == "__main__":
    sys.exit(main())
