"""Feature columns of the levels around and of the options' open interest (02 sections 5 and 6)."""

from __future__ import annotations

from functools import partial

from spymaster_lake.contracts.features_flow import SESSION_WINDOW
from spymaster_lake.contracts.profile import AVERAGE_KINDS, LEVEL_KINDS
from spymaster_lake.contracts.table import Column, Frame, Role

STACKING_BANDS_PT: tuple[int, ...] = (2, 5, 10)
STRIKE_BANDS: tuple[int, ...] = (1, 2, 3)
KIND_SLUGS: tuple[str, ...] = tuple(kind.lower() for kind in LEVEL_KINDS)
"""Lower-case level kinds as they occur in column names, in code order."""

WARMUP_WINDOW = "[3 sessions before, t)"

_distance = partial(
    Column, role=Role.FEATURE, frame=Frame.MARKET, type="double", stage="compute_level_distances"
)


def level_window(slug: str) -> str:
    """What a level price known at t was computed from, by lower-case kind."""
    return WARMUP_WINDOW if slug.upper() in AVERAGE_KINDS else SESSION_WINDOW


LEVEL_DISTANCES: tuple[Column, ...] = (
    *(
        _distance(
            f"dist_to_{slug}",
            doc=f"spot - {slug.upper()} known at t; null where it is not valid.",
            unit="pt",
            window=level_window(slug),
        )
        for slug in KIND_SLUGS
    ),
    *(
        _distance(
            f"dist_to_{slug}_atr",
            doc=f"dist_to_{slug} / atr; null where either is.",
            unit="ATR",
            window=level_window(slug),
        )
        for slug in KIND_SLUGS
    ),
    *(
        Column(
            f"level_stacking_{band}pt",
            "int8",
            f"Other level kinds valid at t within {band} pt of the level, distance 0 included.",
            Role.FEATURE,
            "levels",
            nullable=False,
            frame=Frame.UNSIGNED,
            window=WARMUP_WINDOW,
            minimum=0,
            maximum=len(LEVEL_KINDS) - 1,
            stage="compute_level_distances",
        )
        for band in STACKING_BANDS_PT
    ),
)
"""15 columns of 02 section 5 with N-13, 08 A1."""

_gex = partial(
    Column,
    role=Role.FEATURE,
    frame=Frame.MARKET,
    type="double",
    unit="USD/pt^2",
    window=SESSION_WINDOW,
    stage="compute_gex_features",
)
_GEX_NULL = (
    "null without open interest before the open, or if over 20 % of the band's open interest has "
    "no gamma"
)


def _gex_of(n: int) -> tuple[Column, ...]:
    strikes = f"the {n} nearest listed strike{'s' if n > 1 else ''}"
    return (
        _gex(
            f"gex_above_{n}strike",
            doc=f"Signed gamma of open interest at {strikes} above the level; {_GEX_NULL}.",
        ),
        _gex(
            f"gex_below_{n}strike",
            doc=f"Signed gamma of open interest at {strikes} below the level; {_GEX_NULL}.",
        ),
        _gex(
            f"call_gex_above_{n}strike",
            doc=f"The calls' part of gex_above_{n}strike; {_GEX_NULL}.",
            minimum=0,
        ),
        _gex(
            f"put_gex_below_{n}strike",
            doc=f"The puts' part of gex_below_{n}strike; {_GEX_NULL}.",
            maximum=0,
        ),
    )


GEX: tuple[Column, ...] = (
    *(column for n in STRIKE_BANDS for column in _gex_of(n)),
    _gex(
        "gex_asymmetry",
        doc=f"gex_above_3strike - gex_below_3strike; {_GEX_NULL}.",
        frame=Frame.UNSIGNED,
    ),
    _gex(
        "gex_ratio",
        doc="Share of the absolute gamma of the three strikes on each side that lies above; null "
        f"where that is 0; {_GEX_NULL}.",
        unit="1",
        minimum=0,
        maximum=1,
    ),
    _gex(
        "net_gex_3strike",
        doc=f"Signed gamma of the three strikes on each side and of a strike at the level; "
        f"{_GEX_NULL}.",
    ),
)
"""15 columns of 02 section 6 with N-9, 08 A21, A22."""
