"""Contracts as JSON, and the data dictionary."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from spymaster_lake.contracts import dictionary
from spymaster_lake.contracts.bronze import FUTURES_TRADES
from spymaster_lake.contracts.errors import ContractError
from spymaster_lake.contracts.schemas import contract_from_json, contract_hash, contract_json
from spymaster_lake.contracts.table import Column, Frame, Role, TableContract

SMALL = TableContract(
    "small",
    "One row.",
    (
        Column("id", "string", "Name.", Role.KEY, nullable=False, allowed=("A", "B")),
        Column(
            "x", "double", "Null if unknown.", Role.FEATURE, "pt", frame=Frame.MARKET, minimum=0
        ),
    ),
    ("id",),
    properties={"b": "2", "a": "1"},
)
ALL = (*dictionary.SILVER, *dictionary.GOLD, *dictionary.WORK_TABLES, FUTURES_TRADES, SMALL)


@pytest.mark.parametrize("contract", ALL, ids=lambda c: c.dataset)
def test_contract_json__round_trip(contract: TableContract) -> None:
    """A contract comes back equal from its JSON, with the same hash and Arrow schema."""
    again = contract_from_json(contract_json(contract))
    assert again == contract
    assert contract_hash(again) == contract_hash(contract)
    assert again.arrow_schema.equals(contract.arrow_schema, check_metadata=True)


def test_contract_json__is_explicit() -> None:
    """Every attribute of a column is written, absent ones as null, and columns keep their order."""
    document = json.loads(contract_json(SMALL))
    assert document["schema_format"] == 1
    assert [c["name"] for c in document["columns"]] == ["id", "x"]
    assert document["columns"][1] == {
        "name": "x",
        "type": "double",
        "doc": "Null if unknown.",
        "role": "feature",
        "unit": "pt",
        "nullable": True,
        "frame": "market",
        "window": "",
        "allowed": [],
        "minimum": 0,
        "maximum": None,
        "may_be_constant": False,
        "stage": "",
        "length": None,
    }


def test_contract_json__is_deterministic() -> None:
    """The order in which properties were given changes neither hash nor meaning."""
    other = replace(SMALL, properties={"a": "1", "b": "2"})
    assert contract_json(SMALL) == contract_json(other)
    assert contract_hash(SMALL) == contract_hash(other)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(replace(SMALL, version=2), id="version"),
        pytest.param(replace(SMALL, columns=SMALL.columns[::-1]), id="column order"),
        pytest.param(replace(SMALL, may_be_empty=True), id="may be empty"),
        pytest.param(
            replace(SMALL, columns=(SMALL.columns[0], replace(SMALL.columns[1], unit="ATR"))),
            id="a unit",
        ),
    ],
)
def test_contract_hash__changes_with_the_contract(changed: TableContract) -> None:
    """Any difference between two contracts is a difference of their hashes."""
    assert contract_hash(changed) != contract_hash(SMALL)


def test_contract_hash__equal_for_int_and_float_bounds() -> None:
    """A bound written 0 and one written 0.0 are the same contract, hence the same hash."""
    x = replace(SMALL.columns[1], minimum=0.0)
    assert contract_hash(replace(SMALL, columns=(SMALL.columns[0], x))) == contract_hash(SMALL)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        pytest.param({"schema_format": 2}, "schema_format is 2, allowed is 1", id="format"),
        pytest.param({"owner": "me"}, r"unknown fields \['owner'\]", id="unknown field"),
        pytest.param({"columns": [{"name": "x"}]}, "column 'x': missing fields", id="column"),
    ],
)
def test_contract_from_json__refuses(edit: dict[str, object], message: str) -> None:
    """Another format, an unknown or a missing field is an error that names it."""
    document = {**json.loads(contract_json(SMALL)), **edit}
    with pytest.raises(ContractError, match=message):
        contract_from_json(json.dumps(document))


def test_dictionary__file_equals_the_contracts() -> None:
    """docs/data_dictionary.md is what the contracts render to."""
    path = Path(__file__).parents[2] / "docs" / "data_dictionary.md"
    assert path.read_text(encoding="utf-8") == dictionary.render(), (
        "write it anew: python -m spymaster_lake.contracts.dictionary > docs/data_dictionary.md"
    )


def test_dictionary__lists_every_column() -> None:
    """Every table has a heading and every column and vector entry a row."""
    text = dictionary.render()
    for contract in (*dictionary.SILVER, *dictionary.GOLD, *dictionary.WORK_TABLES):
        section = text.split(f"### {contract.dataset}\n")[1].split("\n### ")[0].split("\n## ")[0]
        rows = [line for line in section.splitlines() if line.startswith("| `")]
        assert [row.split("`")[1] for row in rows] == list(contract.names), contract.dataset
    assert "| 148 | `dct_tape_imbalance_c7` |" in text


def test_dictionary__row_shows_the_facts() -> None:
    """A row shows type, null rule, unit, frame, window, values and stage."""
    text = dictionary.render()
    assert (
        "| `tape_imbalance` | `double` | yes | feature | 1 | market | [t-60s, t) | -1 to 1 | "
        "compute_physics |"
    ) in text
    assert "| `vector_raw` | `array<float>(149)` | no |" in text
