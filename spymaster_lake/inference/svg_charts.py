"""Charts as SVG text: no library, no font file, no script; the page stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

INK, SOFT, LINE = "#1f2933", "#66727f", "#d5dbe1"
BLUE, AMBER, GREEN, RED = "#1d5fa8", "#c7761b", "#2c7a4b", "#b3392f"


@dataclass(frozen=True, slots=True)
class Interval:
    """One row of an interval chart.

    Attributes:
        label: its name.
        value: in the unit of the axis; None is not drawn.
        low: lower end, None without interval.
        high: upper end, likewise.
        colour: of dot and line.
        hollow: whether the dot is a ring.
        note: small text at the right.
        first: whether a group begins, which puts a line above it.
    """

    label: str
    value: float | None
    low: float | None
    high: float | None
    colour: str = BLUE
    hollow: bool = False
    note: str = ""
    first: bool = False


def text(x: float, y: float, words: str, *, size: int = 12, anchor: str = "start",
         colour: str = INK, weight: str = "normal") -> str:  # fmt: skip
    """One line of text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}" '
        f'font-weight="{weight}">{escape(words)}</text>'
    )


def line(x1: float, y1: float, x2: float, y2: float, *, colour: str = LINE, width: float = 1,
         dash: str = "") -> str:  # fmt: skip
    """A straight line."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width}"{dashed}/>'
    )


def dot(x: float, y: float, radius: float, colour: str, *, hollow: bool = False) -> str:
    """A disc, or a ring."""
    fill = "#ffffff" if hollow else colour
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{fill}" stroke="{colour}" '
        'stroke-width="1.6"/>'
    )


def svg(width: float, height: float, parts: Sequence[str], title: str) -> str:
    """A picture with a title for screen readers."""
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}" '
        f'style="max-width:{width:.0f}px">{"".join(parts)}</svg>'
    )


def ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Round numbers from low to high."""
    span = max(high - low, 1e-9)
    for step in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 20, 50):
        if span / step <= most:
            break
    first = -(-low // step)
    count = int((high - first * step) / step + 1e-9)
    return [round((first + i) * step, 10) for i in range(count + 1)]


def interval_chart(rows: Sequence[Interval], *, title: str, percent: bool = True) -> str:
    """Dots with intervals, one row each, and a line at 0.

    Args:
        rows: from top to bottom.
        title: for screen readers.
        percent: whether values are shares.
    """
    left, width, step, top = 210.0, 860.0, 22.0, 26.0
    right = width - 210.0
    ends = [v for r in rows for v in (r.value, r.low, r.high) if v is not None]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    pad = 0.06 * max(high - low, 0.02)
    low, high = low - pad, high + pad

    def at(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    height, parts = top + step * len(rows) + 10, []
    for tick in ticks(low, high):
        is_zero = tick == 0
        parts.append(line(at(tick), top - 6, at(tick), height - 8, colour=INK if is_zero else LINE))
        label = f"{100 * tick:+g} %" if percent else f"{tick:+g}"
        parts.append(text(at(tick), top - 11, "0" if is_zero else label, size=11, anchor="middle",
                          colour=SOFT))  # fmt: skip
    for i, row in enumerate(rows):
        y = top + step * (i + 0.5)
        if row.first and i:
            parts.append(line(8, y - step / 2, width - 8, y - step / 2))
        parts.append(text(left - 12, y + 4, row.label, anchor="end"))
        if row.low is not None and row.high is not None:
            parts.append(line(at(row.low), y, at(row.high), y, colour=row.colour, width=2))
        if row.value is not None:
            parts.append(dot(at(row.value), y, 4.2, row.colour, hollow=row.hollow))
        parts.append(text(right + 12, y + 4, row.note, size=11, colour=SOFT))
    return svg(width, height, parts, title)


@dataclass(frozen=True, slots=True)
class Point:
    """One bin of a reliability diagram: mean forecast, share that happened, rows."""

    forecast: float
    share: float
    n: int


def reliability_chart(
    title: str, retrieval: Sequence[Point], base: Sequence[Point], *, top: float
) -> str:
    """Forecast against what happened, with the diagonal of perfect calibration.

    Args:
        title: name of the outcome.
        retrieval: bins of the forecasts.
        base: bins of the base rates.
        top: largest value of both axes.
    """
    size, left, up = 230.0, 42.0, 30.0

    def x(value: float) -> float:
        return left + value / top * size

    def y(value: float) -> float:
        return up + size - value / top * size

    parts = [text(left, 18, title, size=14, weight="600")]
    for tick in ticks(0, top, 5):
        label = f"{100 * tick:g}"
        parts += [line(x(tick), y(0), x(tick), y(top)), line(x(0), y(tick), x(top), y(tick))]
        parts.append(text(x(tick), y(0) + 15, label, size=10, anchor="middle", colour=SOFT))
        parts.append(text(left - 6, y(tick) + 4, label, size=10, anchor="end", colour=SOFT))
    parts.append(line(x(0), y(0), x(top), y(top), colour=SOFT, dash="4 4"))
    for points, colour in ((base, AMBER), (retrieval, BLUE)):
        most = max((p.n for p in points), default=1)
        path = " ".join(f"{x(p.forecast):.1f},{y(p.share):.1f}" for p in points)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
        )
        parts += [
            dot(x(p.forecast), y(p.share), 2 + 3.5 * (p.n / most) ** 0.5, colour) for p in points
        ]
    parts.append(text(left + size / 2, y(0) + 31, "forecast, %", size=11, anchor="middle",
                      colour=SOFT))  # fmt: skip
    return svg(left + size + 14, up + size + 38, parts, f"Reliability of {title}")


def bar_chart(rows: Sequence[tuple[str, float, str]], *, title: str, mark: float) -> str:
    """Horizontal bars with a marked limit.

    Args:
        rows: label, value, note.
        title: for screen readers.
        mark: limit that is drawn.
    """
    left, width, step, top = 250.0, 860.0, 20.0, 22.0
    most = max([*(value for _, value, _ in rows), mark]) * 1.08
    scale = (width - left - 170.0) / most
    height = top + step * len(rows) + 8
    parts = [text(left + mark * scale, 12, f"limit {mark:g}", size=11, anchor="middle",
                  colour=SOFT)]  # fmt: skip
    for i, (label, value, note) in enumerate(rows):
        y = top + step * i
        colour = RED if value > mark else BLUE
        parts.append(text(left - 10, y + 12, label, anchor="end"))
        parts.append(
            f'<rect x="{left:.1f}" y="{y + 2:.1f}" width="{max(value * scale, 1):.1f}" '
            f'height="{step - 7:.1f}" fill="{colour}" rx="2"/>'
        )
        parts.append(text(left + value * scale + 8, y + 12, note, size=11, colour=SOFT))
    parts.append(line(left + mark * scale, top - 4, left + mark * scale, height - 4, colour=INK,
                      dash="3 3"))  # fmt: skip
    return svg(width, height, parts, title)
