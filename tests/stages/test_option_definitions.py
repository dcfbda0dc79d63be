"""Which option contracts a session knows, and from when (01 1.5, D06; 02 N-6; 08 A20, A21)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from spymaster_lake.contracts.bronze import OPTIONS_DEFINITIONS, OPTIONS_STATISTICS, OPTIONS_TRADES
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.instruments import load_profiles
from spymaster_lake.sessions.calendar import NS, local_ns
from spymaster_lake.stages.feature_engineering.bronze_options import SessionOptions, session_options
from spymaster_lake.stages.feature_engineering.option_definitions import expiries
from spymaster_lake.stages.lookback import first_source_ns
from spymaster_lake.stages.spec import History, SessionInputs, StageContext

PROFILE = load_profiles(Path(__file__).parents[2] / "conf")["es"]
CONTEXT = StageContext({}, PROFILE)
ZONE = ZoneInfo("America/New_York")
TUESDAY = date(2025, 12, 16)
CLOCK = CONTEXT.calendar.clock(TUESDAY)
UNKNOWN = np.iinfo(np.int64).min


def at(day: int, hour: int, minute: int = 0) -> int:
    """A New York clock time of December 2025, ns UTC."""
    return local_ns(date(2025, 12, day), time(hour, minute), ZONE)


@dataclass(frozen=True)
class Rows:
    """A Bronze scan over rows in memory."""

    table: pa.Table

    def contracts(self) -> tuple[str, ...]:
        return ("ES",)

    def read(
        self,
        columns: Sequence[str],
        *,
        start_ns: int,
        end_ns: int,
        contract: str | None = None,
    ) -> pa.Table:
        time_ns = self.table.column("ts_event_ns").to_numpy()
        inside = (time_ns >= start_ns) & (time_ns < end_ns)
        return self.table.filter(pa.array(inside)).sort_by("ts_event_ns").select(list(columns))

    def chunks(self, columns: Sequence[str], **span: Any) -> Iterator[pa.Table]:
        yield self.read(columns, **span)


def bronze(contract: TableContract, rows: list[dict[str, Any]]) -> Rows:
    """Bronze rows of which only the interesting columns are given."""
    plain = {"string": "x", "int64": 0, "int32": 1, "int8": 1, "double": 1.0, "bool": False}
    full = [
        {c.name: plain[c.type] for c in contract.columns} | {"src_row": i} | row
        for i, row in enumerate(rows)
    ]
    return Rows(pa.Table.from_pylist(full, schema=contract.arrow_schema))


def definition(symbol: str, ts: int, **terms: Any) -> dict[str, Any]:
    """A call on the front contract that expires on the session date, unless said otherwise."""
    row = {
        "right": "C",
        "strike": 6800.0,
        "underlying_contract": "ESH6",
        "expiration_ns": at(16, 16),
    }
    return {"option_symbol": symbol, "ts_event_ns": ts, **row, **terms}


def options(
    definitions: list[dict[str, Any]], trades: list[dict[str, Any]] | None = None
) -> SessionOptions:
    """The session's options with ESH6 in front."""
    scans = {
        "options_definitions": bronze(OPTIONS_DEFINITIONS, definitions),
        "options_trades": bronze(OPTIONS_TRADES, trades or []),
        "options_statistics": bronze(OPTIONS_STATISTICS, []),
    }
    return session_options(SessionInputs(CLOCK, {}, scans), CONTEXT, "ESH6")


def symbols(found: SessionOptions) -> list[str]:
    """Symbols of the contracts."""
    return sorted(found.contracts.column("option_symbol").to_pylist())


def test_definitions__of_the_weekly_list_before_the_session_count() -> None:
    """The vendor's Tuesday file repeats Sunday's definitions under Sunday's event time."""
    sunday = at(14, 6)
    found = options([definition("E3B C6800", sunday), definition("E3B C6800", at(16, 9))])
    assert symbols(found) == ["E3B C6800"]
    assert found.contracts.column("listed_ts_ns").to_pylist() == [sunday]
    assert found.contracts.column("expires_today").to_pylist() == [True]


def test_definitions__of_expired_contracts_do_not_count() -> None:
    """Monday's options are gone on Tuesday, although their definitions are still there."""
    found = options(
        [definition("E3A C6800", at(14, 6), expiration_ns=at(15, 16))],
        [{"option_symbol": "E3A C6800", "ts_event_ns": at(16, 10), "price": 2.0}],
    )
    assert symbols(found) == []
    assert found.metrics["option_contracts_left_out"]["expired"] == 1
    assert found.metrics["option_trades_rejected"]["expired"] == 1


def test_definitions__on_another_future_are_left_out_and_named() -> None:
    """After the roll a strike of an ESZ5 option cannot be compared with a level of ESH6."""
    found = options(
        [
            definition("E3B C6800", at(15, 18)),
            definition("E3B C6750", at(15, 18), underlying_contract="ESZ5"),
        ],
        [{"option_symbol": s, "ts_event_ns": at(16, 10)} for s in ("E3B C6800", "E3B C6750")],
    )
    assert symbols(found) == ["E3B C6800"]
    assert found.trades.column("option_symbol").to_pylist() == ["E3B C6800"]
    assert found.metrics["option_trades_rejected"]["other_underlying"] == 1
    assert any("ESZ5" in w and "ESH6" in w for w in found.warnings)


def test_definitions__without_expiration_are_never_taken_for_today() -> None:
    """An unknown expiry date is not the session date (01 D06)."""
    found = options(
        [definition("E3B C6800", at(15, 18), expiration_ns=None)],
        [{"option_symbol": "E3B C6800", "ts_event_ns": at(16, 10)}],
    )
    assert symbols(found) == []
    assert found.metrics["option_contracts_left_out"]["no_expiration"] == 1
    assert found.metrics["option_trades_rejected"]["no_expiration"] == 1
    assert any("no expiration" in w for w in found.warnings)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (datetime(2025, 2, 21), datetime(2025, 2, 21, 16, tzinfo=ZONE)),
        (datetime(2025, 7, 18), datetime(2025, 7, 18, 16, tzinfo=ZONE)),
        (datetime(2025, 7, 18, 20), datetime(2025, 7, 18, 16, tzinfo=ZONE)),
        (datetime(2025, 12, 19, 14, 30), datetime(2025, 12, 19, 9, 30, tzinfo=ZONE)),
    ],
)
def test_expiries__a_date_without_a_clock_gets_the_instruments(
    stated: datetime, expected: datetime
) -> None:
    """A vendor that states the date only means 16:00 New York on it, in winter and summer."""
    ns = int(stated.replace(tzinfo=ZoneInfo("UTC")).timestamp()) * NS
    found = expiries(np.array([ns, UNKNOWN]), time(16), ZONE)
    assert found.tolist() == [int(expected.timestamp()) * NS, UNKNOWN]


def test_first_source__definitions_reach_ten_days_back_ticks_do_not() -> None:
    """A date reads its own ticks, three warm-up sessions of prints and ten days of definitions."""
    calendar = CONTEXT.calendar
    day = date(2025, 11, 5)
    own = calendar.clock(day).record_start_ns
    reach = {h: first_source_ns(h, day, PROFILE, calendar) for h in History}
    assert reach[History.NONE] == own
    assert reach[History.REFERENCE] == own - 10 * 86_400 * NS
    assert reach[History.BRONZE] == calendar.clock(date(2025, 10, 31)).record_start_ns


SHARE = StageContext({}, load_profiles(Path(__file__).parents[2] / "conf")["tsla"])
CALL, PUT = "TSLA  251216C00250000", "TSLA  251216P00240000"


def options_of_a_share(
    definitions: list[dict[str, Any]], trades: list[dict[str, Any]]
) -> SessionOptions:
    """The session's options on a share."""
    scans = {
        "options_definitions": bronze(OPTIONS_DEFINITIONS, definitions),
        "options_trades": bronze(OPTIONS_TRADES, trades),
        "options_statistics": bronze(OPTIONS_STATISTICS, []),
    }
    clock = SHARE.calendar.clock(TUESDAY)
    return session_options(SessionInputs(clock, {}, scans), SHARE, "TSLA")


def test_share__contracts_are_known_from_definition_or_first_print() -> None:
    """Whichever comes first; a definition of the day before counts, a later one changes nothing."""
    prints = [{"option_symbol": s, "ts_event_ns": at(16, 10)} for s in (CALL, PUT)]
    defined = [
        {"option_symbol": CALL, "ts_event_ns": at(15, 20)},
        {"option_symbol": PUT, "ts_event_ns": at(16, 11)},
    ]
    for definitions, call_known in (([], at(16, 10)), (defined, at(15, 20))):
        found = options_of_a_share(definitions, prints)
        rows = {r["option_symbol"]: r for r in found.contracts.to_pylist()}
        assert rows[CALL]["listed_ts_ns"] == call_known
        assert rows[PUT]["listed_ts_ns"] == at(16, 10)
        assert [rows[s]["strike"] for s in (CALL, PUT)] == [250.0, 240.0]
        assert found.trades.num_rows == 2


def test_share__defined_contract_need_not_trade() -> None:
    """A definition alone makes a contract known, unless it is adjusted or gone."""
    gone, adjusted = "TSLA  251212C00250000", "TSLA1 251216C00250000"
    defined = [{"option_symbol": s, "ts_event_ns": at(15, 20)} for s in (CALL, gone, adjusted)]
    found = options_of_a_share(defined, [])
    assert symbols(found) == [CALL]
    assert found.metrics["option_contracts_left_out"] == {"expired": 1, "other_underlying": 1}
