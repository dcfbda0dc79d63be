"""The work tables: what one stage hands to the next, in the order in which they are made."""

from __future__ import annotations

from spymaster_lake.contracts.table import TableContract
from spymaster_lake.contracts.work_bars import BARS_1MIN, BARS_2MIN, BARS_10S
from spymaster_lake.contracts.work_episodes import ANCHORS
from spymaster_lake.contracts.work_events import (
    CALIBRATION,
    EVENTS,
    LEVEL_SERIES,
    LEVELS,
    SWEEP_CLUSTERS,
)
from spymaster_lake.contracts.work_features import FEATURE_TABLES
from spymaster_lake.contracts.work_market import (
    BOOK_SECONDS,
    FLOW_SECONDS,
    OFI_SECONDS,
    SESSIONS,
    TRADES,
)
from spymaster_lake.contracts.work_options import (
    OPEN_INTEREST,
    OPTION_CONTRACTS,
    OPTION_GREEKS,
    OPTION_TRADES,
    UNDERLYING_SECONDS,
)

WORK_TABLES: tuple[TableContract, ...] = (
    SESSIONS,
    TRADES,
    BOOK_SECONDS,
    FLOW_SECONDS,
    OFI_SECONDS,
    OPTION_TRADES,
    OPTION_CONTRACTS,
    OPEN_INTEREST,
    BARS_10S,
    BARS_1MIN,
    BARS_2MIN,
    OPTION_GREEKS,
    UNDERLYING_SECONDS,
    LEVELS,
    LEVEL_SERIES,
    EVENTS,
    SWEEP_CLUSTERS,
    CALIBRATION,
    *FEATURE_TABLES.values(),
    ANCHORS,
)
