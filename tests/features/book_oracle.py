"""Slow book features in plain Python, read straight from the definitions, without NumPy.

Sides are dictionaries of price (in ticks) to size; a value is found by walking the rows before t.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise

NS = 1_000_000_000
TICK = 0.25


@dataclass(frozen=True)
class Row:
    """A vendor row: a time, whether it closes its event, and the visible sizes by tick."""

    ts: int
    bids: dict[int, int]
    asks: dict[int, int]
    complete: bool = True


@dataclass(frozen=True)
class Print:
    """A trade."""

    ts: int
    tick: int
    size: int
    side: int


class Oracle:
    """Answers about instant t, level and sigma from the raw rows of a session."""

    def __init__(
        self, rows: list[Row], prints: list[Print], *, grid_start: int, levels: int
    ) -> None:
        last = {row.ts: row for row in rows if row.complete}
        self.states = [last[ts] for ts in sorted(last)]
        self.times = [state.ts for state in self.states]
        self.prints, self.grid_start, self.levels = prints, grid_start, levels
        self.print_times = [trade.ts for trade in prints]

    def side(self, state: Row, sigma: int) -> dict[int, int]:
        """Sizes of the side that defends against sigma."""
        return state.asks if sigma > 0 else state.bids

    def sees(self, state: Row, sigma: int, tick: int) -> bool:
        """Whether a price is visible: within the k-th price, or anywhere with fewer than k."""
        book = self.side(state, sigma)
        if len(book) < self.levels:
            return True
        return tick <= max(book) if sigma > 0 else tick >= min(book)

    def state_before(self, t: int) -> Row | None:
        """Last state strictly before t."""
        at = bisect_left(self.times, t)
        return self.states[at - 1] if at else None

    def fresh_state(self, t: int) -> Row | None:
        """The state before t if t lies on the grid and the state is at most 5 s old."""
        state = self.state_before(t)
        if state is None or t - state.ts > 5 * NS or t < self.grid_start:
            return None
        return state

    @staticmethod
    def zone(level: float) -> list[int]:
        """Ticks within 2 points of the level."""
        near = round(level / TICK)
        ticks = range(near - 20, near + 21)
        return [tick for tick in ticks if abs(tick * TICK - level) <= 2.0 + 1e-9]

    def features(self, t: int, level: float, sigma: int) -> dict[str, float | str | None]:
        """Every book column; None where null."""
        out: dict[str, float | str | None] = {}
        out |= self.zone_columns(t, level, sigma)
        out |= self.facing_columns(t, sigma)
        out |= self.flow_columns(t, level, sigma)
        out |= self.ofi_columns(t, level)
        out["wall_ratio"] = self.wall_ratio(t, sigma, out, level)
        out["barrier_state"] = self.state_name(out)
        return out

    def zone_columns(self, t: int, level: float, sigma: int) -> dict[str, float | None]:
        zone, now = self.zone(level), self.fresh_state(t)
        out: dict[str, float | None] = {}
        visible = [] if now is None else [p for p in zone if self.sees(now, sigma, p)]
        out["barrier_zone_coverage"] = None if now is None else len(visible) / len(zone)
        depth = None
        if now is not None and visible:
            depth = sum(self.side(now, sigma).get(p, 0) for p in visible)
        out["barrier_depth_current"] = depth
        for minute in (1, 2, 3, 5):
            then = self.fresh_state(t - 60 * minute * NS)
            delta = pct = None
            common = [p for p in visible if then is not None and self.sees(then, sigma, p)]
            if now is not None and then is not None and common:
                past = sum(self.side(then, sigma).get(p, 0) for p in common)
                delta = sum(self.side(now, sigma).get(p, 0) for p in common) - past
                pct = delta / past if past else None
            out[f"barrier_delta_{minute}min"] = delta
            out[f"barrier_pct_change_{minute}min"] = pct
        return out

    def baseline(self, t: int, sigma: int) -> tuple[float | None, float | None]:
        """(mean depth, mean size per level) over the half hour before t."""
        samples = [self.fresh_state(t - back * NS) for back in range(1, 1801)]
        books = [self.side(state, sigma) for state in samples if state is not None]
        if len(books) < 300:
            return None, None
        total = sum(sum(book.values()) for book in books)
        levels = sum(len(book) for book in books)
        return total / len(books), (total / levels if levels else None)

    def facing_columns(self, t: int, sigma: int) -> dict[str, float | None]:
        now = self.fresh_state(t)
        depth = None if now is None else sum(self.side(now, sigma).values())
        mean = self.baseline(t, sigma)[0]
        ratio = depth / mean if depth is not None and mean else None
        out: dict[str, float | None] = {"facing_depth": depth, "facing_depth_ratio": ratio}
        for minute in (1, 2, 3, 5):
            then, delta = self.fresh_state(t - 60 * minute * NS), None
            if now is not None and then is not None:
                delta = self._inside(now, then, sigma) - self._inside(then, now, sigma)
            out[f"facing_depth_delta_{minute}min"] = delta
        return out

    def _inside(self, state: Row, other: Row, sigma: int) -> int:
        book = self.side(state, sigma)
        return sum(size for tick, size in book.items() if self.sees(other, sigma, tick))

    def wall_ratio(
        self, t: int, sigma: int, out: dict[str, float | str | None], level: float
    ) -> float | None:
        coverage, depth = out["barrier_zone_coverage"], out["barrier_depth_current"]
        mean = self.baseline(t, sigma)[1]
        if not isinstance(coverage, float) or coverage < 0.25 or not mean:
            return None
        assert isinstance(depth, int)
        return depth / round(coverage * len(self.zone(level))) / mean

    def flow_columns(self, t: int, level: float, sigma: int) -> dict[str, float | None]:
        added = canceled = filled = pairs = 0
        for before, after in pairwise(self.states):
            if not t - 240 * NS <= after.ts < t:
                continue
            common = [
                p
                for p in self.zone(level)
                if self.sees(before, sigma, p) and self.sees(after, sigma, p)
            ]
            pairs += bool(common)
            between = self.prints[
                bisect_right(self.print_times, before.ts) : bisect_right(self.print_times, after.ts)
            ]
            for price in common:
                old = self.side(before, sigma).get(price, 0)
                new = self.side(after, sigma).get(price, 0)
                passive = sum(
                    trade.size for trade in between if trade.tick == price and trade.side == sigma
                )
                added += max(new - old, 0)
                filled += min(max(old - new, 0), passive)
                canceled += max(old - new, 0) - min(max(old - new, 0), passive)
        names = ("added", "canceled", "filled", "delta_liq", "replenishment_ratio")
        if not pairs or t - 240 * NS < self.grid_start:
            return {f"barrier_{name}": None for name in names}
        removed = canceled + filled
        ratio = added / removed if removed else None
        values = (added, canceled, filled, added - removed, ratio)
        return {f"barrier_{name}": value for name, value in zip(names, values, strict=True)}

    @staticmethod
    def state_name(out: dict[str, float | str | None]) -> str | None:
        coverage, depth = out["barrier_zone_coverage"], out["barrier_depth_current"]
        added, canceled = out["barrier_added"], out["barrier_canceled"]
        filled, delta = out["barrier_filled"], out["barrier_delta_liq"]
        if not isinstance(coverage, float) or coverage < 0.25 or added is None:
            return None
        assert isinstance(added, int) and isinstance(canceled, int) and isinstance(filled, int)
        assert isinstance(delta, int) and isinstance(depth, int)
        ratio = added / (canceled + filled) if canceled + filled else None
        if ratio is None and added > 0:
            ratio = float("inf")
        if ratio is not None and ratio < 0.3 and delta < -100:
            return "VACUUM"
        if ratio is not None and ratio > 1.5 and delta > 100:
            return "WALL"
        if delta < -100 and filled > canceled:
            return "CONSUMED"
        if ratio is not None and delta > 0 and ratio > 1.0:
            return "ABSORPTION"
        if depth / coverage < 50:
            return "WEAK"
        if abs(delta) < 50 and added + canceled + filled > 100:
            return "ABSORPTION"
        return "NEUTRAL"

    def ofi_columns(self, t: int, level: float) -> dict[str, float | None]:
        out: dict[str, float | None] = {}
        for window in (30, 60, 120, 300):
            left = t - window * NS
            total, near = 0, []
            for before, after in pairwise(self.states):
                if not left <= after.ts < t:
                    continue
                e_n = self._e(before.bids, after.bids, 1) - self._e(before.asks, after.asks, -1)
                total += e_n
                if after.bids and after.asks:
                    mid = (max(after.bids) + min(after.asks)) / 2 * TICK
                    if abs(mid - level) <= 5.0 + 1e-9:
                        near.append(e_n)
            known = left >= self.grid_start and not self._gap(left, t)
            out[f"ofi_{window}s"] = total if known else None
            out[f"ofi_near_level_{window}s"] = sum(near) if known and near else None
        short, long = out["ofi_30s"], out["ofi_120s"]
        out["ofi_acceleration"] = None
        if short is not None and long is not None:
            out["ofi_acceleration"] = short / 30 - long / 120
        return out

    @staticmethod
    def _e(before: dict[int, int], after: dict[int, int], better: int) -> int:
        """Flow of one side; an empty side is the worst price of all, with size 0."""
        worst = (float("-inf"), 0)
        old = max(((better * tick, size) for tick, size in before.items()), default=worst)
        new = max(((better * tick, size) for tick, size in after.items()), default=worst)
        if new[0] > old[0]:
            return new[1]
        if new[0] < old[0]:
            return -old[1]
        return new[1] - old[1]

    def _gap(self, left: int, t: int) -> bool:
        """Whether an interval between updates that overlaps [left, t) exceeds 60 s."""
        before = [ts for ts in self.times if ts < left]
        inside = [ts for ts in self.times if left <= ts < t]
        edges = [before[-1] if before else left, *inside, t]
        return any(later - earlier > 60 * NS and later > left for earlier, later in pairwise(edges))
