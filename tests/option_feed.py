"""An option feed with known sides, definitions and open interest, put into Bronze for a share.

The simulated vendor of a share's options sells prints alone: nothing tells of a contract before it
trades, there is no open interest, and sides come from the tick test, so that early in a session too many
are unknown for the gamma columns. Proofs want values in every column and every declared input in use; what is
added here is what Bronze holds of a feed that tells all that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spymaster_lake.contracts.bronze import BRONZE
from spymaster_lake.contracts.occ import parse_occ
from spymaster_lake.features.arrays import NS

_HOUR_NS = 3600 * NS
_LEAD_NS = 3 * _HOUR_NS
_MOST = 20_000


def make_option_feed_whole(root: Path, instrument: str) -> None:
    """Draw a side for every print without one; define and count the contracts of each session.

    Every second contract has a definition; the others are known by their first print.
    """
    rng = np.random.default_rng(17)
    trades = root / "bronze" / instrument / "options" / "trades" / "schema=v1"
    by_day: dict[Path, list[pa.Table]] = {}
    for path in sorted(trades.glob("underlying=*/date=*/hour=*/*.parquet")):
        table = pq.ParquetFile(path).read()
        side = table.column("aggressor").to_numpy()
        side = np.where(side == 0, rng.choice([-1, 1], len(side)), side).astype(np.int8)
        table = table.set_column(
            table.column_names.index("aggressor"),
            table.schema.field("aggressor"),
            pa.array(side),
        )
        path.unlink()
        pq.write_table(table, path, compression="zstd")
        by_day.setdefault(path.parents[1], []).append(table)
    for folder, tables in by_day.items():
        prints = pa.concat_tables(tables)
        names = ["source", "instrument_id", "option_symbol"]
        contracts = prints.select(names).group_by(names).aggregate([]).sort_by("option_symbol")
        first = int(prints.column("ts_event_ns").to_numpy().min())
        at_ns = (first - _LEAD_NS) // _HOUR_NS * _HOUR_NS
        interest = {
            "open_interest": rng.integers(1, _MOST, contracts.num_rows),
            "ts_ref_ns": pa.nulls(contracts.num_rows, pa.int64()),
        }
        _write(folder, "statistics", contracts, at_ns, interest)
        defined = contracts.take(pa.array(np.arange(0, contracts.num_rows, 2)))
        _write(folder, "definitions", defined, at_ns, _terms(defined, folder))


def _terms(contracts: pa.Table, folder: Path) -> dict[str, Any]:
    terms = [parse_occ(symbol) for symbol in contracts.column("option_symbol").to_pylist()]
    return {
        "underlying_contract": [folder.parent.name.partition("=")[2]] * len(terms),
        "strike": [t.strike for t in terms],
        "right": [t.right for t in terms],
        "expiration_ns": pa.nulls(len(terms), pa.int64()),
    }


def _write(
    folder: Path, dataset: str, contracts: pa.Table, at_ns: int, values: dict[str, Any]
) -> None:
    """One row a contract, hours before the first print of the day; a part of its own."""
    n, schema = contracts.num_rows, BRONZE["options", dataset].arrow_schema
    values = {
        **{name: contracts.column(name) for name in contracts.column_names},
        **values,
        "ts_event_ns": at_ns + np.arange(n),
        "ts_recv_ns": at_ns + np.arange(n),
        "seq": np.zeros(n, np.int64),
        "src_file": [f"{dataset:0<16.16}"] * n,
        "src_row": np.arange(n),
    }
    columns = [
        v if isinstance(v, pa.Array | pa.ChunkedArray) else pa.array(v, f.type)
        for f in schema
        for v in [values[f.name]]
    ]
    target = Path(str(folder).replace("/trades/", f"/{dataset}/"))
    target /= f"hour={at_ns // _HOUR_NS % 24:02d}"
    target.mkdir(parents=True)
    name = f"part-{dataset:0<16.16}-000000000000-{n - 1:012d}.parquet"
    pq.write_table(pa.table(columns, schema=schema), target / name, compression="zstd")
