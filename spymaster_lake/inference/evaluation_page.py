"""The page of an evaluation: one HTML file that needs nothing else, in plain words (03 5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import pyarrow as pa

from spymaster_lake.contracts.enums import (
    DIRECTIONS,
    HORIZONS,
    OUTCOMES,
    PRIMARY_HORIZON,
    TIME_BUCKETS,
)
from spymaster_lake.contracts.evaluation_record import EvaluationRecord
from spymaster_lake.contracts.profile import LEVEL_KINDS
from spymaster_lake.inference.evaluation_tracking import by_measure, cells
from spymaster_lake.inference.page_parts import (
    STYLE,
    headline_words,
    interval_text,
    percent,
    plain,
    section,
    table,
)
from spymaster_lake.inference.page_sections import (
    Tables,
    calibration_section,
    coverage_section,
    drift_section,
    guesses_section,
    purity_section,
    settings_section,
)
from spymaster_lake.inference.svg_charts import (
    AMBER,
    BLUE,
    GREEN,
    Interval,
    Point,
    interval_chart,
    reliability_chart,
)


def evaluation_page(record: EvaluationRecord, tables: Tables, figures: Mapping[str, Any]) -> str:
    """The page as HTML text; equal inputs give equal text.

    Args:
        record: of the run.
        tables: all tables of the evaluation.
        figures: its headline.
    """
    title = f"Retrieval, {record.instrument} {record.pipeline_version}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        _facts(record, tables),
        headline_words(figures[PRIMARY_HORIZON]),
        _skills(figures),
        _strata(tables),
        _reliability(tables),
        _ablation(record, tables),
        calibration_section(tables),
        guesses_section(tables),
        purity_section(tables),
        coverage_section(tables),
        drift_section(tables),
        settings_section(record),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _facts(record: EvaluationRecord, tables: Tables) -> str:
    first, last = record.dates[0], record.dates[-1]
    episodes = tables["forecasts"].num_rows // len(HORIZONS)
    return (
        f'<p class="soft">{episodes} episodes of {len(record.dates)} sessions, {first} to {last}; '
        f"an index every {record.settings.refit_sessions} sessions, each built from earlier "
        f"sessions only, the first from {record.settings.warmup_sessions}. Intervals: 95 %, whole "
        "sessions resampled.</p>"
    )


def _skills(figures: Mapping[str, Any]) -> str:
    rows = []
    for horizon, found in figures.items():
        rows.append(
            [
                horizon,
                str(found["brier_skill"]["n"]),
                percent(found["coverage"]["value"]),
                plain(found["brier"]["value"]),
                plain(found["brier_base"]["value"]),
                interval_text(found["brier_skill"]),
                interval_text(found["fair_brier_skill"]),
                interval_text(found["log_loss_skill"]),
                plain(found["auc_break"]["value"]),
                plain(found["auc_break_vs_reject"]["value"]),
            ]
        )
    head = [
        "horizon", "forecasts", "covered", "Brier", "Brier, base rate", "Brier skill",
        "fair Brier skill", "log-loss skill", "AUC BREAK", "AUC BREAK against REJECT",
    ]  # fmt: skip
    words = (
        "Skill is what part of the base rate's loss is saved: 0 is no better than always "
        "forecasting how often each outcome happened before, 100 % is perfect. A forecast from few "
        "neighbours scatters, and the plain skill pays for that; the fair skill takes the expected "
        "scatter out and asks whether the neighbours know anything at all. An AUC of 0.5 is chance. "
        "Whether a level is tested at all follows in any market from how near and how fast price "
        "is, so the last column looks at BREAK and REJECT alone: which way a tested level went."
    )
    return section("Against base rates", words, table(head, rows))


def _strata(tables: Tables) -> str:
    rows, before = [], ""
    for stratum in sorted(set(cells_of(tables["measures"], "stratum")), key=_place):
        group = by_measure(tables["measures"], horizon=PRIMARY_HORIZON, stratum=stratum)
        if "brier_skill" not in group:
            continue
        kind = stratum.partition("=")[0]
        for name, colour, hollow in (
            ("brier_skill", BLUE, False),
            ("fair_brier_skill", GREEN, True),
        ):
            cell = group[name]
            label = stratum.partition("=")[2] or stratum
            note = f"{interval_text(cell)}" + ("" if hollow else f", n {cell['n']}")
            rows.append(
                Interval(
                    "" if hollow else label, cell["value"], cell["ci_low"], cell["ci_high"],
                    colour, hollow, note, first=kind != before,
                )
            )  # fmt: skip
            before = kind
    overall = by_measure(tables["measures"], horizon=PRIMARY_HORIZON, stratum="overall")
    slope = "".join(
        f"<li>{words}: {interval_text(overall[name])}</li>"
        for name, words in (
            ("brier_skill_q4_minus_q1", "Brier skill, Q4 minus Q1"),
            ("fair_brier_skill_q4_minus_q1", "fair Brier skill, Q4 minus Q1"),
        )
        if name in overall
    )
    words = (
        f"Skill at {PRIMARY_HORIZON} in every group of at least 30 forecasts: plain (filled) and "
        "fair (ring). Q1 to Q4 are quartiles of the average similarity of the neighbours; if "
        "similarity means anything, skill rises from Q1 to Q4."
    )
    chart = interval_chart(rows, title="Brier skill by stratum")
    return section("Where there is skill", words, f"{chart}<ul>{slope}</ul>")


_ORDER: tuple[str, ...] = (
    "overall",
    *(f"level_kind={kind}" for kind in LEVEL_KINDS),
    *(f"direction={direction}" for direction in DIRECTIONS),
    *(f"time_bucket={bucket}" for bucket in TIME_BUCKETS),
    *(f"similarity=Q{quartile}" for quartile in range(1, 5)),
)


def _place(stratum: str) -> int:
    return _ORDER.index(stratum)


def cells_of(found: pa.Table, name: str) -> list[str]:
    """Values of a text column."""
    return [str(value) for value in found.column(name).to_pylist()]


def _reliability(tables: Tables) -> str:
    points = {
        (name, source): [
            Point(c["mean_forecast"], c["share"], c["n"])
            for c in cells(
                tables["reliability"], horizon=PRIMARY_HORIZON, outcome=name, source=source,
                binning="quantile",
            )
            if c["n"]
        ]
        for name in OUTCOMES
        for source in ("retrieval", "base_rate")
    }  # fmt: skip
    charts = []
    for name in OUTCOMES:
        both = [*points[name, "retrieval"], *points[name, "base_rate"]]
        top = min(1.0, max([0.1, *(max(p.forecast, p.share) for p in both)]) * 1.08)
        charts.append(
            reliability_chart(name, points[name, "retrieval"], points[name, "base_rate"], top=top)
        )
    words = (
        f"Forecasts at {PRIMARY_HORIZON} in ten quantile bins against how often it happened then; "
        f'<b style="color:{BLUE}">retrieval</b> and <b style="color:{AMBER}">base rate</b>. On the '
        "dashed line forecasts mean what they say. A flat line says: the forecast differs, the "
        "market does not."
    )
    return section("Reliability", words, f'<div class="row">{"".join(charts)}</div>')


def _ablation(record: EvaluationRecord, tables: Tables) -> str:
    rows = []
    for variant in record.variants:
        group = by_measure(tables["ablation"], variant=variant.name, horizon=PRIMARY_HORIZON)
        if "brier_skill" not in group:
            continue
        for name, colour, hollow in (
            ("brier_skill", BLUE, False),
            ("fair_brier_skill", GREEN, True),
        ):
            cell = group[name]
            rows.append(
                Interval(
                    "" if hollow else variant.name, cell["value"], cell["ci_low"],
                    cell["ci_high"], colour, hollow, interval_text(cell), first=not hollow,
                )
            )  # fmt: skip
    legend = "".join(f"<li><b>{escape(v.name)}</b>: {escape(v.doc)}</li>" for v in record.variants)
    words = (
        f"The same walk forward with other indices, at {PRIMARY_HORIZON}: plain (filled) and fair "
        "(ring) skill. The two controls destroy what could be known; they must not be above 0."
    )
    chart = interval_chart(rows, title="Brier skill by variant")
    return section("Ablations and controls", words, f"{chart}<ul>{legend}</ul>")
