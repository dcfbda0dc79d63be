"""Replace everything from an instant on by noise: prices, sizes, sides, times, new options (02 10.4-2).

Noise is drawn on the tick grid and inside the profile's bounds. Some of it lies exactly at the
instant: a window that is closed on the right reads it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_lake.features.arrays import NS
from tests.proof.bronze_in_memory import Bronze, Key, known_ns, total_order

_AT_INSTANT = 6
_LEAST = 400
_SPREAD_TICKS = 160
_OCC_WIDTH = 21
_SEQ, _ROW = 4_000_000_000, 9_000_000


def scrambled(bronze: Bronze, t_ns: int, *, seed: int) -> Bronze:
    """The same past; from t on another market, of its own for every seed."""
    noise = _Noise(bronze, t_ns, np.random.default_rng([seed, t_ns // NS]))
    return bronze.changed(noise.replace)


class _Noise:
    """Noise from t to the session's end."""

    def __init__(self, bronze: Bronze, t_ns: int, rng: np.random.Generator) -> None:
        self.t_ns, self.end_ns, self.rng = t_ns, bronze.clock.end_ns, rng
        self.tick = bronze.tick
        self.busy_ns = min(t_ns + 3600 * NS, self.end_ns)

    def replace(self, key: Key, table: pa.Table) -> pa.Table:
        """The past rows of a table and noise after them."""
        past = table.filter(pa.array(known_ns(table) < self.t_ns))
        if not past.num_rows:
            return past
        n = max(_LEAST, table.num_rows - past.num_rows)
        rows = table.take(pa.array(self.rng.integers(0, table.num_rows, n)))
        times = self._times(n)
        values: dict[str, Any] = {
            "ts_event_ns": times,
            "ts_recv_ns": times + 1000,
            "ts_exchange_ns": times,
            "seq": _SEQ + np.arange(n),
            "src_row": _ROW + np.arange(n),
            **_MAKE[key](self, rows, past),
        }
        columns = [
            pa.array(values[f.name], f.type) if f.name in values else rows.column(f.name)
            for f in table.schema
        ]
        return total_order(pa.concat_tables([past, pa.table(columns, schema=table.schema)]))

    def _times(self, n: int) -> np.ndarray:
        """Some at t itself, half within the hour, the rest up to the session's end."""
        half = n // 2
        soon = self.rng.integers(self.t_ns, self.busy_ns, half)
        late = self.rng.integers(self.t_ns, self.end_ns, n - half)
        times = np.sort(np.concatenate([soon, late]))
        times[:_AT_INSTANT] = self.t_ns
        return times

    def sizes(self, n: int) -> np.ndarray:
        return self.rng.integers(1, 500, n)

    def sides(self, n: int) -> np.ndarray:
        return self.rng.choice(np.array([-1, 0, 1], np.int8), n)

    def prints(self, rows: pa.Table, past: pa.Table) -> dict[str, Any]:
        """Prints of a future, far around its last price."""
        n, last = rows.num_rows, round(past.column("price")[-1].as_py() / self.tick)
        ticks = last + self.rng.integers(-_SPREAD_TICKS, _SPREAD_TICKS, n)
        return {"price": ticks * self.tick, "size": self.sizes(n), "aggressor": self.sides(n)}

    def books(self, rows: pa.Table, past: pa.Table) -> dict[str, Any]:
        """Ten contiguous levels a side around random prices; some rows are no states."""
        n, last = rows.num_rows, round(past.column("bid_px_1").drop_null()[-1].as_py() / self.tick)
        best = last + self.rng.integers(-_SPREAD_TICKS, _SPREAD_TICKS, n)
        spread = self.rng.integers(1, 4, n)
        values: dict[str, Any] = {
            "is_snapshot": np.zeros(n, np.bool_),
            "is_last": self.rng.random(n) < 0.9,
        }
        for i in range(10):
            values[f"bid_px_{i + 1}"] = (best - i) * self.tick
            values[f"ask_px_{i + 1}"] = (best + spread + i) * self.tick
            values[f"bid_sz_{i + 1}"], values[f"ask_sz_{i + 1}"] = self.sizes(n), self.sizes(n)
        return values

    def tape(self, rows: pa.Table, past: pa.Table) -> dict[str, Any]:
        """Prints of a share, far around its last price; some count for volume only."""
        return self.prints(rows, past) | {"counts_for_price": self.rng.random(rows.num_rows) < 0.8}

    def quotes(self, rows: pa.Table, past: pa.Table) -> dict[str, Any]:
        """Best bids and offers around random prices; some rows are no states."""
        n, last = rows.num_rows, round(past.column("bid_px").drop_null()[-1].as_py() / self.tick)
        best = last + self.rng.integers(-_SPREAD_TICKS, _SPREAD_TICKS, n)
        return {
            "is_last": self.rng.random(n) < 0.9,
            "bid_px": best * self.tick,
            "ask_px": (best + self.rng.integers(1, 4, n)) * self.tick,
            "bid_sz": self.sizes(n),
            "ask_sz": self.sizes(n),
        }

    def premiums(self, rows: pa.Table, _past: pa.Table) -> dict[str, Any]:
        """Option prints at random premiums, some in contracts that are only listed from t on."""
        n = rows.num_rows
        return {
            "option_symbol": self.symbols(rows),
            "price": self.rng.integers(1, 600, n) * 0.05,
            "size": self.sizes(n),
            "aggressor": self.sides(n),
        }

    def interest(self, rows: pa.Table, _past: pa.Table) -> dict[str, Any]:
        """New open interest of old and new contracts."""
        n = rows.num_rows
        return {
            "option_symbol": self.symbols(rows),
            "open_interest": self.rng.integers(0, 90_000, n),
        }

    def listings(self, rows: pa.Table, _past: pa.Table) -> dict[str, Any]:
        """Other terms for old symbols, and new symbols at new strikes."""
        n = rows.num_rows
        return {
            "option_symbol": self.symbols(rows),
            "strike": np.round(rows.column("strike").to_numpy() + self.rng.integers(-30, 30, n)),
            "right": self.rng.choice(np.array(["C", "P"], object), n),
        }

    def symbols(self, rows: pa.Table) -> list[str]:
        known = rows.column("option_symbol").to_pylist()
        new = self.rng.random(len(known)) < 0.5
        return [_other(s) if is_new else s for s, is_new in zip(known, new, strict=True)]


def _other(symbol: str) -> str:
    """Another contract: the strike of an OCC symbol one point higher, else one more digit."""
    if len(symbol) == _OCC_WIDTH:
        return f"{symbol[:13]}{int(symbol[13:]) + 1000:08d}"
    return f"{symbol}9"


_MAKE = {
    ("futures", "trades"): _Noise.prints,
    ("futures", "mbp10"): _Noise.books,
    ("equities", "trades"): _Noise.tape,
    ("equities", "quotes"): _Noise.quotes,
    ("options", "trades"): _Noise.premiums,
    ("options", "statistics"): _Noise.interest,
    ("options", "definitions"): _Noise.listings,
}
