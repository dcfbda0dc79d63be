"""label_outcomes: what happened after each event; the table `labels` (01 2.7, 08 A3, A7, A18).

Labels read trades at or after the anchor and are never joined into feature vectors.
"""

from __future__ import annotations

from spymaster_lake.contracts.labels import LABELS
from spymaster_lake.features.labels import label_events
from spymaster_lake.stages.sources import work
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext
from spymaster_lake.stages.tables import array_of, build_table, objects
from spymaster_lake.stages.work_arrays import sigma_of, trades_of


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """Labels of one session."""
    events = inputs.table("events")
    columns = label_events(
        trades_of(inputs.table("trades")),
        bar_start_ns=array_of(events, "bar_start_ns"),
        anchor_ns=array_of(events, "anchor_ts_ns"),
        level=array_of(events, "level_price"),
        sigma=sigma_of(events),
        atr=array_of(events, "atr"),
        anchor_price=array_of(events, "spot"),
        tick=context.profile.tick_size,
    )
    keys = {
        "event_id": objects(events, "event_id"),
        "date": inputs.day,
        "anchor_ts_ns": array_of(events, "anchor_ts_ns"),
    }
    table = build_table(LABELS, {**columns, **keys}, rows=events.num_rows)
    return SessionResult({LABELS.dataset: table})


STAGE = SessionStage("label_outcomes", (work("events"), work("trades")), (LABELS,), run)
