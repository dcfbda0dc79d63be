"""The 149 entries of the episode vector: name, source, transform, normalisation (03 2.4, 08 B).

Declarations only; the episode kernel computes them and the index normalises them. Every entry that
03 marks [N] or 08 rules on has its new definition here, no other exists.
"""

from __future__ import annotations

from dataclasses import dataclass

from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.contracts.features import (
    BARRIER_WINDOWS_MIN,
    KIND_SLUGS,
    KINEMATIC_WINDOWS_MIN,
    OFI_WINDOWS_S,
    STACKING_BANDS_PT,
)
from spymaster_lake.contracts.vector_model import (
    BARRIER_STATE_CODES,
    DCT_COEFFICIENTS,
    FUEL_EFFECT_CODES,
    HISTORY_STEPS,
    RECENCY_CAP_S,
    SECTIONS,
    TRAJECTORY_STEPS,
    VECTOR_DIMENSION,
    Method,
    Rows,
    Transform,
    VectorFeature,
)

__all__ = [
    "BARRIER_STATE_CODES",
    "DCT_COEFFICIENTS",
    "FUEL_EFFECT_CODES",
    "HISTORY_STEPS",
    "RECENCY_CAP_S",
    "REQUIRED_ENTRIES",
    "SECTIONS",
    "TRAJECTORY_SERIES",
    "TRAJECTORY_STEPS",
    "VECTOR_DIMENSION",
    "VECTOR_FEATURES",
    "VECTOR_NAMES",
    "Method",
    "Rows",
    "Transform",
    "VectorFeature",
    "vector_index",
]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A vector feature before it has its index and section."""

    name: str
    method: Method
    sources: tuple[str, ...]
    transform: Transform = Transform.IDENTITY
    rows: Rows = Rows.ANCHOR
    low: float | None = None
    high: float | None = None
    step: int | None = None


M, Z, R, P = Method.MIN_MAX, Method.Z_SCORE, Method.ROBUST, Method.PASS


def _same(method: Method, *names: str) -> list[_Entry]:
    return [_Entry(name, method, (name,)) for name in names]


def _ranged(
    name: str, high: float, source: str = "", how: Transform = Transform.IDENTITY
) -> _Entry:
    return _Entry(name, M, (source or name,), how, low=0.0, high=high)


def _derived(name: str, method: Method, transform: Transform, *sources: str) -> _Entry:
    return _Entry(name, method, sources, transform)


def _context_regime() -> list[_Entry]:
    distances = [f"dist_to_{slug}_atr" for slug in KIND_SLUGS]
    return [
        _ranged("minutes_since_open", 180),
        _ranged("bars_since_open", 180),
        *_same(Z, "atr"),
        _derived("or_active", P, Transform.OR_ACTIVE, "minutes_since_open"),
        *(_ranged(f"level_stacking_{band}pt", 6) for band in STACKING_BANDS_PT),
        *_same(Z, *distances[:2]),
        *(
            _derived(name, Z, Transform.ZERO_BEFORE_OR, name, "minutes_since_open")
            for name in distances[2:4]
        ),
        *_same(Z, *distances[4:]),
        _ranged("prior_touches", 10),
        _ranged("attempt_index", 10),
        _ranged(
            "time_since_last_touch_sec", RECENCY_CAP_S, "time_since_prev_event_s", Transform.RECENCY
        ),
        *_same(R, "gamma_exposure"),
        _derived("fuel_effect_encoded", P, Transform.FUEL_CODE, "fuel_effect"),
        *_same(R, "gex_ratio", "gex_asymmetry", "net_gex_3strike", "gex_above_1strike"),
        *_same(R, "gex_below_1strike", "call_gex_above_2strike", "put_gex_below_2strike"),
    ]


def _multiscale_dynamics() -> list[_Entry]:
    return [
        *(
            _Entry(f"{metric}_{w}min", Z, (f"{metric}_{w}min",))
            for metric in ("velocity", "acceleration", "jerk", "momentum_trend")
            for w in KINEMATIC_WINDOWS_MIN
        ),
        *_same(R, *(f"ofi_{s}s" for s in OFI_WINDOWS_S)),
        *_same(R, *(f"ofi_near_level_{s}s" for s in OFI_WINDOWS_S)),
        _derived("ofi_acceleration", R, Transform.SIGNED_LOG, "ofi_acceleration"),
        *_same(R, *(f"barrier_delta_{w}min" for w in BARRIER_WINDOWS_MIN)),
        *_same(Z, "approach_velocity"),
        _ranged("approach_bars", 10),
        *_same(Z, "approach_distance_atr"),
    ]


_HISTORY: tuple[tuple[str, str, Transform, Method], ...] = (
    ("d_atr", "distance_signed_atr", Transform.IDENTITY, Z),
    ("tape_imbalance", "tape_imbalance", Transform.IDENTITY, R),
    ("tape_velocity", "tape_velocity", Transform.IDENTITY, R),
    ("ofi_60s", "ofi_60s", Transform.IDENTITY, R),
    ("barrier_delta_liq_log", "barrier_delta_liq", Transform.SIGNED_LOG, R),
    ("wall_ratio_log", "wall_ratio", Transform.LOG1P, R),
    ("gamma_exposure", "gamma_exposure", Transform.IDENTITY, R),
)


def _micro_history() -> list[_Entry]:
    return [
        _Entry(f"{name}_lag{lag}", method, (source,), transform, Rows.HISTORY, step=lag)
        for name, source, transform, method in _HISTORY
        for lag in reversed(range(HISTORY_STEPS))
    ]


def _derived_physics() -> list[_Entry]:
    volumes = ("tape_buy_vol", "tape_sell_vol")
    return [
        *_same(Z, "predicted_accel"),
        *_same(R, "accel_residual", "force_mass_ratio"),
        _derived("mass_proxy", R, Transform.LOG1P_ABS, "barrier_depth_current"),
        _derived("force_proxy", R, Transform.FORCE_PROXY, "ofi_60s", "barrier_depth_current"),
        _derived("barrier_state_encoded", P, Transform.BARRIER_CODE, "barrier_state"),
        *_same(R, "barrier_replenishment_ratio"),
        _derived("sweep_detected", P, Transform.BOOLEAN, "sweep_detected"),
        _derived("tape_log_ratio", R, Transform.LOG_RATIO, *volumes),
        _derived("tape_log_total", R, Transform.LOG_TOTAL, *volumes),
        _derived("flow_alignment", R, Transform.FLOW_ALIGNMENT, "ofi_60s", "distance_signed_atr"),
        *_same(R, "call_tide", "put_tide"),
    ]


def _online_trends() -> list[_Entry]:
    tracked = ("barrier_replenishment", "barrier_delta_liq", "tape_velocity", "tape_imbalance")
    return _same(R, *(f"{name}_trend" for name in tracked))


TRAJECTORY_SERIES: tuple[tuple[str, str, Transform], ...] = (
    ("d_atr", "distance_signed_atr", Transform.DCT),
    ("ofi_60s", "ofi_60s", Transform.DCT),
    ("barrier_delta_liq_log", "barrier_delta_liq", Transform.DCT_SIGNED_LOG),
    ("tape_imbalance", "tape_imbalance", Transform.DCT),
)
"""Series of the trajectory basis: name, column of the state table, transform."""


def _trajectory_basis() -> list[_Entry]:
    return [
        _Entry(f"dct_{name}_c{k}", Z, (source,), transform, Rows.TRAJECTORY, step=k)
        for name, source, transform in TRAJECTORY_SERIES
        for k in range(DCT_COEFFICIENTS)
    ]


def _numbered() -> tuple[VectorFeature, ...]:
    builders = {
        "context_regime": _context_regime,
        "multiscale_dynamics": _multiscale_dynamics,
        "micro_history": _micro_history,
        "derived_physics": _derived_physics,
        "online_trends": _online_trends,
        "trajectory_basis": _trajectory_basis,
    }
    features: list[VectorFeature] = []
    for section, (first, stop) in SECTIONS.items():
        entries = builders[section]()
        if len(features) != first or len(entries) != stop - first:
            raise ValueError(f"Section {section!r} has {len(entries)} entries, not {stop - first}")
        features += [
            VectorFeature(
                first + i,
                e.name,
                section,
                e.sources,
                e.transform,
                e.method,
                e.rows,
                e.low,
                e.high,
                e.step,
            )
            for i, e in enumerate(entries)
        ]
    if len({f.name for f in features}) != VECTOR_DIMENSION:
        raise ValueError(f"The vector needs {VECTOR_DIMENSION} entries with unique names")
    return tuple(features)


VECTOR_FEATURES: tuple[VectorFeature, ...] = _numbered()
"""All entries in index order."""

VECTOR_NAMES: tuple[str, ...] = tuple(f.name for f in VECTOR_FEATURES)

_INDEX = {name: index for index, name in enumerate(VECTOR_NAMES)}


def vector_index(name: str) -> int:
    """The position of the entry called `name`; an unknown name lists near matches."""
    if name not in _INDEX:
        raise UnknownNameError("vector feature", name, VECTOR_NAMES)
    return _INDEX[name]


REQUIRED_ENTRIES: tuple[int, ...] = (
    vector_index("atr"),
    vector_index("d_atr_lag0"),
    *(vector_index(f"dct_d_atr_c{k}") for k in range(DCT_COEFFICIENTS)),
)
"""An event is rejected only if one of these is NaN (08 B1)."""
