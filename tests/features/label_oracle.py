"""Labels of one event in plain Python, straight from 01 2.7 NEW with 08 A3, A7, A18."""

from __future__ import annotations

from itertools import pairwise

NS = 1_000_000_000
SUFFIX = {120: "2min", 240: "4min", 480: "8min"}
Print = tuple[int, float]


def has_gap(times: list[int], start: int, end: int) -> bool:
    """Whether [start, end] holds more than 60 s without a print; edges count as gap ends."""
    points = [start, *times, end]
    return any(b - a > 60 * NS for a, b in pairwise(points))


def race(
    x: list[Print], *, start: int, h: int, upper: float, lower: float
) -> tuple[str | None, int | None, int | None, float | None, float | None]:
    """(outcome, break time, reject time, max x, min x) over prints x = (ts, x) in [start, start + h)."""
    end = start + h * NS
    window = [(t, v) for t, v in x if t < end]

    def gap_until(t: int | None) -> bool:
        if t is None:
            return has_gap([u for u, _ in window], start, end)
        return has_gap([u for u, _ in window if u <= t], start, t)

    up = next((t for t, v in window if v >= upper), None)
    down = next((t for t, v in window if v <= lower), None)
    outcome: str | None = "CHOP"
    decided = None
    for t, v in window:
        if v >= upper or v <= lower:
            outcome, decided = ("BREAK" if v >= upper else "REJECT"), t
            break
    if gap_until(decided):
        outcome = None
    whole = not gap_until(None) and window
    return (
        outcome,
        None if up is None or gap_until(up) else up,
        None if down is None or gap_until(down) else down,
        max(v for _, v in window) if whole else None,
        min(v for _, v in window) if whole else None,
    )


def label(
    prints: list[Print], *, bar_start: int, t0: int, level: float, s: int, a: float, spot: float
) -> dict[str, object]:
    """All label columns of one event; None for null."""
    x = [(t, s * (p - level)) for t, p in prints]
    row: dict[str, object] = {}
    bar = [k for k, (t, _) in enumerate(x) if bar_start <= t < t0]
    touch = next((k for k in bar if x[k][1] >= 0), None)
    resolved = touch is not None and any(abs(x[k][1]) >= a for k in bar if k >= touch)
    tau: int | None
    search_gap = False
    if touch is not None and resolved:
        tau, first, x_tau = x[touch][0], touch, x[touch][1]
    elif touch is not None:
        tau, first, x_tau = t0, bar[-1] + 1, x[bar[-1]][1]
    else:
        search = [k for k, (t, _) in enumerate(x) if t0 <= t < t0 + 480 * NS]
        test = next((k for k in search if x[k][1] >= 0), None)
        stop = t0 + 480 * NS if test is None else x[test][0]
        search_gap = has_gap([x[k][0] for k in search if test is None or k <= test], t0, stop)
        tau = None if test is None else x[test][0]
        first, x_tau = (0, 0.0) if test is None else (test, x[test][1])
    row["tau_ns"] = tau
    row["x_tau"] = None if tau is None else x_tau
    row["rw_p_break"] = None if tau is None else (x_tau + a) / (2 * a)
    row["tested"] = True if tau is not None else (None if search_gap else False)
    row["resolved_before_anchor"] = resolved
    outcomes = []
    for h, m in SUFFIX.items():
        found = (None, None, None, None, None)
        if tau is not None and not search_gap:
            found = race(x[first:], start=tau, h=h, upper=a, lower=-a)  # type: ignore[assignment]
        outcome = "NO_TEST" if row["tested"] is False else found[0]
        outcomes.append(outcome)
        row |= metrics("", m, (outcome, *found[1:]), t0=t0, a=a, origin=0.0)
        row[f"label_end_ns_{m}"] = t0 + 480 * NS if tau is None else tau + h * NS
    row["label_status"] = "COMPLETE" if all(outcomes) else "INCOMPLETE"
    return row | entry(x, t0=t0, a=a, x0=s * (spot - level))


def entry(x: list[Print], *, t0: int, a: float, x0: float) -> dict[str, object]:
    """The `entry_` family (01 2.7-5, 08 A3)."""
    lower = min(0.0, x0) - a
    row: dict[str, object] = {"entry_x0": x0}
    row["entry_rw_p_break"] = None if x0 >= a else (x0 - lower) / (a - lower)
    outcomes = []
    after = [(t, v) for t, v in x if t >= t0]
    for h, m in SUFFIX.items():
        found = race(after, start=t0, h=h, upper=a, lower=lower)
        if x0 >= a:
            found = (None, None, None, *found[3:])
        outcomes.append(found[0])
        row |= metrics("entry_", m, found, t0=t0, a=a, origin=x0)
    status = "COMPLETE" if all(outcomes) else "INCOMPLETE"
    row["entry_status"] = "ALREADY_THROUGH" if x0 >= a else status
    return row


def metrics(
    prefix: str, m: str, found: tuple[object, ...], *, t0: int, a: float, origin: float
) -> dict[str, object]:
    """Outcome, seconds from the anchor, and excursions in ATR."""
    outcome, up, down, high, low = found
    return {
        f"{prefix}outcome_{m}": outcome,
        f"{prefix}t_break_s_{m}": None if up is None else (up - t0) / NS,  # type: ignore[operator]
        f"{prefix}t_reject_s_{m}": None if down is None else (down - t0) / NS,  # type: ignore[operator]
        f"{prefix}mfe_atr_{m}": None if high is None else max(0.0, high - origin) / a,  # type: ignore[operator]
        f"{prefix}mae_atr_{m}": None if low is None else max(0.0, origin - low) / a,  # type: ignore[operator]
    }
