"""An answer as a picture: the approach, its neighbours behind it, what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import OUTCOMES, PRIMARY_HORIZON
from spymaster_lake.inference.similar import Similar

COLOURS: Mapping[str | None, str] = {
    "BREAK": "#1b9e77",
    "REJECT": "#d1495b",
    "CHOP": "#8d99ae",
    "NO_TEST": "#d9b44a",
    None: "#dddddd",
}
_INK, _FAINT = "#1d2433", "#8a8f9c"
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": "#c8ccd4",
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
}

Path2D = tuple[NDArray[np.float64], NDArray[np.float64]]


def draw_similar(found: Similar, path: Path) -> None:
    """Write a PNG of 1500 by 750 pixels; needs no display.

    Args:
        found: the answer; one without neighbours is drawn with the query's path alone.
        path: file to write.
    """
    own = (found.result.query.event_id, found.facts["date"])
    neighbours = found.result.neighbours
    paths = found.episodes.approaches([own, *((n.event_id, n.date) for n in neighbours)])
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(12.5, 6.25), dpi=120, facecolor="white")
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(
            1, 2, width_ratios=(2.1, 1), left=0.06, right=0.97, top=0.82, bottom=0.11, wspace=0.2
        )
        _draw_paths(figure.add_subplot(grid[0, 0]), found, paths)
        _draw_outcomes(figure.add_subplot(grid[0, 1]), found)
        _draw_title(figure, found)
        figure.savefig(path, format="png", metadata={"Software": None})


def _draw_title(figure: Figure, found: Similar) -> None:
    query, result = found.result.query, found.result
    at = found.episodes.clock(query.anchor_ts_ns)
    price = "" if query.level_price is None else f" {query.level_price:,.2f}"
    figure.text(
        0.06, 0.93, f"{found.episodes.instrument} {query.level_kind}{price} approached "
        f"{query.direction}, {found.facts['date']} {at:%H:%M:%S %Z}", fontsize=15, weight="bold",
    )  # fmt: skip
    trust = result.reliability
    text = f"{result.status}: {', '.join(result.reason_codes)}"
    if result.status.answered:
        text = (
            f"{result.status}   n {trust.n_retrieved} on {trust.n_dates} dates, effective n "
            f"{trust.effective_n:.1f}, mean similarity {trust.avg_similarity:.2f}   "
            f"{result.index.partition} before {result.index.asof_date}"
        )
    figure.text(0.06, 0.885, text, fontsize=10, color=_FAINT)


def _draw_paths(axes: Axes, found: Similar, paths: Mapping[str, Path2D]) -> None:
    neighbours = found.result.neighbours
    heaviest = max((n.weight for n in neighbours), default=1.0)
    seen = set()
    for neighbour in reversed(neighbours):
        if neighbour.event_id not in paths:
            continue
        seconds, distance = paths[neighbour.event_id]
        outcome = neighbour.outcomes[PRIMARY_HORIZON]
        seen.add(outcome)
        strength = neighbour.weight / heaviest
        axes.plot(
            seconds / 60, distance, color=COLOURS[outcome], lw=0.8 + 1.2 * strength,
            alpha=0.35 + 0.5 * strength, zorder=2,
        )  # fmt: skip
    if found.result.query.event_id in paths:
        seconds, distance = paths[found.result.query.event_id]
        axes.plot(seconds / 60, distance, color="white", lw=5, zorder=4)
        axes.plot(seconds / 60, distance, color=_INK, lw=2.8, zorder=5, solid_capstyle="round")
        axes.plot(seconds[-1] / 60, distance[-1], "o", color=_INK, ms=7, zorder=6)
    axes.axhline(0, color=_INK, lw=1, ls=(0, (5, 4)), zorder=3)
    axes.text(-19.8, 0, "level", color=_FAINT, fontsize=9, va="bottom", zorder=3)
    axes.set_xlim(-20, 0.4)
    axes.set_xticks(range(-20, 1, 5))
    axes.set_xlabel("minutes before the anchor")
    axes.set_ylabel("price less level, ATR")
    axes.grid(axis="y", color="#eef0f4", zorder=0)
    handles = [Line2D([], [], color=_INK, lw=2.8, label="this approach")]
    handles += [
        Line2D([], [], color=COLOURS[name], lw=2, label=name or "unknown")
        for name in (*OUTCOMES, None)
        if name in seen
    ]
    axes.legend(handles=handles, loc="best", frameon=False, fontsize=9, ncols=len(handles))
    axes.set_title("20 minutes of approach", loc="left", fontsize=11, color=_INK)


def _draw_outcomes(axes: Axes, found: Similar) -> None:
    outcomes = found.result.primary
    axes.set_title(f"what happened within {PRIMARY_HORIZON}", loc="left", fontsize=11, color=_INK)
    axes.set_ylim(-0.6, len(OUTCOMES) - 0.4)
    axes.invert_yaxis()
    axes.set_yticks(range(len(OUTCOMES)), OUTCOMES)
    axes.tick_params(axis="y", length=0, labelcolor=_INK)
    if outcomes.is_null:
        axes.set_xticks([])
        axes.text(0.5, 0.5, "no probability", transform=axes.transAxes, ha="center", color=_FAINT)
        return
    largest = 0.0
    for at, name in enumerate(OUTCOMES):
        share, base = outcomes.p_posterior[name] or 0.0, outcomes.base_rate[name] or 0.0
        low, high = outcomes.ci_low[name], outcomes.ci_high[name]
        axes.barh(at, share, height=0.56, color=COLOURS[name], alpha=0.85, zorder=2)
        if low is not None and high is not None:
            axes.plot([low, high], [at, at], color=_INK, lw=1.6, zorder=4, solid_capstyle="butt")
            for end in (low, high):
                axes.plot([end, end], [at - 0.1, at + 0.1], color=_INK, lw=1.6, zorder=4)
        axes.plot([base, base], [at - 0.4, at + 0.4], color=_INK, lw=2, ls=(0, (1.2, 1)), zorder=5)
        right = max(share, base, high or 0.0)
        axes.text(right + 0.02, at, f"{share:.0%}", va="center", weight="bold", zorder=6)
        largest = max(largest, right)
    axes.set_xlim(0, min(1.15, largest + 0.14))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid(axis="x", color="#eef0f4", zorder=0)
    handles = [
        Line2D([], [], color=_INK, lw=1.6, label="95 % interval"),
        Line2D([], [], color=_INK, lw=2, ls=(0, (1.2, 1)), label="base rate"),
    ]
    axes.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.45, -0.07), frameon=False,
        fontsize=9, ncols=2,
    )  # fmt: skip
