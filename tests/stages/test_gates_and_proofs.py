"""Bounds that stop or warn, and the proof column that knows every input (08 A16, A23, B27, C)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from spymaster_lake.contracts.errors import ContractError, DataError
from spymaster_lake.contracts.labels import LABEL_VERSION, LABELS
from spymaster_lake.contracts.schemas import contract_from_json
from spymaster_lake.contracts.table import Column
from spymaster_lake.contracts.work_market import SESSIONS
from spymaster_lake.features.arrays import NS, Queries, Trades
from spymaster_lake.features.book import BookStates
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.instruments import load_profiles
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.lake.schema_files import publish_schema
from spymaster_lake.orchestration.publish_outputs import table_properties
from spymaster_lake.stages.feature_engineering.bronze_trades import trades_arrays
from spymaster_lake.stages.feature_engineering.compute_physics import (
    STAGE,
    gamma_columns,
    source_times,
)
from spymaster_lake.stages.feature_engineering.session_gates import (
    BookCounts,
    gate_session,
    implausible,
)
from spymaster_lake.stages.market import Market, market_of
from spymaster_lake.stages.option_market import OptionMarket
from spymaster_lake.stages.spec import StageContext
from tests.stages.synthetic_session import SyntheticSession, session

PROFILE = load_profiles(Path(__file__).parents[2] / "conf")["es"]
CONTEXT = StageContext({}, PROFILE)
CLOCK = CONTEXT.calendar.clock(date(2025, 12, 16))


def book(bid: int, ask: int, n: int = 10) -> BookStates:
    """N states of one level a second apart from the open on."""
    ticks = [np.full((n, 1), price, np.int32) for price in (bid, ask)]
    size = np.ones((n, 1), np.int32)
    return BookStates(CLOCK.open_ns + NS * np.arange(n), ticks[0], size, ticks[1], size)


@pytest.mark.parametrize(("bid", "ask", "crossed"), [(100, 101, 0), (100, 100, 0), (101, 100, 10)])
def test_crossed__a_locked_book_is_legal(bid: int, ask: int, crossed: int) -> None:
    """Only bid > ask is crossed (01 1.7: ask >= bid)."""
    counts = BookCounts()
    counts.add(book(bid, ask), CLOCK)
    assert (counts.regular, counts.crossed) == (10, crossed)


def trade_rows(price: float) -> pa.Table:
    """One print a minute over the session."""
    ts = np.arange(CLOCK.premarket_start_ns, CLOCK.close_ns, 60 * NS)
    n = len(ts)
    return pa.table(
        {
            "ts_event_ns": ts,
            "price": np.full(n, price),
            "size": np.ones(n, np.int32),
            "aggressor": np.ones(n, np.int8),
        }
    )


def test_prices__implausible_ones_warn() -> None:
    """A bound on prices is plausibility: the session goes on with a warning (08 A16)."""
    trades = trades_arrays(trade_rows(25_000.0), CONTEXT, "prints")
    warnings = gate_session(CLOCK, PROFILE, trades, BookCounts())
    assert any("prices outside [1000.0, 20000.0]" in w for w in warnings)


@pytest.mark.parametrize("price", [0.0, -6800.0, 6800.1])
def test_prices__not_positive_or_off_the_grid_stop_the_session(price: float) -> None:
    """These are fatal (08 A16)."""
    with pytest.raises(DataError, match="prints"):
        trades_arrays(trade_rows(price), CONTEXT, "prints")


def test_implausible__counts_what_lies_beyond_the_bound() -> None:
    """Unknown values and profiles without a bound say nothing."""
    values = np.array([np.nan, -51.0, 50.0, 60.0])
    (sentence,) = implausible(CLOCK.day, "distance_signed", values, 50.0)
    assert "2 values of distance_signed beyond +-50" in sentence
    assert implausible(CLOCK.day, "distance_signed", values, None) == ()
    assert implausible(CLOCK.day, "distance_signed", values[:1], 50.0) == ()


def market(synthetic: SyntheticSession) -> Market:
    """What compute_physics reads."""
    return market_of(synthetic.inputs(STAGE), synthetic.context)


@pytest.mark.parametrize(
    "table", ["option_trades_greeks", "option_contracts", "underlying_seconds", "open_interest"]
)
def test_source_times__see_every_kind_of_option_record(table: str) -> None:
    """A record of any input just before t is the newest source of a row at t; one at t is not."""
    synthetic = session()
    inputs = synthetic.inputs(STAGE)
    t = inputs.clock.open_ns - 30 * NS
    newest, column = t - 1, "listed_ts_ns" if table == "option_contracts" else "ts_event_ns"
    rows = inputs.table(table)
    moved = pa.array(np.r_[newest, np.full(rows.num_rows - 1, t)])
    at = rows.column_names.index(column)
    tables = {**inputs.tables, table: rows.set_column(at, rows.schema.field(at), moved)}
    found = market_of(replace(inputs, tables=tables), synthetic.context)
    quiet = replace(found, trades=empty_trades(), seconds=found.seconds)
    queries = Queries(np.array([t]), np.array([6800.0]), np.array([1], np.int8))
    assert source_times(quiet, queries).tolist() == [newest]


def test_source_times__lie_before_their_instants() -> None:
    """Strictly, at every instant of the grid (00 section 7)."""
    data = market(session())
    t = np.arange(data.clock.open_ns, data.clock.events_end_ns, 30 * NS)
    queries = Queries(t, np.full(len(t), 6800.0), np.ones(len(t), np.int8))
    assert (source_times(data, queries) < t).all()


def empty_trades() -> Trades:
    """No prints."""
    none = np.empty(0, np.int64)
    return Trades(none, none.astype(np.int32), none, none.astype(np.int8))


def test_gamma__prints_on_a_holiday_belong_to_the_next_session() -> None:
    """What trades on Thanksgiving counts on the Friday after it (08 A23, 02 N-7g)."""
    friday = CONTEXT.calendar.clock(date(2025, 11, 28))
    data = market(session())
    assert data.options is not None
    holiday = friday.start_ns - 8 * 3600 * NS
    assert friday.record_start_ns < holiday < friday.start_ns
    first = replace_times(data.options, holiday)
    moved = replace(data, clock=friday, options=first)
    level = float(first.trades.strike[0])
    queries = Queries(np.array([friday.open_ns]), np.array([level]), np.array([1], np.int8))
    columns = gamma_columns(moved, queries, CONTEXT)
    tide = "call_tide" if first.trades.is_call[0] else "put_tide"
    assert not np.isnan(columns[tide][0])


def replace_times(options: OptionMarket, ts_ns: int) -> OptionMarket:
    """All prints at one instant, known and expiring today."""
    n = len(options.trades)
    trades = replace(options.trades, ts_ns=np.full(n, ts_ns), listed_ts_ns=np.full(n, ts_ns - 1))
    return replace(options, trades=trades, trade_expires_today=np.ones(n, np.bool_))


def test_label_version__is_a_property_of_the_table() -> None:
    """08 C: the label version is a table property, not a column."""
    assert table_properties(LABELS)["spymaster.label_version"] == LABEL_VERSION


def test_schema__of_one_version_never_changes(tmp_path: Path) -> None:
    """Same contract: nothing to do. Other words: rewritten. Other columns: refused."""
    files, paths = LakeFileSystem.of(str(tmp_path)), LakePathResolver(str(tmp_path))
    path = Path(paths.schema_json(SESSIONS.dataset, 1))
    publish_schema(files, paths, SESSIONS)
    before = path.stat().st_mtime_ns
    publish_schema(files, paths, SESSIONS)
    assert path.stat().st_mtime_ns == before
    assert contract_from_json(path.read_text(encoding="utf-8")) == SESSIONS
    publish_schema(files, paths, replace(SESSIONS, doc="Other words."))
    assert "Other words." in path.read_text(encoding="utf-8")
    wider = replace(SESSIONS, columns=(*SESSIONS.columns, Column("extra", "double", "More.")))
    with pytest.raises(ContractError, match=r"column extra.*new version"):
        publish_schema(files, paths, wider)
    assert "extra" not in path.read_text(encoding="utf-8")
