"""compute_multiwindow_ofi: order-flow imbalance of every book update (02 N-11, 08 A19)."""

from __future__ import annotations

from spymaster_lake.contracts.work_features import OFI_TABLE
from spymaster_lake.features.ofi_windows import ofi_windows
from spymaster_lake.stages.session_profile import in_session
from spymaster_lake.stages.sources import work
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext
from spymaster_lake.stages.tables import build_table, objects
from spymaster_lake.stages.work_arrays import book_seconds_of, event_queries, ofi_cells_of


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """work/ofi of one session."""
    events, context = inputs.table("events"), in_session(inputs, context)
    columns = ofi_windows(
        ofi_cells_of(inputs.table("ofi_seconds")),
        book_seconds_of(inputs.table("book_seconds"), context.profile.book_levels),
        event_queries(events),
        tick=context.profile.tick_size,
        near_band=context.profile.bands.near_level_band,
    )
    keys = {"event_id": objects(events, "event_id"), "date": inputs.day}
    table = build_table(OFI_TABLE, {**columns, **keys}, rows=events.num_rows)
    return SessionResult({OFI_TABLE.dataset: table})


STAGE = SessionStage(
    "compute_multiwindow_ofi",
    (work("sessions"), work("events"), work("ofi_seconds"), work("book_seconds")),
    (OFI_TABLE,),
    run,
)
