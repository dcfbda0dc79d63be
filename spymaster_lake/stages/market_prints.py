"""The prints of an instrument that count for price, as Bronze holds them.

Futures have no others. On a consolidated tape some prints tell of volume only (late, averaged, odd):
their price is not that of the market at their time, so no bar, level or label may see it. Nothing
else uses them either; `load_bronze` counts them.
"""

from __future__ import annotations

import pyarrow as pa

from spymaster_lake.stages.sources import MARKET_TRADES
from spymaster_lake.stages.spec import SessionInputs, StageContext

COUNTS = "counts_for_price"
"""Column of Bronze trades of a product with prints that do not count for price."""


def has_irregular_prints(context: StageContext) -> bool:
    """Whether Bronze trades of the instrument carry `counts_for_price`."""
    return context.profile.product == "equities"


def read_prints(
    inputs: SessionInputs,
    context: StageContext,
    columns: tuple[str, ...],
    *,
    start_ns: int,
    end_ns: int,
    contract: str | None = None,
) -> pa.Table:
    """Prints that count for price with start_ns <= ts_event_ns < end_ns, in total order.

    Args:
        inputs: with the scan of the instrument's trades.
        context: of the stage.
        columns: columns of the result.
        start_ns: first event time, ns UTC.
        end_ns: end, not included.
        contract: partition value; None for all.
    """
    scan = inputs.scan(MARKET_TRADES)
    if not has_irregular_prints(context):
        return scan.read(columns, start_ns=start_ns, end_ns=end_ns, contract=contract)
    rows = scan.read((*columns, COUNTS), start_ns=start_ns, end_ns=end_ns, contract=contract)
    return rows.filter(rows.column(COUNTS)).select(columns)
