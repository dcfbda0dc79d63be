"""A session of work tables, made by running the pure stage functions on a synthetic market.

`session()` is built once per process; `build(market)` runs everything on a given market. Earlier
sessions that calibration needs are copies of the session's own rows with other dates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.contracts.work_market import (
    BOOK_SECONDS,
    FLOW_SECONDS,
    OFI_SECONDS,
    SESSIONS,
    TRADES,
)
from spymaster_lake.contracts.work_options import OPEN_INTEREST, OPTION_CONTRACTS, OPTION_TRADES
from spymaster_lake.features.arrays import NO_MID, Trades
from spymaster_lake.features.book_cells import book_cells
from spymaster_lake.lake.checks import check_table
from spymaster_lake.stages.episode_construction import (
    construct_episodes,
    load_silver_signals,
    materialize_state_table,
)
from spymaster_lake.stages.feature_engineering import (
    build_ohlcv,
    compute_approach_features,
    compute_barrier_evolution,
    compute_force_mass,
    compute_gex_features,
    compute_level_distances,
    compute_multiwindow_kinematics,
    compute_multiwindow_ofi,
    compute_physics,
    detect_interaction_zones,
    filter_rth_and_write_silver_signals,
    generate_levels,
    init_market_state,
    label_outcomes,
)
from spymaster_lake.stages.spec import (
    History,
    SessionInputs,
    SessionResult,
    SessionStage,
    StageContext,
)
from spymaster_lake.stages.tables import build_table
from spymaster_lake.stages.work_arrays import book_seconds_columns
from tests.stages.synthetic_market import CONTRACT, LEVELS, TICK, SyntheticMarket, make_market

DAY = date(2025, 12, 16)

FEATURE_STAGES: tuple[SessionStage, ...] = (
    build_ohlcv.make({"interval": "10s"}),
    build_ohlcv.make({"interval": "1min"}),
    build_ohlcv.make({"interval": "2min"}),
    init_market_state.STAGE,
    generate_levels.STAGE,
    detect_interaction_zones.STAGE,
    compute_physics.STAGE,
    compute_multiwindow_kinematics.STAGE,
    compute_multiwindow_ofi.STAGE,
    compute_barrier_evolution.STAGE,
    compute_level_distances.STAGE,
    compute_gex_features.STAGE,
    compute_force_mass.STAGE,
    compute_approach_features.STAGE,
    label_outcomes.STAGE,
    filter_rth_and_write_silver_signals.STAGE,
)
"""The stages of feature_engineering after load_bronze, in order."""

EPISODE_STAGES: tuple[SessionStage, ...] = (
    load_silver_signals.STAGE,
    materialize_state_table.STAGE,
    construct_episodes.STAGE,
)


def profile() -> InstrumentProfile:
    """The profile `es` of the repository."""
    path = Path(__file__).parents[2] / "conf" / "instruments" / "es.yaml"
    return InstrumentProfile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@dataclass
class FutureScan:
    """Trades of the front contract around the session, as Bronze would give them."""

    trades: tuple[Trades, ...]

    def contracts(self) -> tuple[str, ...]:
        """The one contract that exists."""
        return (CONTRACT,)

    def read(
        self, columns: tuple[str, ...], *, start_ns: int, end_ns: int, contract: str | None = None
    ) -> pa.Table:
        """Prints with start <= ts < end."""
        picked = []
        for trades in self.trades if contract in {None, CONTRACT} else ():
            rows = slice(*np.searchsorted(trades.ts_ns, [start_ns, end_ns], side="left"))
            values = {
                "ts_event_ns": trades.ts_ns[rows],
                "price": trades.ticks[rows] * TICK,
                "size": trades.size[rows].astype(np.int32),
                "aggressor": trades.side[rows],
            }
            picked.append(pa.table({name: values[name] for name in columns}))
        return pa.concat_tables(picked)

    def chunks(
        self, columns: tuple[str, ...], *, start_ns: int, end_ns: int, contract: str | None = None
    ) -> Iterator[pa.Table]:
        """The same in one piece."""
        yield self.read(columns, start_ns=start_ns, end_ns=end_ns, contract=contract)


@dataclass
class SyntheticSession:
    """Tables by dataset name, and the way to run a stage on them.

    Attributes:
        market: what the tables were made of.
        context: the runtime's context.
        tables: rows by dataset, of the session date only.
        calibrated: hand over enough earlier sessions for thresholds to exist.
        history: tables whose rows stand for those sessions; its own if None.
    """

    market: SyntheticMarket
    context: StageContext
    tables: dict[str, pa.Table] = field(default_factory=dict)
    calibrated: bool = True
    history: dict[str, pa.Table] | None = None

    def inputs(self, stage: SessionStage, **replaced: pa.Table) -> SessionInputs:
        """What the runtime would hand to `stage`; `replaced` exchanges tables by alias."""
        days = tuple(self.context.calendar.previous(DAY, 20)) if self.calibrated else ()
        tables: dict[str, pa.Table] = {}
        for source in stage.sources:
            if source.layer == "bronze":
                continue
            table = replaced.get(source.alias, self.tables[source.dataset])
            if source.history is History.PRESENT:
                earlier = (self.history or self.tables)[source.dataset]
                table = pa.concat_tables([table, *(_as_of(earlier, day) for day in days)])
            tables[source.alias] = table.select(list(source.columns)) if source.columns else table
        scan = FutureScan((*self.market.warmup.values(), self.market.trades))
        scans = {s.alias: scan for s in stage.sources if s.layer == "bronze"}
        return SessionInputs(self.market.clock, tables, scans, days)

    def run(self, stage: SessionStage, **replaced: pa.Table) -> SessionResult:
        """Run `stage`, hold its tables against their contracts and keep them."""
        result = stage.run(self.inputs(stage, **replaced), self.context)
        for contract in stage.outputs:
            check_table(contract, result.tables[contract.dataset])
        self.tables |= result.tables
        return result


def _as_of(table: pa.Table, day: date) -> pa.Table:
    """The rows as if they were of an earlier session; ids get the date as a suffix."""
    columns: dict[str, Any] = {name: table.column(name) for name in table.column_names}
    columns["date"] = pa.repeat(pa.scalar(day, pa.date32()), table.num_rows)
    columns["event_id"] = pc.binary_join_element_wise(table.column("event_id"), str(day), "_")
    return pa.table(columns, schema=table.schema)


def build(
    market: SyntheticMarket,
    *,
    calibrated: bool = True,
    episodes: bool = False,
    history: dict[str, pa.Table] | None = None,
) -> SyntheticSession:
    """All tables of feature_engineering for a market; with `episodes` those of the next pipeline.

    Args:
        market: prints, book and options.
        calibrated: hand 20 earlier sessions to the calibration, else none.
        episodes: also run episode_construction.
        history: tables whose rows stand for those sessions; a market with another future must get
            those of the original to have the same thresholds.
    """
    context = StageContext(
        config={
            "DATA_ROOT": "unused",
            "INSTRUMENT": "es",
            "PIPELINE_ID": "episode_construction",
            "PIPELINE_VERSION": "4.5.0",
        },
        profile=profile(),
    )
    built = SyntheticSession(market, context, base_tables(market), calibrated, history)
    for stage in (*FEATURE_STAGES, *(EPISODE_STAGES if episodes else ())):
        built.run(stage)
    return built


@lru_cache(maxsize=4)
def session(seed: int = 7, *, episodes: bool = True) -> SyntheticSession:
    """A session with all tables; built once per process, so tests must not change its tables."""
    return build(make_market(profile(), DAY, seed=seed), episodes=episodes)


def base_tables(market: SyntheticMarket) -> dict[str, pa.Table]:
    """What load_bronze would write for the market."""
    clock, trades, options = market.clock, market.trades, market.options
    seconds, flow, ofi = book_cells(
        [market.book],
        trades,
        start_ns=clock.book_start_ns,
        end_ns=clock.events_end_ns,
        levels=LEVELS,
    )
    prints = options.contract
    contracts = range(len(options.strike))
    right = np.where(options.is_call, "C", "P").astype(object)
    symbols = np.array([options.symbol(i) for i in contracts], dtype=object)
    parts: list[tuple[TableContract, dict[str, Any], int]] = [
        (SESSIONS, _session_facts(market), 1),
        (
            TRADES,
            {
                "row_in_session": np.arange(len(trades)),
                "ts_event_ns": trades.ts_ns,
                "price_ticks": trades.ticks,
                "size": trades.size,
                "aggressor": trades.side,
            },
            len(trades),
        ),
        (BOOK_SECONDS, book_seconds_columns(seconds), len(seconds)),
        (
            FLOW_SECONDS,
            {
                "second_ns": flow.second_ns,
                "side": flow.side,
                "price_ticks": flow.ticks,
                "added": flow.added,
                "canceled": flow.canceled,
                "filled": flow.filled,
            },
            len(flow),
        ),
        (
            OFI_SECONDS,
            {
                "second_ns": ofi.second_ns,
                "mid_half_ticks": np.ma.masked_equal(ofi.mid_half_ticks, NO_MID),
                "ofi": ofi.ofi,
                "n_updates": ofi.n_updates,
            },
            len(ofi),
        ),
        (
            OPTION_TRADES,
            {
                "row_in_session": np.arange(len(prints)),
                "ts_event_ns": options.ts_ns,
                "option_symbol": symbols[prints],
                "underlying_contract": CONTRACT,
                "strike": options.strike[prints],
                "right": right[prints],
                "expiry_ts_ns": options.expiry_ns,
                "price": options.price,
                "size": options.size,
                "aggressor": options.side,
            },
            len(prints),
        ),
        (
            OPTION_CONTRACTS,
            {
                "option_symbol": symbols,
                "underlying_contract": CONTRACT,
                "strike": options.strike,
                "right": right,
                "expiry_ts_ns": options.expiry_ns,
                "listed_ts_ns": options.listed_ns,
                "expires_today": True,
            },
            len(symbols),
        ),
        (
            OPEN_INTEREST,
            {
                "row_in_session": np.arange(len(symbols)),
                "ts_event_ns": options.published_ns,
                "option_symbol": symbols,
                "open_interest": options.open_interest,
            },
            len(symbols),
        ),
    ]
    return {
        contract.dataset: build_table(contract, {**columns, "date": clock.day}, rows=n)
        for contract, columns, n in parts
    }


def _session_facts(market: SyntheticMarket) -> dict[str, Any]:
    return {
        "contract": CONTRACT,
        "dominance": 0.99,
        "runner_up": None,
        "runner_up_ratio": None,
        "roll_contaminated": False,
        "reference_price": None,
        "n_volume_only": 0,
        "open_ns": market.clock.open_ns,
        "close_ns": market.clock.close_ns,
        "n_trades": len(market.trades),
        "n_book_updates": len(market.book),
        "n_crossed": 0,
        "n_missing_minutes": 0,
        "n_equal_rows": 0,
        "has_options": True,
        "has_open_interest": True,
    }
