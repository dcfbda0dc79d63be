"""Words, numbers and tables of the evaluation page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

STYLE = """
body{margin:0;background:#f4f6f8;color:#1f2933;font:15px/1.55 system-ui,-apple-system,'Segoe UI',
Roboto,Helvetica,Arial,sans-serif}
main{max-width:1060px;margin:0 auto;padding:28px 22px 60px}
h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:0 0 6px}
section,.verdict{background:#fff;border:1px solid #e1e6eb;border-radius:8px;padding:18px 20px;
margin:18px 0}
.verdict{border-left:5px solid #1d5fa8;font-size:16px}.verdict p{margin:6px 0}
.verdict.better{border-left-color:#2c7a4b}.verdict.worse{border-left-color:#b3392f}
.soft,section>p{color:#4d5966}
.wide{overflow-x:auto}table{border-collapse:collapse;margin:10px 0;font-size:13px}
th,td{padding:5px 8px;border-bottom:1px solid #e1e6eb;text-align:right;white-space:nowrap}
th{color:#4d5966;font-weight:600;white-space:normal;vertical-align:bottom}
th:first-child,td:first-child{text-align:left}
svg{width:100%;height:auto;font-family:inherit}.row{display:flex;flex-wrap:wrap;gap:14px}
.row svg{flex:1 1 22%;min-width:220px}ul{padding-left:20px;font-size:14px}
"""


def percent(value: float | None) -> str:
    """A share as percent; a dash if unknown."""
    return "–" if value is None else f"{100 * value:.1f} %"


def plain(value: float | None) -> str:
    """Three decimals; a dash if unknown."""
    return "–" if value is None else f"{value:.3f}"


def signed(value: float | None) -> str:
    """A share as signed percent with a real minus; a dash if unknown."""
    return "–" if value is None else f"{100 * value:+.1f} %".replace("-", "−")


def interval_text(cell: Mapping[str, Any]) -> str:
    """Value and interval in percent."""
    if cell["ci_low"] is None:
        return signed(cell["value"])
    low, high = (f"{100 * cell[k]:+.1f}".replace("-", "−") for k in ("ci_low", "ci_high"))
    return f"{signed(cell['value'])} [{low}, {high}]"


def share_text(cell: Mapping[str, Any]) -> str:
    """A share and its interval in percent, without signs."""
    if cell["ci_low"] is None:
        return percent(cell["value"])
    return f"{percent(cell['value'])} [{100 * cell['ci_low']:.1f}, {100 * cell['ci_high']:.1f}]"


def section(title: str, words: str, body: str) -> str:
    """A titled block; `words` may hold markup of our own."""
    said = f"<p>{words}</p>" if words else ""
    return f"<section><h2>{title}</h2>{said}{body}</section>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; cells may hold markup of our own."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


_PLAIN = {
    "better": "The forecasts are better than base rates",
    "worse": "The forecasts are worse than base rates: do not use them as probabilities",
    "no difference": "The forecasts cannot be told from base rates",
    "unknown": "Too few sessions to judge the forecasts",
}
_FAIR = {
    "better": "The neighbours do know something",
    "worse": "The neighbours mislead",
    "no difference": "Nothing shows that the neighbours know anything",
    "unknown": "Too few sessions to judge the neighbours",
}


def headline_words(found: Mapping[str, Any]) -> str:
    """The verdict at the primary horizon, in two sentences."""
    kind, fair = found["verdict"], found["fair_verdict"]
    css = kind.replace(" ", "-")
    return (
        f'<div class="verdict {css}"><p><b>{_PLAIN[kind]}.</b> Brier skill at 4 minutes: '
        f"{interval_text(found['brier_skill'])}, Brier {plain(found['brier']['value'])} against "
        f"{plain(found['brier_base']['value'])}.</p><p><b>{_FAIR[fair]}.</b> Fair Brier skill, "
        f"without the cost of few neighbours: {interval_text(found['fair_brier_skill'])}.</p></div>"
    )
