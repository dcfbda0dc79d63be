"""Row-exact joins of tables that hold one row per event."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.stages.tables import objects


def aligned(events: pa.Table, other: pa.Table, *, key: str = "event_id") -> pa.Table:
    """The rows of `other` in the order of `events`.

    Raises:
        DataError: the two tables do not hold exactly the same keys, once each.
    """
    wanted, have = objects(events, key).tolist(), objects(other, key).tolist()
    position = {value: row for row, value in enumerate(have)}
    missing = [value for value in wanted if value not in position]
    if missing or len(have) != len(wanted) or len(position) != len(have):
        raise DataError(
            f"tables disagree on {key}: {len(wanted)} rows wanted, {len(have)} found, "
            f"{len(missing)} missing, such as {missing[:3]}; rerun the earlier stages of this date"
        )
    return other.take(pa.array(np.array([position[v] for v in wanted], dtype=np.int64)))
