"""Contract of Gold `training_sets` `retrieval`: what one index says about each episode (03 4.6)."""

from __future__ import annotations

from spymaster_lake.contracts.enums import HORIZONS, OUTCOMES
from spymaster_lake.contracts.retrieval_status import RetrievalStatus
from spymaster_lake.contracts.table import Column, Role, TableContract

TRAINING_SETS = "training_sets"
"""Pipeline folder of data sets made for models."""

SHARES: dict[str, str] = {
    "p_raw": "Weighted share of {o} among the neighbours at {h}; null without an answer.",
    "p_posterior": "p_raw shrunk to the base rate, {o} at {h}; null without an answer.",
    "base_rate": "Share of {o} in the partition at {h}; null without an answer.",
    "ci_low": "2.5 percentile of p_posterior over resampled dates, {o} at {h}; null if too few.",
    "ci_high": "97.5 percentile of p_posterior over resampled dates, {o} at {h}; null if too few.",
}
"""Blocks of one number per outcome in an answer, with what they say."""


def share_column(block: str, outcome: str, horizon: str) -> str:
    """Name of a column: "p_posterior_break_4min"."""
    return f"{block}_{outcome.lower()}_{horizon}"


def _shares() -> tuple[Column, ...]:
    return tuple(
        Column(
            share_column(block, outcome, horizon),
            "double",
            doc.format(o=outcome, h=horizon),
            minimum=-1e-12,
            maximum=1 + 1e-12,
        )
        for horizon in HORIZONS
        for block, doc in SHARES.items()
        for outcome in OUTCOMES
    )


RETRIEVAL_SET = TableContract(
    "retrieval",
    "One episode as the retrieval engine answers it from one index.",
    (
        Column("event_id", "string", "Event.", Role.KEY, nullable=False),
        Column("date", "date", "Session date (exchange trade date).", Role.KEY, nullable=False),
        Column("anchor_ts_ns", "int64", "Instant of the query.", unit="ns", nullable=False),
        Column("level_kind", "string", "Level.", nullable=False),
        Column("direction", "string", "Approach.", nullable=False, allowed=("UP", "DOWN")),
        Column("time_bucket", "string", "Time of day.", nullable=False),
        Column(
            "status",
            "string",
            "How the answer ended.",
            nullable=False,
            allowed=tuple(s.value for s in RetrievalStatus),
        ),
        Column("reasons", "string", "Codes of the reasons, joined by a space; may be empty.",
               nullable=False),
        Column("index_sha256", "string", "Content hash of the index.", nullable=False),
        Column("asof_date", "date", "The index knows only sessions before it.", nullable=False),
        Column("partition", "string", "Partition searched; null if none."),
        Column("partition_level", "string", "bucket or pooled; null if none.",
               allowed=("bucket", "pooled")),
        Column("n_partition", "int64", "Episodes in it; null if none.", unit="episodes"),
        Column("n_retrieved", "int64", "Neighbours; 0 without an answer.", unit="episodes",
               nullable=False),
        Column("n_dates", "int64", "Session dates of the neighbours.", unit="dates",
               nullable=False),
        Column("effective_n", "double", "1 / sum of squared weights; null without an answer."),
        Column("entropy", "double", "Of the weights, over ln n; null for n < 2."),
        Column("avg_similarity", "double", "Mean similarity; null without an answer."),
        Column("expected_favorable", "double", "Weighted mean, 4min; null if unknown.", unit="ATR"),
        Column("expected_adverse", "double", "Weighted mean, 4min; null if unknown.", unit="ATR"),
        *(
            Column(f"n_valid_{h}", "int64", f"Neighbours with a known outcome at {h}.",
                   unit="episodes", nullable=False)
            for h in HORIZONS
        ),
        *_shares(),
    ),
    ("event_id",),
    may_be_empty=True,
)  # fmt: skip
