"""The data dictionary, rendered from the contracts.

`python -m spymaster_lake.contracts.dictionary > docs/data_dictionary.md` writes it anew; a test
fails while the file differs from the contracts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from spymaster_lake.contracts import enums
from spymaster_lake.contracts.bronze import BRONZE, PARTITION_KEY
from spymaster_lake.contracts.episodes import METADATA, REJECTED, SEQUENCES, VECTORS
from spymaster_lake.contracts.labels import LABELS
from spymaster_lake.contracts.predictions import PREDICTIONS
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES
from spymaster_lake.contracts.retrieval_evaluation import EVALUATION_TABLES
from spymaster_lake.contracts.retrieval_set import RETRIEVAL_SET
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.state_table import STATE_TABLE
from spymaster_lake.contracts.table import Column, TableContract
from spymaster_lake.contracts.vector import VECTOR_FEATURES, VectorFeature
from spymaster_lake.contracts.work import WORK_TABLES

SILVER: tuple[TableContract, ...] = (SIGNALS, LABELS, STATE_TABLE)
GOLD: tuple[TableContract, ...] = (
    VECTORS,
    METADATA,
    SEQUENCES,
    REJECTED,
    PREDICTIONS,
    RETRIEVAL_SET,
    *EVALUATION_TABLES,
)

_INTRODUCTION = """\
# Data dictionary

Generated from the contracts in `spymaster_lake/contracts`; do not edit. Write it anew with
`python -m spymaster_lake.contracts.dictionary > docs/data_dictionary.md`.

t is the instant at which a row is knowable: `anchor_ts_ns` of an event, `ts_ns` of a state row.
Features read records strictly before t; a window `[t-W, t)` contains its left end and not t, and
names the nominal window of the definition. The state that a window starts from may be older by its
maximum age. Labels read records from t on.

* **frame** says what mirroring prices around the level does to a value: *approach* (positive means
  toward and through the level) and *unsigned* values stay, *market* values (positive means up or
  buying) change sign.
* **null** means that the value is unknown; the meaning says when. It is never replaced by 0.
* **stage** is the stage that computes the column. Columns of
  `filter_rth_and_write_silver_signals` need thresholds of the 20 sessions before.
"""


def render() -> str:
    """The whole dictionary as Markdown, with a final newline."""
    blocks = [
        _INTRODUCTION,
        _enumerations(),
        "## Bronze\n",
        *(
            _table(
                contract,
                f"{product}/{name}",
                f"Partitions: `{PARTITION_KEY[product]}`, `date`, `hour`.",
            )
            for (product, name), contract in BRONZE.items()
        ),
        "## Silver\n",
        *(_table(contract) for contract in SILVER),
        "## Gold\n",
        *(_table(contract) for contract in GOLD),
        _vector(),
        "## Work tables\n",
        *(_table(contract) for contract in WORK_TABLES),
    ]
    return "\n".join(blocks)


def _rows(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |\n" for line in lines
    )


def _enumerations() -> str:
    rows = [
        ("level_kind", ", ".join(f"{k} ({c})" for k, c in LEVEL_KIND_CODES.items())),
        ("direction", ", ".join(enums.DIRECTIONS)),
        ("barrier_state", ", ".join(enums.BARRIER_STATES)),
        ("fuel_effect", ", ".join(enums.FUEL_EFFECTS)),
        ("outcome", ", ".join(enums.OUTCOMES)),
        ("label_status", ", ".join(enums.LABEL_STATUSES)),
        ("entry_status", ", ".join(enums.ENTRY_STATUSES)),
        ("horizon", ", ".join(f"{name} ({s} s)" for name, s in enums.HORIZONS.items())),
        (
            "time_bucket",
            ", ".join(
                f"{n} (minutes {a} to {b})" for n, (a, b) in enums.TIME_BUCKET_BOUNDS.items()
            ),
        ),
    ]
    return "## Enumerations\n\n" + _rows(("name", "values"), rows)


def _table(contract: TableContract, title: str = "", note: str = "") -> str:
    facts = [
        f"{len(contract.columns)} columns",
        f"key ({', '.join(contract.keys)})",
        f"schema version {contract.version}",
    ]
    if contract.may_be_empty:
        facts.append("a date may have no rows")
    facts += [f"{name} = {value}" for name, value in sorted(contract.properties.items())]
    head = f"### {title or contract.dataset}\n\n{contract.doc}\n\n{'; '.join(facts)}."
    body = _rows(
        ("column", "type", "null", "role", "unit", "frame", "window", "values", "stage", "meaning"),
        (_column(c) for c in contract.columns),
    )
    return f"{head}{' ' + note if note else ''}\n\n{body}"


def _column(c: Column) -> tuple[str, ...]:
    type_ = f"`{c.type}`" if c.length is None else f"`{c.type}({c.length})`"
    constant = " May be constant." if c.may_be_constant else ""
    return (
        f"`{c.name}`",
        type_,
        "yes" if c.nullable else "no",
        c.role.value,
        c.unit,
        c.frame.value if c.frame else "",
        c.window,
        _values(c),
        c.stage,
        c.doc + constant,
    )


def _values(c: Column) -> str:
    if c.allowed:
        return ", ".join(c.allowed)
    if c.minimum is None and c.maximum is None:
        return ""
    if c.maximum is None:
        return f">= {c.minimum:g}"
    if c.minimum is None:
        return f"<= {c.maximum:g}"
    return f"{c.minimum:g} to {c.maximum:g}"


def _vector() -> str:
    head = (
        "### The entries of `vector_raw`\n\n"
        "Normalisation: M = min-max on the fixed range, Z = z-score, R = robust, P = unchanged. "
        "x and y are the source columns in their order.\n\n"
    )
    header = ("index", "name", "section", "rows", "source", "transform", "normalisation")
    return head + _rows(header, (_entry(f) for f in VECTOR_FEATURES))


def _entry(f: VectorFeature) -> tuple[str, ...]:
    method = f.method.value if f.low is None else f"{f.method.value} {f.low:g} to {f.high:g}"
    step = "" if f.step is None else f" {f.step}"
    return (
        str(f.index),
        f"`{f.name}`",
        f.section,
        f"{f.rows.value}{step}",
        ", ".join(f"`{s}`" for s in f.sources),
        f.transform.value,
        method,
    )


if __name__ == "__main__":
    sys.stdout.write(render())
