"""Levels and zone entries in plain Python, straight from 01 2.3, 2.5, 2.6 and from the prints."""

from __future__ import annotations

import math

from spymaster_lake.features.arrays import NS, Trades
from tests.features.session_walks import EVENTS_END_NS, OPEN_NS, TICK, at

KINDS = {"PM_HIGH": 0, "PM_LOW": 1, "OR_HIGH": 2, "OR_LOW": 3, "SMA_90": 6, "EMA_20": 12}
Print = tuple[int, float]


def as_prints(trades: Trades) -> list[Print]:
    """(ts, price) rows."""
    return [(int(t), int(p) * TICK) for t, p in zip(trades.ts_ns, trades.ticks, strict=True)]


def group(prints: list[Print], width_s: int) -> dict[int, list[Print]]:
    """Prints by bar start."""
    bars: dict[int, list[Print]] = {}
    for ts, price in prints:
        bars.setdefault(ts // (width_s * NS) * (width_s * NS), []).append((ts, price))
    return bars


class LevelOracle:
    """The value of each kind known at t."""

    def __init__(self, prints: list[Print], *, sma_window: int = 90) -> None:
        self.prints = prints
        closes = [
            (start + 120 * NS, bar[-1][1]) for start, bar in sorted(group(prints, 120).items())
        ]
        self.averages: list[tuple[int, float | None, float]] = []
        ema = 0.0
        for j, (end, close) in enumerate(closes):
            ema = close if j == 0 else 2 / 21 * close + 19 / 21 * ema
            window = [c for _, c in closes[max(0, j - sma_window + 1) : j + 1]]
            sma = math.fsum(window) / sma_window if len(window) == sma_window else None
            self.averages.append((end, sma, ema))

    def known_at(self, kind: str, t: int) -> float | None:
        """The value of a kind at t; None while it is not valid."""
        if kind.startswith("PM"):
            return self._extreme(kind, at(4), OPEN_NS) if t >= OPEN_NS else None
        if kind.startswith("OR"):
            return self._extreme(kind, OPEN_NS, at(9, 45)) if t >= at(9, 45) else None
        ended = [row for row in self.averages if row[0] <= t]
        if not ended:
            return None
        return ended[-1][1] if kind == "SMA_90" else ended[-1][2]

    def _extreme(self, kind: str, start: int, end: int) -> float | None:
        prices = [p for ts, p in self.prints if start <= ts < end]
        if not prices:
            return None
        return max(prices) if kind.endswith("HIGH") else min(prices)


def true_ranges(bars: list[list[Print]]) -> list[float]:
    """True range of each minute bar; the first has no predecessor."""
    result = []
    for i, bar in enumerate(bars):
        high, low = max(p for _, p in bar), min(p for _, p in bar)
        candidates = [high - low]
        if i:
            close = bars[i - 1][-1][1]
            candidates += [abs(high - close), abs(low - close)]
        result.append(max(candidates))
    return result


def zone_entries(
    trades: Trades, *, sma_window: int = 90, half_width: float = 5.0, fraction: float = 0.1
) -> list[dict[str, object]]:
    """Every event of 01 2.6 NEW, ordered by (anchor, kind code)."""
    prints = as_prints(trades)
    oracle = LevelOracle(prints, sma_window=sma_window)
    minutes = group(prints, 60)
    starts = sorted(minutes)
    ranges = true_ranges([minutes[s] for s in starts])

    def atr(i: int) -> float | None:
        return sum(ranges[i - 13 : i + 1]) / 14 if i >= 13 else None

    found = []
    for i, start in enumerate(starts):
        if not OPEN_NS <= start < EVENTS_END_NS or i == 0 or start - starts[i - 1] > 300 * NS:
            continue
        before, bar, atr_before = minutes[starts[i - 1]], minutes[start], atr(i - 1)
        known = {kind: oracle.known_at(kind, start) for kind in KINDS}
        for kind, level in known.items():
            if level is None or atr_before is None:
                continue
            z = max(half_width, fraction * atr_before)

            def inside(rows: list[Print], level: float = level, z: float = z) -> bool:
                low, high = min(p for _, p in rows), max(p for _, p in rows)
                return low <= level + z + 1e-9 and high >= level - z - 1e-9

            if not inside(bar) or inside(before):
                continue
            direction = "UP" if before[-1][1] < level else "DOWN"
            cents = math.floor(100 * level + 0.5)
            anchor = start + 60 * NS
            touches = [ts for ts, p in bar if abs(p - level) <= z + 1e-9]
            found.append(
                {
                    "event_id": f"2025-06-05_{kind}_{cents}_{anchor}_{direction}",
                    "level_kind": kind,
                    "level_kind_code": KINDS[kind],
                    "direction": direction,
                    "anchor_ts_ns": anchor,
                    "bar_start_ns": start,
                    "first_touch_ts_ns": touches[0] if touches else None,
                    "level_price": level,
                    "spot": bar[-1][1],
                    "zone_half_width": z,
                    "atr": atr(i),
                    "colocated_kinds": tuple(
                        other
                        for other, price in known.items()
                        if other != kind
                        and price is not None
                        and math.floor(100 * price + 0.5) == cents
                    ),
                }
            )
    return found
