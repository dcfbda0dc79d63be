"""Contracts of the Gold `episodes` tables: vectors, metadata, sequences, rejected (03 2, 08 C).

The first three have the same keys and row count and are joined by event_id, never by position.
"""

from __future__ import annotations

from dataclasses import replace

from spymaster_lake.contracts.enums import TIME_BUCKETS
from spymaster_lake.contracts.features import feature
from spymaster_lake.contracts.labels import HORIZON_LABELS, LABELS
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.table import Column, Role, TableContract
from spymaster_lake.contracts.vector import TRAJECTORY_STEPS, VECTOR_DIMENSION

SEQUENCE_CHANNELS: tuple[str, ...] = (
    "distance_signed_atr",
    "ofi_60s",
    "barrier_delta_liq_log",
    "tape_imbalance",
    "velocity_1min",
    "acceleration_1min",
    "jerk_1min",
)
"""Channel c of step k stands at index 7 k + c, k = 0 the oldest (08 B21)."""

SEQUENCE_LENGTH = TRAJECTORY_STEPS * len(SEQUENCE_CHANNELS)

_KEYS: tuple[Column, ...] = tuple(SIGNALS.column(n) for n in ("event_id", "date", "anchor_ts_ns"))

_N_MISSING = Column(
    "n_missing",
    "int32",
    "Entries of vector_raw that are NaN.",
    unit="features",
    nullable=False,
    minimum=0,
    maximum=VECTOR_DIMENSION,
)

VECTORS = TableContract(
    "episodes/vectors",
    "The raw, not normalised, feature vector of one episode.",
    (
        *_KEYS,
        Column(
            "vector_raw",
            "array<float>",
            "Features in the order of the vector table; NaN = unknown, no element is null.",
            unit="mixed",
            nullable=False,
            length=VECTOR_DIMENSION,
        ),
        _N_MISSING,
    ),
    ("event_id",),
    may_be_empty=True,
)

SEQUENCES = TableContract(
    "episodes/sequences",
    "The 20 minutes before one anchor: 40 steps of 30 s, seven channels, raw units.",
    (
        *_KEYS,
        Column(
            "sequence",
            "array<float>",
            "Index 7 * step + channel, oldest step first; 0 where unknown.",
            unit="mixed",
            nullable=False,
            length=SEQUENCE_LENGTH,
        ),
        Column(
            "sequence_mask",
            "array<tinyint>",
            "1 where the value at the same index was known at its own step, and that step's "
            "distance too; 0 where unknown, held backwards or padded.",
            nullable=False,
            length=SEQUENCE_LENGTH,
        ),
    ),
    ("event_id",),
    may_be_empty=True,
)

_IDENTITY: tuple[Column, ...] = (
    SIGNALS.column("event_id"),
    Column(
        "episode_id", "string", "{date}_{kind}_{direction}_{attempt_cluster_id}.", nullable=False
    ),
    SIGNALS.column("date"),
    Column("timestamp", "timestamp", "The anchor as a timestamp.", unit="us", nullable=False),
    *(
        SIGNALS.column(name)
        for name in (
            "anchor_ts_ns",
            "bar_start_ns",
            "level_kind",
            "level_kind_code",
            "level_price",
            "direction",
            "spot",
            "atr",
            "minutes_since_open",
        )
    ),
    Column(
        "time_bucket",
        "string",
        "Bucket of minutes_since_open.",
        nullable=False,
        allowed=TIME_BUCKETS,
    ),
    *(SIGNALS.column(n) for n in ("prior_touches", "attempt_index", "attempt_cluster_id")),
)

_CONSTRUCTION: tuple[Column, ...] = (
    replace(feature("time_since_prev_event_s"), name="time_since_last_touch_sec"),
    Column(
        "emission_weight",
        "double",
        "Proximity x approach speed x agreement of flow; weights nothing; null where an input is.",
        minimum=0,
        maximum=1,
    ),
    Column("gate_zone", "bool", "abs(distance_signed_atr) <= 2.0; null where it is."),
    Column("gate_bars", "bool", "approach_bars >= 2; null where it is."),
    Column(
        "gate_velocity", "bool", "approach_velocity / atr >= 0.10 per minute; null where it is."
    ),
    Column(
        "traj_n_observed",
        "int32",
        "Trajectory samples with a computable d_atr.",
        unit="samples",
        nullable=False,
        minimum=0,
        maximum=TRAJECTORY_STEPS,
    ),
    Column(
        "traj_padded",
        "bool",
        "Fewer than 20 samples observed; not indexed by default.",
        nullable=False,
        may_be_constant=True,
    ),
    _N_MISSING,
    SIGNALS.column("roll_contaminated"),
    SIGNALS.column("src_max_ts_ns"),
    Column(
        "pipeline_version",
        "string",
        "Version of the pipeline that wrote the row.",
        nullable=False,
        may_be_constant=True,
    ),
)


def _context(column: Column) -> Column:
    """`column` as metadata: not a feature here, whatever it is in its own table."""
    return replace(column, role=Role.CONTEXT) if column.role is Role.FEATURE else column


METADATA = TableContract(
    "episodes/metadata",
    "Identity, construction facts and outcomes of one episode.",
    (
        *(_context(column) for column in (*_IDENTITY, *_CONSTRUCTION)),
        LABELS.column("label_status"),
        LABELS.column("resolved_before_anchor"),
        *HORIZON_LABELS,
    ),
    ("event_id",),
    may_be_empty=True,
    properties=dict(LABELS.properties),
)

REJECTED = TableContract(
    "episodes/rejected",
    "One event that became no episode, and why (08 B1, B2).",
    (
        SIGNALS.column("event_id"),
        SIGNALS.column("date"),
        Column("reason", "string", "The required input that is unknown.", nullable=False),
    ),
    ("event_id",),
    may_be_empty=True,
)
