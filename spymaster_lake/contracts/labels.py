"""Contract of Silver `labels`: what happened after the anchor; never joined into features (01 2.7).

A is the ATR at the anchor, x the approach-signed distance of a trade from the level. The race from
the test of the level and the race from the anchor (`entry_`) are two families of their own.
"""

from __future__ import annotations

from functools import partial

from spymaster_lake.contracts.enums import (
    ENTRY_OUTCOMES,
    ENTRY_STATUSES,
    HORIZONS,
    LABEL_STATUSES,
    OUTCOMES,
)
from spymaster_lake.contracts.table import Column, Frame, Role, TableContract
from spymaster_lake.contracts.work_events import EVENTS

_label = partial(Column, role=Role.LABEL)

_RACE: tuple[Column, ...] = (
    _label(
        "tau_ns", "int64", "Start of the race: the test of the level; null if untested.", unit="ns"
    ),
    _label(
        "x_tau",
        "double",
        "x at the start of the race; null if untested.",
        unit="pt",
        frame=Frame.APPROACH,
    ),
    _label(
        "rw_p_break",
        "double",
        "Driftless chance of BREAK, (x_tau + A) / 2A, not clipped; null if untested.",
    ),
    _label(
        "tested",
        "bool",
        "The level was reached before or within 480 s of the anchor; null if data are missing.",
    ),
    _label(
        "resolved_before_anchor",
        "bool",
        "The race ended in the entry bar; left out of training and retrieval.",
        nullable=False,
        may_be_constant=True,
    ),
    _label(
        "label_status",
        "string",
        "COMPLETE iff all three horizons are.",
        nullable=False,
        allowed=LABEL_STATUSES,
        may_be_constant=True,
    ),
)


def _race_of(prefix: str, horizon: str) -> tuple[Column, ...]:
    entry = prefix == "entry_"
    seconds = HORIZONS[horizon]
    window = f"[t, t+{seconds}s)" if entry else f"[tau, tau+{seconds}s)"
    untested = "price was already through" if entry else "untested"
    outcomes = ENTRY_OUTCOMES if entry else OUTCOMES
    column = partial(_label, window=window)
    return (
        column(
            f"{prefix}outcome_{horizon}",
            "string",
            f"Winner of the race to the two barriers; null if data are missing"
            f"{' or price was already through' if entry else ''}.",
            allowed=outcomes,
        ),
        column(
            f"{prefix}t_break_s_{horizon}",
            "double",
            f"First crossing of the break barrier, from the anchor; null if none or {untested}.",
            unit="s",
        ),
        column(
            f"{prefix}t_reject_s_{horizon}",
            "double",
            f"First crossing of the reject barrier, from the anchor; null if none or {untested}.",
            unit="s",
        ),
        column(
            f"{prefix}mfe_atr_{horizon}",
            "double",
            f"Farthest x {'beyond its start' if entry else 'beyond the level'}; null if "
            f"{untested} or the window has a gap.",
            unit="ATR",
            frame=Frame.APPROACH,
            minimum=0,
        ),
        column(
            f"{prefix}mae_atr_{horizon}",
            "double",
            f"Farthest -x {'before its start' if entry else 'before the level'}; null if "
            f"{untested} or the window has a gap.",
            unit="ATR",
            frame=Frame.APPROACH,
            minimum=0,
        ),
    )


def _test_family(horizon: str) -> tuple[Column, ...]:
    return (
        *_race_of("", horizon),
        _label(
            f"label_end_ns_{horizon}",
            "int64",
            "End of what the label read, for purging: tau + h, or anchor + 480 s for NO_TEST; null "
            "where the search for the test is incomplete.",
            unit="ns",
        ),
    )


HORIZON_LABELS: tuple[Column, ...] = tuple(c for h in HORIZONS for c in _test_family(h))
"""The 18 columns of the race from the test, horizon by horizon; episodes carry them too."""

LABEL_VERSION = "1"
"""Version of the definitions in this module; a property of the table, not a column (08 C)."""

LABELS = TableContract(
    "labels",
    "What followed one zone entry: the race between break and reject at three horizons.",
    (
        *(EVENTS.column(name) for name in ("event_id", "date", "anchor_ts_ns")),
        *_RACE,
        *HORIZON_LABELS,
        _label(
            "entry_x0",
            "double",
            "x of the spot at the anchor.",
            unit="pt",
            frame=Frame.APPROACH,
            nullable=False,
        ),
        _label(
            "entry_rw_p_break",
            "double",
            "Driftless chance of BREAK at infinite horizon from x0; null if already through.",
        ),
        _label(
            "entry_status",
            "string",
            "COMPLETE iff all three horizons are; ALREADY_THROUGH if x0 >= A.",
            nullable=False,
            allowed=ENTRY_STATUSES,
        ),
        *(column for h in HORIZONS for column in _race_of("entry_", h)),
    ),
    ("event_id",),
    may_be_empty=True,
    properties={"label_version": LABEL_VERSION},
)
