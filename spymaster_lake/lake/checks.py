"""Hold a table against its contract: schema, nulls, ranges, enums, lengths and keys in one pass.

Every discrepancy is reported at once, with the count and a few offending rows (00 section 6).
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from spymaster_lake.contracts.errors import ContractError
from spymaster_lake.contracts.table import Column, TableContract

_SHOWN = 3


def check_table(contract: TableContract, table: pa.Table) -> None:
    """Raise unless `table` fulfils `contract`.

    Raises:
        ContractError: lists every discrepancy of the table, its count and examples.
    """
    found = _schema_faults(contract, table)
    if not found:
        for column in contract.columns:
            found += _value_faults(column, table.column(column.name))
        found += _key_faults(contract, table)
        if table.num_rows == 0 and not contract.may_be_empty:
            found.append("no rows, and the contract does not allow an empty session")
    if found:
        raise ContractError(
            f"{contract.dataset}: {len(found)} discrepancies\n  " + "\n  ".join(found)
        )


def _schema_faults(contract: TableContract, table: pa.Table) -> list[str]:
    want, have = contract.names, tuple(table.column_names)
    faults = [f"missing column {n!r}" for n in want if n not in have]
    faults += [f"column {n!r} is not in the contract" for n in have if n not in want]
    if not faults and want != have:
        faults.append(f"columns are out of order: {have} instead of {want}")
    for name in want:
        if name in have:
            expected, got = contract.by_name[name].arrow_field.type, table.schema.field(name).type
            if not got.equals(expected):
                faults.append(f"column {name!r} has type {got}, the contract says {expected}")
    return faults


def _value_faults(column: Column, values: pa.ChunkedArray) -> list[str]:
    faults = []
    if not column.nullable and values.null_count:
        faults.append(f"{column.name}: {values.null_count} nulls, none allowed")
    if column.type == "double":
        nans = pc.sum(pc.is_nan(values)).as_py() or 0
        if nans:
            faults.append(f"{column.name}: {nans} NaN; unknown is null")
    if column.allowed:
        foreign = pc.and_kleene(
            pc.is_valid(values), pc.invert(pc.is_in(values, value_set=pa.array(column.allowed)))
        )
        faults += _fault(column, values, foreign, f"not in {column.allowed}")
    if column.minimum is not None:
        faults += _fault(column, values, pc.less(values, column.minimum), f"below {column.minimum}")
    if column.maximum is not None:
        faults += _fault(
            column, values, pc.greater(values, column.maximum), f"above {column.maximum}"
        )
    if column.length is not None:
        wrong = pc.not_equal(pc.list_value_length(values), column.length)
        faults += _fault(column, values, wrong, f"length is not {column.length}")
    return faults


def _fault(column: Column, values: pa.ChunkedArray, wrong: pa.ChunkedArray, rule: str) -> list[str]:
    count = pc.sum(wrong).as_py() or 0
    if not count:
        return []
    shown = values.filter(pc.fill_null(wrong, value_false())).slice(0, _SHOWN).to_pylist()
    return [f"{column.name}: {count} values {rule}, such as {str(shown)[:200]}"]


def value_false() -> pa.Scalar:
    """The Arrow scalar false (a null comparison is no violation)."""
    return pa.scalar(value=False)


def _key_faults(contract: TableContract, table: pa.Table) -> list[str]:
    if contract.properties.get("unique_keys") == "false" or table.num_rows < 2:
        return []
    keys = table.select(list(contract.keys))
    groups = keys.group_by(list(contract.keys), use_threads=False).aggregate([([], "count_all")])
    twice = groups.filter(pc.greater(groups["count_all"], 1))
    if not twice.num_rows:
        return []
    return [
        f"{twice.num_rows} keys {contract.keys} occur more than once, such as {twice.slice(0, _SHOWN).to_pylist()}"
    ]
