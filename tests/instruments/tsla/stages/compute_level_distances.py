"""How an override would stand below `spymaster_lake/instruments`: other stackings for one share.

Only tests register it; nothing about a share's level distances differs.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from spymaster_lake.stages.feature_engineering import compute_level_distances as shared
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext

COLUMN = "level_stacking_2pt"


def counting(levels: int) -> SessionStage:
    """The shared stage, except that it always counts so many levels in the narrowest band."""

    def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
        made = shared.run(inputs, context)
        ((dataset, table),) = made.tables.items()
        place = table.column_names.index(COLUMN)
        field = table.schema.field(place)
        column = pa.array([levels] * table.num_rows, field.type)
        return SessionResult({dataset: table.set_column(place, field, column)})

    return replace(shared.STAGE, run=run)


FOR_EVERY_VERSION, FOR_ONE_VERSION = counting(1), counting(2)
