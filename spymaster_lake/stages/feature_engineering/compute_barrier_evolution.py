"""compute_barrier_evolution: change of the zone's and the facing side's depth (02 N-12, 08 A25)."""

from __future__ import annotations

from spymaster_lake.contracts.work_features import BARRIER_EVOLUTION_TABLE
from spymaster_lake.features.depth import facing_features, zone_features
from spymaster_lake.stages.session_profile import in_session
from spymaster_lake.stages.sources import work
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext
from spymaster_lake.stages.tables import build_table, objects
from spymaster_lake.stages.work_arrays import book_seconds_of, event_queries


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """work/barrier_evolution of one session."""
    events, contract = inputs.table("events"), BARRIER_EVOLUTION_TABLE
    context = in_session(inputs, context)
    seconds = book_seconds_of(inputs.table("book_seconds"), context.profile.book_levels)
    queries = event_queries(events)
    columns = zone_features(
        seconds, queries,
        tick=context.profile.tick_size, zone_half_width=context.profile.bands.barrier_zone,
    ) | facing_features(seconds, queries)  # fmt: skip
    chosen = {name: values for name, values in columns.items() if name in contract.names}
    keys = {"event_id": objects(events, "event_id"), "date": inputs.day}
    table = build_table(contract, {**chosen, **keys}, rows=events.num_rows)
    return SessionResult({contract.dataset: table})


STAGE = SessionStage(
    "compute_barrier_evolution",
    (work("sessions"), work("events"), work("book_seconds")),
    (BARRIER_EVOLUTION_TABLE,),
    run,
)
