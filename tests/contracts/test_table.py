"""Columns and tables refuse what cannot be a contract."""

from __future__ import annotations

import pyarrow as pa
import pytest

from spymaster_lake.contracts.bronze import BRONZE
from spymaster_lake.contracts.dictionary import GOLD, SILVER, WORK_TABLES
from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.contracts.table import Column, Role, TableContract

ALL = [
    pytest.param(contract, id=f"{product}/{name}") for (product, name), contract in BRONZE.items()
] + [pytest.param(contract, id=contract.dataset) for contract in (*SILVER, *GOLD, *WORK_TABLES)]

EVERY_CONTRACT = pytest.mark.parametrize("contract", ALL)


def column(name: str = "price", **facts: object) -> Column:
    """A double column called `name`."""
    return Column(**{"name": name, "type": "double", "doc": "A price.", **facts})  # type: ignore[arg-type]


def test_column__unknown_type() -> None:
    """A type that Arrow does not get from the list is refused with the near match."""
    with pytest.raises(UnknownNameError, match=r"'doubel'.*'double'"):
        column(type="doubel")


@pytest.mark.parametrize(
    ("type_", "arrow"),
    [
        pytest.param("date", pa.date32(), id="date"),
        pytest.param("int8", pa.int8(), id="int8"),
        pytest.param("timestamp", pa.timestamp("us", tz="UTC"), id="timestamp"),
        pytest.param(
            "array<float>",
            pa.list_(pa.field("element", pa.float32(), nullable=False)),
            id="array of floats without null elements",
        ),
    ],
)
def test_column__arrow_field(type_: str, arrow: pa.DataType) -> None:
    """The Arrow field carries name, type and nullability."""
    field = column("x", type=type_, nullable=False).arrow_field
    assert (field.name, field.type, field.nullable) == ("x", arrow, False)


def test_table__column_declared_twice() -> None:
    """The same name twice is refused and named."""
    with pytest.raises(ValueError, match=r"'t' declares columns twice: \['price'\]"):
        TableContract("t", "Rows.", (column(), column("size"), column()), ("price",))


def test_table__unknown_key() -> None:
    """A key that is no column is refused."""
    with pytest.raises(UnknownNameError, match="key column of t 'prise'"):
        TableContract("t", "Rows.", (column(),), ("prise",))


def test_table__column_lookup() -> None:
    """A column is found by name; an unknown name lists near matches."""
    table = TableContract("t", "Rows.", (column(), column("size", role=Role.KEY)), ("size",))
    assert table.column("size").role is Role.KEY
    assert [c.name for c in table.of_role(Role.CONTEXT)] == ["price"]
    with pytest.raises(UnknownNameError, match="Did you mean 'price'"):
        table.column("prise")


@EVERY_CONTRACT
def test_contract__keys_are_never_null(contract: TableContract) -> None:
    """Every key column has the role of a key and refuses null."""
    for name in contract.keys:
        key = contract.column(name)
        assert (name, key.role, key.nullable) == (name, Role.KEY, False)


@EVERY_CONTRACT
def test_contract__bounds_fit_the_type(contract: TableContract) -> None:
    """Closed sets stand on strings, bounds on numbers in order, lengths on arrays."""
    numbers = {"double", "int8", "int16", "int32", "int64"}
    for c in contract.columns:
        if c.allowed:
            assert (c.name, c.type, len(set(c.allowed))) == (c.name, "string", len(c.allowed))
        if c.minimum is not None or c.maximum is not None:
            assert c.type in numbers, c.name
            low = float("-inf") if c.minimum is None else c.minimum
            high = float("inf") if c.maximum is None else c.maximum
            assert low < high, c.name
        assert (c.length is None) or c.type.startswith("array<"), c.name


@EVERY_CONTRACT
def test_contract__every_column_is_explained(contract: TableContract) -> None:
    """Every table and column has a sentence, and every column a unit."""
    for c in contract.columns:
        assert c.doc.strip().endswith("."), c.name
        assert c.unit.strip(), c.name
    assert contract.doc.strip().endswith(".")
