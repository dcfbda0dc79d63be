"""The datasets of feature_engineering as stage inputs, declared once."""

from __future__ import annotations

from spymaster_lake.stages.spec import History, Source

FEATURE_ENGINEERING = "feature_engineering"
EPISODE_CONSTRUCTION = "episode_construction"


def work(name: str, *columns: str, history: History = History.NONE) -> Source:
    """A work table of feature_engineering; the alias is its short name."""
    return Source(
        alias=name,
        layer="silver",
        dataset=f"work/{name}",
        pipeline_id=FEATURE_ENGINEERING,
        columns=columns,
        history=history,
    )


def silver(name: str, pipeline_id: str = FEATURE_ENGINEERING) -> Source:
    """A published Silver table."""
    return Source(alias=name, layer="silver", dataset=name, pipeline_id=pipeline_id)


def bronze(
    product: str, dataset: str, *, required: bool = True, history: History = History.NONE
) -> Source:
    """A Bronze dataset, read lazily by the task; the alias is `{product}_{dataset}`."""
    return Source(
        alias=f"{product}_{dataset}",
        layer="bronze",
        dataset=dataset,
        product=product,
        history=history,
        required=required,
    )
