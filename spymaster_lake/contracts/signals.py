"""Contract of Silver `signals`: one row per zone entry, 15 key/context and 129 feature columns."""

from __future__ import annotations

from dataclasses import replace

from spymaster_lake.contracts.features import FEATURES
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES, LEVEL_KINDS
from spymaster_lake.contracts.table import Column, Role, TableContract
from spymaster_lake.contracts.work_events import EVENTS

SRC_MAX_TS = Column(
    "src_max_ts_ns",
    "int64",
    "Largest event time of any input used; strictly before the row's instant (08 B27).",
    Role.CONTEXT,
    "ns",
    nullable=False,
)

LEVEL_KIND = Column(
    "level_kind", "string", "Kind of the level.", nullable=False, allowed=LEVEL_KINDS
)
LEVEL_KIND_CODE = Column(
    "level_kind_code",
    "int8",
    "Code of the kind; codes are not contiguous (01 section 0).",
    nullable=False,
    minimum=min(LEVEL_KIND_CODES.values()),
    maximum=max(LEVEL_KIND_CODES.values()),
)

SIGNALS_CONTEXT: tuple[Column, ...] = (
    *(EVENTS.column(name) for name in ("event_id", "date", "contract")),
    LEVEL_KIND,
    LEVEL_KIND_CODE,
    *(
        EVENTS.column(name)
        for name in (
            "direction",
            "anchor_ts_ns",
            "bar_start_ns",
            "first_touch_ts_ns",
            "level_price",
            "spot",
        )
    ),
    replace(EVENTS.column("zone_half_width"), may_be_constant=True),
    EVENTS.column("colocated_kinds"),
    replace(EVENTS.column("roll_contaminated"), may_be_constant=True),
    SRC_MAX_TS,
)
"""Key and context columns of an event; none of them is a feature (08 A2, C)."""

SIGNALS = TableContract(
    "signals",
    "One entry of price into the zone of a level, knowable at anchor_ts_ns, with its features.",
    (*SIGNALS_CONTEXT, *FEATURES),
    ("event_id",),
    may_be_empty=True,
)
