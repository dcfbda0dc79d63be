"""Contract of Gold `predictions`: what one model version says about each event (04 section 2.3).

One Delta table a model version, so that scoring with another version replaces nothing. Horizons and
reach heads that the model does not have, or that were skipped in training, are null.
"""

from __future__ import annotations

from spymaster_lake.contracts.enums import HORIZONS
from spymaster_lake.contracts.table import Column, Role, TableContract

REACH_KINDS: tuple[str, ...] = ("any", "break", "reject")
REACH_SECONDS: tuple[int, ...] = (60, 120, 180, 300)


def _p(name: str, doc: str) -> Column:
    return Column(name, "double", doc, minimum=0.0, maximum=1.0)


def _horizon(h: str) -> tuple[Column, ...]:
    return (
        _p(f"p_break_{h}", f"P(BREAK) within {h}: tradeable times break; null if not modelled."),
        _p(f"p_reject_{h}", f"P(REJECT) within {h}; null if not modelled."),
        _p(f"p_none_{h}", f"P(neither) within {h}: CHOP or NO_TEST; null if not modelled."),
        _p(f"p_tradeable_{h}", f"P(BREAK or REJECT) within {h}; null if not modelled."),
        _p(
            f"p_break_given_tradeable_{h}",
            f"P(BREAK) given BREAK or REJECT within {h}; null if not modelled.",
        ),
        Column(
            f"strength_{h}",
            "double",
            "Expected favourable less adverse excursion, + through the level; null if not modelled.",
            unit="ATR",
        ),
    )


def reach_column(kind: str, seconds: int) -> str:
    """Name of the column and of the head: "reach_break_60"."""
    return f"reach_{kind}_{seconds}"


PREDICTIONS = TableContract(
    "predictions",
    "One event as one model version sees it at the anchor.",
    (
        Column("event_id", "string", "Event.", Role.KEY, nullable=False),
        Column("date", "date", "Session date (exchange trade date).", Role.KEY, nullable=False),
        Column("anchor_ts_ns", "int64", "Instant of the forecast.", unit="ns", nullable=False),
        Column("model_id", "string", "Model.", nullable=False),
        Column("model_version", "string", "Version that spoke.", nullable=False),
        Column(
            "registry_revision",
            "int64",
            "Revision of the registry that the reader resolved the version at.",
            nullable=False,
        ),
        Column("bundle_sha256", "string", "Hash of the bundle's SHA256SUMS.", nullable=False),
        *(column for h in HORIZONS for column in _horizon(h)),
        *(
            _p(
                reach_column(kind, s),
                f"P(barrier {kind} reached within {s} s of the test); null if not modelled.",
            )
            for kind in REACH_KINDS
            for s in REACH_SECONDS
        ),
    ),
    ("event_id",),
    may_be_empty=True,
)
