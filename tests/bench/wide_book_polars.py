"""The wide-book tasks in Polars, each in the fastest form found; the yardstick, not a product.

They read the same Parquet files and return the same rows as `wide_book_tasks`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from spymaster_lake.features.arrays import NO_MID, NO_TICK, NO_TIME, NS
from tests.bench.wide_book_tasks import BAR_NS, Rows, Session

_TS = "ts_event_ns"
_BIG = 1e9
_SIDES = (("ask", 1), ("bid", -1))


def _states(session: Session, columns: Sequence[str]) -> pl.LazyFrame:
    """One row per timestamp: the last one that closes its event."""
    start, end = session.book_span
    rows = pl.scan_parquet(_files(session.book.files)).filter(
        pl.col("is_last") & ~pl.col("is_snapshot") & (pl.col(_TS) >= start) & (pl.col(_TS) < end)
    )
    last = pl.col(_TS).ne_missing(pl.col(_TS).shift(-1))
    return rows.select(_TS, *columns).filter(last)


def _files(files: Sequence) -> list[str]:
    return [f.uri for f in sorted(files, key=lambda f: (f.hour_ns, f.uri))]


def _second() -> pl.Expr:
    return (pl.col(_TS) // NS + 1) * NS


def _levels(session: Session, side: str, field: str) -> list[str]:
    return [f"{side}_{field}_{i + 1}" for i in range(session.depth)]


def _ticks(column: pl.Expr, session: Session) -> pl.Expr:
    scaled = (column / session.context.profile.tick_size).round().cast(pl.Int64)
    return scaled.fill_null(NO_TICK)


def last_states(session: Session) -> Rows:
    """Last row of each second, then an as-of join with the gapless grid."""
    start, end = session.clock.book_start_ns, session.clock.events_end_ns
    names = [n for s in ("bid", "ask") for f in ("px", "sz") for n in _levels(session, s, f)]
    last = (
        _states(session, names)
        .group_by(_second().alias("second_ns"))
        .agg(pl.col(_TS).last().alias("state_ts_ns"), pl.col(names).last())
        .collect(engine="streaming")
        .sort("second_ns")
    )
    grid = pl.DataFrame({"second_ns": pl.int_range(start, end + NS, NS, eager=True)})
    joined = grid.join_asof(last, on="second_ns", strategy="backward")
    return _rows(
        joined.select(
            "second_ns",
            pl.col("state_ts_ns").fill_null(NO_TIME),
            *(
                expression
                for side in ("bid", "ask")
                for expression in (
                    *(
                        _ticks(pl.col(n), session).alias(f"{side}_ticks_{i + 1}")
                        for i, n in enumerate(_levels(session, side, "px"))
                    ),
                    *(
                        pl.col(n).fill_null(0).alias(f"{side}_size_{i + 1}")
                        for i, n in enumerate(_levels(session, side, "sz"))
                    ),
                )
            ),
        )
    )


def ofi(session: Session) -> Rows:
    """Shifts and a group-by."""
    e_n = _side_flow(pl.col("bid_px_1").fill_null(-_BIG), pl.col("bid_sz_1")) - _side_flow(
        -pl.col("ask_px_1").fill_null(_BIG), pl.col("ask_sz_1")
    )
    cells = (
        _states(session, ["bid_px_1", "bid_sz_1", "ask_px_1", "ask_sz_1"])
        .select(
            _second().alias("second_ns"),
            (pl.col("bid_px_1") + pl.col("ask_px_1")).alias("mid"),
            e_n.alias("ofi"),
        )
        .slice(1)
        .group_by("second_ns", "mid")
        .agg(pl.col("ofi").sum(), pl.len().alias("n_updates"))
        .collect()
    )
    tick = session.context.profile.tick_size
    mid = (pl.col("mid") / tick).round().cast(pl.Int64).fill_null(NO_MID)
    table = cells.select("second_ns", mid.alias("mid_half_ticks"), "ofi", "n_updates")
    return _rows(table.sort("second_ns", "mid_half_ticks"))


def _side_flow(price: pl.Expr, size: pl.Expr) -> pl.Expr:
    size = size.cast(pl.Int64)
    gained = pl.when(price >= price.shift(1)).then(size).otherwise(0)
    return gained - pl.when(price <= price.shift(1)).then(size.shift(1)).otherwise(0)


def flow(session: Session) -> Rows:
    """Level against level where no price moved, a group-by per price elsewhere."""
    parts = [_side_cells(session, side, code) for side, code in _SIDES]
    return _rows(pl.concat(parts).sort("second_ns", "side", "ticks"))


def _side_cells(session: Session, side: str, code: int) -> pl.DataFrame:
    prices, sizes = _levels(session, side, "px"), _levels(session, side, "sz")
    columns = [*prices, *sizes]
    states = (
        _states(session, columns)
        .with_columns(pl.int_range(pl.len()).cast(pl.Int32).alias("state"))
        .collect()
    )
    pairs = (
        states.lazy()
        .with_columns(pl.col(columns).shift(1).name.prefix("old_"))
        .with_columns(
            pl.any_horizontal(pl.col(p).ne_missing(pl.col(f"old_{p}")) for p in prices).alias(
                "moved"
            )
        )
        .slice(1)
    )
    found = pl.concat(
        pl.collect_all([*_still(pairs, prices, sizes), _moved(pairs, prices, sizes, code)])
    )
    changes = found.select("state", _TS, _ticks(pl.col("price"), session).alias("ticks"), "change")
    return _with_fills(session, changes, states.select(_TS, "state"), code)


def _still(pairs: pl.LazyFrame, prices: Sequence[str], sizes: Sequence[str]) -> list[pl.LazyFrame]:
    return [
        pairs.filter(~pl.col("moved") & (pl.col(s) != pl.col(f"old_{s}"))).select(
            "state",
            _TS,
            pl.col(p).alias("price"),
            (pl.col(s) - pl.col(f"old_{s}")).cast(pl.Int64).alias("change"),
        )
        for p, s in zip(prices, sizes)
    ]


def _moved(
    pairs: pl.LazyFrame, prices: Sequence[str], sizes: Sequence[str], code: int
) -> pl.LazyFrame:
    """Size at each price after minus before, inside the bounds that both states can see."""
    worst = prices[-1]
    bounds = [(code * pl.col(c)).fill_null(_BIG) for c in (worst, f"old_{worst}")]
    moved = pairs.filter("moved").with_columns(pl.min_horizontal(bounds).alias("bound"))
    parts = [
        moved.select(
            "state", _TS, "bound", pl.col(f"{old}{p}").alias("price"),
            (sign * pl.col(f"{old}{s}").cast(pl.Int64)).alias("change"),
        )
        for old, sign in (("", 1), ("old_", -1))
        for p, s in zip(prices, sizes)
    ]  # fmt: skip
    return (
        pl.concat(parts)
        .filter(pl.col("price").is_not_null() & (code * pl.col("price") <= pl.col("bound")))
        .group_by("state", _TS, "price")
        .agg(pl.col("change").sum())
        .filter(pl.col("change") != 0)
        .select("state", _TS, "price", "change")
    )


def _with_fills(
    session: Session, changes: pl.DataFrame, states: pl.DataFrame, code: int
) -> pl.DataFrame:
    trades = (
        pl.scan_parquet(_files(session.trades.files))
        .filter((pl.col("aggressor") == code) & (pl.col(_TS) > states[_TS][0]))
        .select(_TS, _ticks(pl.col("price"), session).alias("ticks"), "size")
        .collect()
        .set_sorted(_TS)
    )
    passive = (
        trades.join_asof(states.set_sorted(_TS), on=_TS, strategy="forward")
        .filter(pl.col("state").is_not_null())
        .group_by("state", "ticks")
        .agg(pl.col("size").cast(pl.Int64).sum().alias("passive"))
    )
    lost = (-pl.col("change")).clip(lower_bound=0)
    filled = pl.min_horizontal(lost, pl.col("passive").fill_null(0))
    return (
        changes.lazy()
        .join(passive.lazy(), on=["state", "ticks"], how="left")
        .group_by(_second().alias("second_ns"), "ticks")
        .agg(
            pl.col("change").clip(lower_bound=0).sum().alias("added"),
            (lost - filled).sum().alias("canceled"),
            filled.sum().alias("filled"),
        )
        .select(
            "second_ns", pl.lit(code, pl.Int8).alias("side"), "ticks", "added", "canceled", "filled"
        )
        .collect()
    )


def bars(session: Session) -> Rows:
    """A group-by in the order of the rows."""
    size = pl.col("size").cast(pl.Int64)
    start = pl.col(_TS) // BAR_NS * BAR_NS
    price = pl.col("price")
    table = (
        pl.scan_parquet(_files(session.trades.files))
        .filter(
            (pl.col(_TS) >= session.clock.record_start_ns) & (pl.col(_TS) < session.clock.end_ns)
        )
        .group_by(start.alias("start_ns"), maintain_order=True)
        .agg(
            (start.first() + BAR_NS).alias("end_ns"),
            pl.col(_TS).last().alias("close_ts_ns"),
            price.first().alias("open"),
            price.max().alias("high"),
            price.min().alias("low"),
            price.last().alias("close"),
            size.sum().alias("volume"),
            pl.len().alias("n_trades"),
            pl.when(pl.col("aggressor") > 0).then(size).otherwise(0).sum().alias("buy_volume"),
            pl.when(pl.col("aggressor") < 0).then(size).otherwise(0).sum().alias("sell_volume"),
        )
        .collect()
    )
    ohlc = [_ticks(pl.col(n), session).alias(n) for n in ("open", "high", "low", "close")]
    return _rows(table.with_columns(ohlc))


def _rows(table: pl.DataFrame) -> Rows:
    return {name: table[name].to_numpy() for name in table.columns}


TASKS: dict[str, Callable[[Session], Rows]] = {
    "last_states": last_states,
    "ofi": ofi,
    "flow": flow,
    "bars": bars,
}
