"""An answer as tables that are read in ten seconds."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from spymaster_lake.contracts.enums import HORIZONS, OUTCOMES, PRIMARY_HORIZON
from spymaster_lake.contracts.retrieval import HorizonOutcomes, Neighbour
from spymaster_lake.contracts.retrieval_status import RetrievalStatus
from spymaster_lake.inference.similar import Similar
from spymaster_lake.orchestration.display import console

NONE = "–"
_STYLES = dict.fromkeys(RetrievalStatus, "bold red") | {
    RetrievalStatus.OK: "bold green",
    RetrievalStatus.LOW_SUPPORT: "bold yellow",
}
_OTHERS = tuple(h for h in HORIZONS if h != PRIMARY_HORIZON)


def show_similar(found: Similar, *, shown: int) -> None:
    """Print one answer: what was asked, probabilities, support, nearest neighbours.

    Args:
        found: the answer.
        shown: neighbours to list.
    """
    out, result = console(), found.result
    out.print(headline(found), highlight=False)
    if result.status.answered:
        out.print(outcome_table(found))
        for line in support_lines(found):
            out.print(line, highlight=False)
    for reason in result.reasons:
        out.print(f"  {reason.code}: {reason.detail}", highlight=False, markup=False)
    if result.status.answered and shown:
        out.print(neighbour_table(found, shown))


def headline(found: Similar) -> Text:
    """The question in one line, and the status."""
    query, facts = found.result.query, found.facts
    at = found.episodes.clock(query.anchor_ts_ns)
    line = Text.assemble(
        (f"{found.episodes.instrument} {query.level_kind} {_price(query.level_price)}", "bold"),
        f" approached {query.direction} on {facts['date']} at {at:%H:%M:%S %Z}"
        f" ({query.time_bucket}, attempt {facts['attempt_index']})  ",
        (str(found.result.status), _STYLES[found.result.status]),
    )
    line.append(f"\n{query.event_id}", "dim")
    return line


def outcome_table(found: Similar) -> Table:
    """Probabilities with intervals against the base rate."""
    index, outcomes = found.result.index, found.result.outcomes
    primary = outcomes[PRIMARY_HORIZON]
    table = Table(
        title=f"Next {PRIMARY_HORIZON}: {index.partition}, {index.n_partition:,} episodes before "
        f"{index.asof_date}",
        title_justify="left",
    )
    table.add_column("outcome")
    for name in (PRIMARY_HORIZON, "95 % interval", "base rate", "against base"):
        table.add_column(name, justify="right")
    for horizon in _OTHERS:
        table.add_column(horizon, justify="right")
    for name in OUTCOMES:
        others = (_share(outcomes[h].p_posterior[name]) for h in _OTHERS)
        table.add_row(
            name,
            Text(_share(primary.p_posterior[name]), "bold"),
            interval_text(primary, name),
            _share(primary.base_rate[name]),
            lean(primary, name),
            *others,
        )
    return table


def interval_text(outcomes: HorizonOutcomes, name: str) -> str:
    """Such as "31–52 %"; a dash without an interval."""
    low, high = outcomes.ci_low[name], outcomes.ci_high[name]
    return NONE if low is None or high is None else f"{100 * low:.0f}–{100 * high:.0f} %"


def lean(outcomes: HorizonOutcomes, name: str) -> Text:
    """The difference to the base rate in points; marked where the interval excludes it."""
    share, base = outcomes.p_posterior[name], outcomes.base_rate[name]
    if share is None or base is None:
        return Text(NONE)
    low, high = outcomes.ci_low[name], outcomes.ci_high[name]
    text = f"{100 * (share - base):+.0f} pt"
    if low is not None and low > base:
        return Text(f"▲ {text}", "green")
    if high is not None and high < base:
        return Text(f"▼ {text}", "red")
    return Text(f"≈ {text}", "dim")


def support_lines(found: Similar) -> Iterator[str]:
    """How much the answer rests on, and how far price went."""
    trust, moves = found.result.reliability, found.result.expected_excursions
    needed = found.manifest.min_avg_similarity.value
    yield (
        f"n {trust.n_retrieved} on {trust.n_dates} dates ({trust.oldest_date} to "
        f"{trust.newest_date}), effective n {_number(trust.effective_n, 1)}, similarity "
        f"{_number(trust.avg_similarity)} ({_number(trust.min_similarity)} to "
        f"{_number(trust.max_similarity)}; needed {_number(needed)})"
    )
    yield (
        f"excursions within {PRIMARY_HORIZON}: {_number(moves.favorable)} ATR favourable, "
        f"{_number(moves.adverse)} ATR adverse"
    )


def neighbour_table(found: Similar, shown: int) -> Table:
    """The nearest neighbours, best first."""
    neighbours = found.result.neighbours
    table = Table(
        title=f"Nearest {min(shown, len(neighbours))} of {len(neighbours)}", title_justify="left"
    )
    table.add_column("date")
    table.add_column("time", justify="right")
    for name in ("similarity", "weight"):
        table.add_column(name, justify="right")
    for horizon in HORIZONS:
        table.add_column(horizon)
    for name in ("favourable", "adverse"):
        table.add_column(f"{name}, ATR", justify="right")
    for neighbour in neighbours[:shown]:
        table.add_row(*_cells(found, neighbour))
    return table


def _cells(found: Similar, neighbour: Neighbour) -> Iterator[str]:
    yield str(neighbour.date)
    yield f"{found.episodes.clock(neighbour.anchor_ts_ns):%H:%M:%S}"
    yield _number(neighbour.similarity, 3)
    yield f"{100 * neighbour.weight:.1f} %"
    for horizon in HORIZONS:
        yield neighbour.outcomes[horizon] or NONE
    moves = neighbour.excursions[PRIMARY_HORIZON]
    yield _number(moves["favorable"])
    yield _number(moves["adverse"])


def _share(value: float | None) -> str:
    return NONE if value is None else f"{100 * value:.0f} %"


def _number(value: float | None, digits: int = 2) -> str:
    return NONE if value is None else f"{round(value, digits) + 0.0:.{digits}f}"  # never "-0.00"


def _price(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}"
