"""The datasets of feature_engineering as stage inputs, declared once."""

from __future__ import annotations

from dataclasses import replace

from spymaster_lake.stages.spec import History, Source

MARKET_TRADES, MARKET_BOOK = "market_trades", "market_book"
"""Aliases of the prints and the book of the instrument itself, whatever product it is."""

FEATURE_ENGINEERING = "feature_engineering"
EPISODE_CONSTRUCTION = "episode_construction"

MARKET = "market"
"""Stands for the product of the instrument itself until a stage is bound."""

_DATASETS = {
    MARKET_TRADES: {"futures": "trades", "equities": "trades"},
    MARKET_BOOK: {"futures": "mbp10", "equities": "quotes"},
}


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


def market(alias: str, *, history: History = History.NONE) -> Source:
    """Prints or book of the instrument itself; the manifest says of which product they are.

    `of_product` fills in product and dataset when a stage is bound to a manifest.
    """
    return Source(alias=alias, layer="bronze", dataset=alias, product=MARKET, history=history)


def market_name(alias: str, product: str) -> str:
    """How messages call the prints or the book of an instrument: "futures mbp10"."""
    return f"{product} {_DATASETS[alias][product]}"


def of_product(source: Source, product: str) -> Source:
    """`source` with the product and dataset that an instrument of `product` has for it."""
    if source.product != MARKET:
        return source
    return replace(source, product=product, dataset=_DATASETS[source.alias][product])
