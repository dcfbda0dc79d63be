"""Contracts of the tables that an evaluation of retrieval writes (03 5.3).

All belong to one evaluation and are replaced together. `date` is the session of a forecast, and
the newest evaluated session in the summaries.
"""

from __future__ import annotations

from spymaster_lake.contracts.enums import DIRECTIONS, HORIZONS, OUTCOMES, TIME_BUCKETS
from spymaster_lake.contracts.profile import LEVEL_KINDS
from spymaster_lake.contracts.retrieval_status import RetrievalStatus
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.table import Column, Role, TableContract

EVALUATION_PIPELINE = "retrieval_evaluation"
"""Folder of the tables in Gold."""

ALL_HORIZONS = "all"
"""Rows of every horizon together."""

BASE_LEVELS: tuple[str, ...] = ("partition", "kind_direction", "all")


def _horizon(*, pooled: bool = True) -> Column:
    allowed = (*HORIZONS, ALL_HORIZONS) if pooled else tuple(HORIZONS)
    doc = "Horizon of the outcome; `all` pools them." if pooled else "Horizon of the outcome."
    return Column("horizon", "string", doc, role=Role.KEY, nullable=False, allowed=allowed)


def _shares(prefix: str, doc: str, *, nullable: bool) -> tuple[Column, ...]:
    return tuple(
        Column(
            f"{prefix}_{name.lower()}",
            "double",
            f"{doc} of {name}.",
            nullable=nullable,
            minimum=-1e-9,
            maximum=1 + 1e-9,
        )
        for name in OUTCOMES
    )


FORECASTS = TableContract(
    "forecasts",
    "One episode at one horizon: what the engine forecast, the causal base rate, what happened.",
    (
        *(SIGNALS.column(n) for n in ("event_id", "date")),
        _horizon(pooled=False),
        SIGNALS.column("anchor_ts_ns"),
        Column("level_kind", "string", "Kind of the level.", nullable=False, allowed=LEVEL_KINDS),
        Column("direction", "string", "Approach.", nullable=False, allowed=DIRECTIONS),
        Column(
            "time_bucket", "string", "Bucket of the anchor.", nullable=False, allowed=TIME_BUCKETS
        ),
        Column("asof_date", "date", "The index knew dates before it.", nullable=False),
        Column("newest_neighbour_date", "date", "Newest session of a neighbour; null without any."),
        Column("index_sha256", "string", "content_sha256 of the index.", nullable=False),
        Column(
            "status",
            "string",
            "Status of the answer.",
            nullable=False,
            allowed=tuple(RetrievalStatus),
        ),
        Column("reasons", "string", "Codes of the reasons, comma separated; empty for none."),
        Column("partition", "string", "Partition that was searched; null for none."),
        Column("partition_level", "string", "bucket or pooled; null for none."),
        Column("covered", "bool", "Whether there is a forecast.", nullable=False),
        Column("n_valid", "int32", "Neighbours with a known outcome.", nullable=False, minimum=0),
        Column("effective_n", "double", "Effective number of those; null without any.", minimum=0),
        Column("avg_similarity", "double", "Of the neighbours; null without any."),
        Column(
            "similarity_quartile",
            "int32",
            "Quartile of avg_similarity over the evaluation, 4 the most similar; null without any.",
            minimum=1,
            maximum=4,
        ),
        Column(
            "outcome",
            "string",
            "What happened; null if unknown, then the row counts in no measure.",
            role=Role.LABEL,
            allowed=OUTCOMES,
        ),
        *_shares("p", "Forecast; the base rate where not covered,", nullable=False),
        *_shares("base", "Share on earlier dates", nullable=False),
        Column(
            "base_level",
            "string",
            "Which episodes the base rates are of.",
            nullable=False,
            allowed=BASE_LEVELS,
        ),
        *_shares("ci_low", "Lower end of the 95 % band", nullable=True),
        *_shares("ci_high", "Upper end of the 95 % band", nullable=True),
        Column("brier", "double", "Brier loss; null without outcome.", role=Role.LABEL, minimum=0),
        Column("brier_base", "double", "The same of the base rate.", role=Role.LABEL, minimum=0),
        Column("sampling_cost", "double", "Part of brier that few neighbours cost.", minimum=0),
        Column("sampling_cost_base", "double", "Part of brier_base that few rows cost.", minimum=0),
        Column("log_loss", "double", "Clipped at 1e-3; nats.", role=Role.LABEL, minimum=0),
        Column("log_loss_base", "double", "The same of the base rate.", role=Role.LABEL, minimum=0),
    ),
    ("event_id", "horizon"),
    may_be_empty=True,
)

_DATE = Column("date", "date", "Newest evaluated session.", role=Role.KEY, nullable=False)
_VALUES: tuple[Column, ...] = (
    Column("value", "double", "The measure; null if unknown.", role=Role.LABEL),
    Column(
        "ci_low", "double", "Lower end of the 95 % session-bootstrap interval.", role=Role.LABEL
    ),
    Column("ci_high", "double", "Upper end.", role=Role.LABEL),
    Column("n", "int32", "Rows it rests on.", nullable=False, minimum=0),
    Column("n_sessions", "int32", "Sessions of these rows.", nullable=False, minimum=0),
)


def _key(name: str, doc: str) -> Column:
    return Column(name, "string", doc, role=Role.KEY, nullable=False)


MEASURES = TableContract(
    "measures",
    "One measure of one group of forecasts, with its interval.",
    (
        _DATE,
        _horizon(),
        _key("stratum", "`overall`, or column=value."),
        _key("measure", "Such as brier_skill; the suffix _base is the base rate's."),
        *_VALUES,
    ),
    ("horizon", "stratum", "measure"),
)

ABLATION = TableContract(
    "ablation",
    "One measure of one variant of the index over all forecasts of a horizon.",
    (
        _DATE,
        _key("variant", "`shipped`, an ablation, or a control."),
        _horizon(),
        _key(
            "measure", "Such as brier_skill; brier_gain is its Brier loss minus the shipped one's."
        ),
        *_VALUES,
    ),
    ("variant", "horizon", "measure"),
)

RELIABILITY = TableContract(
    "reliability",
    "One bin of a reliability diagram.",
    (
        _DATE,
        _horizon(),
        Column("outcome", "string", "Of which event.", Role.KEY, nullable=False, allowed=OUTCOMES),
        Column(
            "source",
            "string",
            "Whose forecasts.",
            Role.KEY,
            nullable=False,
            allowed=("retrieval", "base_rate"),
        ),
        Column(
            "binning", "string", "Bins.", Role.KEY, nullable=False, allowed=("uniform", "quantile")
        ),
        Column("bin", "int32", "Number, lowest first.", Role.KEY, nullable=False, minimum=0),
        Column("low", "double", "Lower end.", nullable=False),
        Column("high", "double", "Upper end, in the last bin included.", nullable=False),
        Column("n", "int32", "Forecasts in it.", nullable=False, minimum=0),
        Column("mean_forecast", "double", "Their mean; null for an empty bin."),
        Column("share", "double", "How often it happened; null for an empty bin.", Role.LABEL),
    ),
    ("horizon", "outcome", "source", "binning", "bin"),
)

DRIFT = TableContract(
    "drift",
    "One vector entry: the last 5 sessions against at most 60 before them.",
    (
        _DATE,
        _key("feature", "Vector entry."),
        Column("n_recent", "int32", "Known values.", nullable=False, minimum=0),
        Column("n_preceding", "int32", "Known values.", nullable=False, minimum=0),
        Column("wasserstein", "double", "Distance in preceding deviations; null if unknown."),
        Column("mean_shift", "double", "Shift of the mean, likewise.", minimum=0),
        Column("drifted", "bool", "wasserstein > 0.5 or mean_shift > 2; null if unknown."),
    ),
    ("feature",),
)

EVALUATION_TABLES: tuple[TableContract, ...] = (FORECASTS, MEASURES, ABLATION, RELIABILITY, DRIFT)
