"""Enough episodes for an index: those of three real days, repeated on earlier weeks."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.lake.delta_publish import StagedPart, publish_dates
from spymaster_lake.lake.parquet_files import write_file
from tests.end_to_end.lakes import DAYS, EPISODES, Lake, read_table

WEEKS = 12
AS_OF = DAYS[-1] + timedelta(days=1)
DATASETS = ("episodes/vectors", "episodes/metadata", "episodes/sequences")
DAY_NS = 86_400_000_000_000


def multiply_episodes(lake: Lake) -> None:
    """Publish each Gold episode again on the same weekday of earlier weeks."""
    market = lake.market
    for dataset in DATASETS:
        contract = contract_of(dataset)
        path = lake.env.resolver.gold_table(market.instrument, EPISODES, market.version, dataset)
        rows = read_table(path).select(list(contract.names)).cast(contract.arrow_schema)
        staged = []
        for week in range(1, WEEKS):
            for day in DAYS:
                moved = _moved(rows.filter(pc.equal(rows["date"], pa.scalar(day))), day, week)
                target = day - timedelta(weeks=week)
                staging = f"{lake.root}/staged-{dataset.replace('/', '-')}-{target}.parquet"
                size = write_file(staging, moved.drop_columns(["date"]))
                staged.append(StagedPart(target, staging, moved.num_rows, size))
        publish_dates(
            lake.env.filesystem,
            path=path,
            contract=contract,
            staged=staged,
            days=[part.day for part in staged],
            properties={},
            commit={"run_id": "episodes", "stage": "construct_episodes"},
        )


def _moved(rows: pa.Table, day: date, week: int) -> pa.Table:
    """The rows of one day, `week` weeks earlier: dates, instants and ids."""
    target = day - timedelta(weeks=week)
    for name in rows.column_names:
        field, column = rows.schema.field(name), rows.column(name)
        if name == "date":
            new = pa.array([target] * rows.num_rows, field.type)
        elif name.endswith("_ts_ns"):
            new = pc.subtract(column, week * 7 * DAY_NS)
        elif name in {"event_id", "episode_id"}:
            new = pc.replace_substring(column, day.isoformat(), target.isoformat())
        elif pa.types.is_timestamp(field.type):
            shift = pa.scalar(np.timedelta64(week * 7, "D").astype("timedelta64[us]"))
            new = pc.subtract(column, shift).cast(field.type)
        else:
            continue
        rows = rows.set_column(rows.column_names.index(name), field, new)
    return rows
