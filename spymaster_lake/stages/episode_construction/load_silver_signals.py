"""load_silver_signals: hold `signals` against `labels` and join them row by row (03 2.3, 2.7).

The result, `work/anchors`, carries outcomes in label columns and nothing that a vector reads;
features stay in `signals`, from where construct_episodes takes them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.work_episodes import ANCHORS, FROM_LABELS, FROM_SIGNALS
from spymaster_lake.stages.join import aligned
from spymaster_lake.stages.sources import silver
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext
from spymaster_lake.stages.tables import array_of, build_table, objects


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:  # noqa: ARG001 - stage signature
    """work/anchors of one session; a session without events is legal.

    Raises:
        DataError: the two tables do not hold the same events, or an anchor, a level kind or a
            source time breaks its rule.
    """
    signals = inputs.table("signals")
    labels = aligned(signals, inputs.table("labels"))
    _require_anchors(inputs, signals, labels)
    columns: dict[str, Any] = {name: signals.column(name) for name in FROM_SIGNALS}
    columns |= {name: labels.column(name) for name in FROM_LABELS}
    table = build_table(ANCHORS, columns, rows=signals.num_rows)
    return SessionResult({ANCHORS.dataset: table}, {"events": table.num_rows})


def _require_anchors(inputs: SessionInputs, signals: pa.Table, labels: pa.Table) -> None:
    anchor, clock = array_of(signals, "anchor_ts_ns"), inputs.clock
    rules = {
        "anchor_ts_ns differs between signals and labels": anchor
        != array_of(labels, "anchor_ts_ns"),
        "anchor_ts_ns lies outside (open, events end]": (anchor <= clock.open_ns)
        | (anchor > clock.events_end_ns),
        "src_max_ts_ns is not before anchor_ts_ns": array_of(signals, "src_max_ts_ns") >= anchor,
        "date is not the session's": objects(signals, "date") != inputs.day,
    }
    for rule, broken in rules.items():
        if broken.any():
            events = objects(signals, "event_id")[np.asarray(broken, dtype=np.bool_)]
            raise DataError(
                f"signals, {inputs.day}: {rule} in {len(events)} of {signals.num_rows} events, "
                f"such as {events[:3].tolist()}"
            )


_LABEL_COLUMNS = ("event_id", "date", "anchor_ts_ns", *FROM_LABELS)
_SIGNAL_COLUMNS = FROM_SIGNALS

STAGE = SessionStage(
    "load_silver_signals",
    (
        replace(silver("signals"), columns=_SIGNAL_COLUMNS),
        replace(silver("labels"), columns=_LABEL_COLUMNS),
    ),
    (ANCHORS,),
    run,
)
