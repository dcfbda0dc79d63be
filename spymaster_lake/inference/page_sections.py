"""Sections of the evaluation page that are tables of figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from html import escape

import pyarrow as pa

from spymaster_lake.contracts.enums import OUTCOMES, PRIMARY_HORIZON
from spymaster_lake.contracts.evaluation_record import EvaluationRecord
from spymaster_lake.inference.evaluation_tracking import by_measure, cells
from spymaster_lake.inference.page_parts import (
    interval_text,
    percent,
    plain,
    section,
    share_text,
    table,
)
from spymaster_lake.inference.svg_charts import bar_chart

Tables = Mapping[str, pa.Table]


def calibration_section(tables: Tables) -> str:
    """Gaps between forecast and frequency."""
    group = by_measure(tables["measures"], horizon=PRIMARY_HORIZON, stratum="overall")
    rows = []
    for name in OUTCOMES:
        low = name.lower()
        row = [name]
        for binning in ("uniform", "quantile"):
            for kind in ("ece", "mce"):
                row += [
                    percent(group[f"{kind}_{binning}_{low}{suffix}"]["value"])
                    for suffix in ("", "_base")
                ]
        rows.append(row)
    head = ["outcome"] + [
        f"{kind}, {binning}{suffix}"
        for binning in ("uniform", "quantile")
        for kind in ("ECE", "MCE")
        for suffix in ("", ", base rate")
    ]
    words = (
        "Mean (ECE) and largest (MCE) gap between forecast and frequency over ten bins. A constant "
        "base rate has nearly none, so a small gap alone is no merit."
    )
    return section("Calibration", words, table(head, rows))


def guesses_section(tables: Tables) -> str:
    """Accuracy beside constant strategies."""
    group = by_measure(tables["measures"], horizon=PRIMARY_HORIZON, stratum="overall")
    rows = [
        [words, *(share_text(group[f"{m}{s}"]) for m in ("accuracy", "balanced_accuracy", "macro_f1"))]
        for words, s in (
            ("retrieval, most probable outcome", ""),
            ("always REJECT", "_always_reject"),
            ("base rate, most probable outcome", "_base_argmax"),
        )
    ]  # fmt: skip
    words = "Single guesses. Accuracy means nothing without the two constant strategies beside it."
    return section(
        "Single guesses", words, table(["", "accuracy", "balanced accuracy", "macro F1"], rows)
    )


def purity_section(tables: Tables) -> str:
    """Agreement of neighbours with the query."""
    group = by_measure(tables["measures"], horizon=PRIMARY_HORIZON, stratum="overall")
    rows = [
        [k, percent(group[f"purity_{k}"]["value"]), interval_text(group[f"excess_purity_{k}"])]
        for k in ("1", "5", "10", "50")
    ]
    words = (
        "How many of the k nearest neighbours ended like the query, and how much that exceeds what "
        "base rates make one expect."
    )
    return section("Neighbours that agree", words, table(["k", "share", "excess"], rows))


def coverage_section(tables: Tables) -> str:
    """How queries ended, and what the bands hold."""
    forecasts = cells(tables["forecasts"], horizon=PRIMARY_HORIZON)
    status = Counter(row["status"] for row in forecasts)
    level = Counter(row["partition_level"] or "none" for row in forecasts)
    rows = [[name, str(n), percent(n / len(forecasts))] for name, n in sorted(status.items())]
    rows += [
        [f"partition: {name}", str(n), percent(n / len(forecasts))]
        for name, n in sorted(level.items())
    ]
    group = by_measure(tables["measures"], horizon=PRIMARY_HORIZON, stratum="overall")
    bands = [
        [
            name,
            percent(group[f"band_coverage_{name.lower()}"]["value"]),
            plain(group[f"band_width_{name.lower()}"]["value"]),
        ]
        for name in OUTCOMES
    ]
    words = (
        "What the engine answered. An episode without an answer counts as its base rate. Bands: "
        "share of forecasts in groups whose frequency lies within the mean 95 % band of the group."
    )
    return section(
        "Coverage",
        words,
        table(["status", "episodes", "share"], rows)
        + table(["outcome", "band coverage", "mean width"], bands),
    )


def drift_section(tables: Tables) -> str:
    """Vector entries that moved."""
    known = [row for row in tables["drift"].to_pylist() if row["wasserstein"] is not None]
    moved = [row for row in known if row["drifted"]]
    most = sorted(known, key=lambda r: (-r["wasserstein"], r["feature"]))[:12]
    chart = bar_chart(
        [(r["feature"], r["wasserstein"], f"{r['wasserstein']:.2f}, mean {r['mean_shift']:.2f}") for r in most],
        title="Drift of vector entries",
        mark=0.5,
    )  # fmt: skip
    words = (
        f"The last 5 sessions against the 60 before, in standard deviations: {len(moved)} of "
        f"{len(known)} entries moved (distance above 0.5, or mean shift above 2). The twelve that "
        "moved most:"
    )
    return section("Drift", words, chart)


def settings_section(record: EvaluationRecord) -> str:
    """Everything that was set."""
    facts = {**record.settings.model_dump(), **record.index_params}
    rows = [[escape(str(k)), escape(str(v))] for k, v in facts.items()]
    rows += [
        ["run", escape(record.run_id)],
        ["code", f"{record.git.sha}{' with changes' if record.git.dirty else ''}"],
        ["inputs", str(record.fingerprint)],
    ]
    return section("Settings", "", table(["", ""], rows))
