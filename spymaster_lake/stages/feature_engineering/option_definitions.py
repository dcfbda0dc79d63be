"""Which option contracts a session knows: live, on the front contract, with a known expiry.

Exchanges send the full list of definitions about once a week and vendors repeat it daily under the
old event time, so definitions of some days before the session count too (05 A 1, 7). A level is a
price of the front contract, and strikes can be compared with it only if the option exercises into
that contract; during a roll the others are left out, counted and named (01 1.5, 02 N-6).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spymaster_lake.contracts.occ import parse_occ
from spymaster_lake.contracts.profile import OptionsProfile
from spymaster_lake.contracts.work_options import OPTION_CONTRACTS
from spymaster_lake.features.arrays import I64, NS, Bool
from spymaster_lake.sessions.calendar import local_ns
from spymaster_lake.stages.lookback import reference_start_ns
from spymaster_lake.stages.spec import SessionInputs, StageContext
from spymaster_lake.stages.tables import array_of, build_table, filled, objects

EXPIRED, NO_EXPIRATION, OTHER_UNDERLYING = "expired", "no_expiration", "other_underlying"

_COLUMNS = (
    "ts_event_ns", "seq", "src_file", "src_row", "option_symbol",
    "underlying_contract", "strike", "right", "expiration_ns",
)  # fmt: skip
_UNKNOWN = np.iinfo(np.int64).min
_DAY_NS = 86_400 * NS


@dataclass(frozen=True)
class Definitions:
    """The contracts of a session, and why other defined symbols are not among them.

    Attributes:
        contracts: work/option_contracts.
        left_out: symbol to EXPIRED, NO_EXPIRATION or OTHER_UNDERLYING.
        counts: symbols by reason.
        warnings: sentences for stage.json.
    """

    contracts: pa.Table
    left_out: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def occ_contracts(
    inputs: SessionInputs, context: StageContext, facts: OptionsProfile
) -> Definitions:
    """Contracts whose OCC symbols state their terms, from definitions, if any, and prints.

    A contract is known from its definition or its first print on, whichever comes first; without
    definitions nothing tells of contracts that do not trade. A contract adjusted by a corporate
    action delivers something else and is left out.
    """
    clock, zone = inputs.clock, context.calendar.zone
    rows = pa.concat_tables(
        inputs.scan(alias).read(
            ("ts_event_ns", "option_symbol"), start_ns=start_ns, end_ns=clock.end_ns
        )
        for alias, start_ns in (
            ("options_definitions", reference_start_ns(clock)),
            ("options_trades", clock.record_start_ns),
        )
    )
    rows = rows.take(pa.array(np.argsort(array_of(rows, "ts_event_ns"), kind="stable")))
    symbols, first = np.unique(objects(rows, "option_symbol"), return_index=True)
    terms = {symbol: parse_occ(symbol) for symbol in symbols.tolist()}
    expiry = {s: local_ns(t.expiry, facts.expiry_time, zone) for s, t in terms.items()}
    left_out = {
        s: OTHER_UNDERLYING if t.root != facts.underlying else EXPIRED
        for s, t in terms.items()
        if t.root != facts.underlying or expiry[s] <= clock.record_start_ns
    }
    at = [i for i, s in enumerate(symbols.tolist()) if s not in left_out]
    kept = symbols[at].tolist()
    table = build_table(
        OPTION_CONTRACTS,
        {
            "date": inputs.day,
            "option_symbol": symbols[at],
            "underlying_contract": context.profile.equity_symbol,
            "strike": np.array([terms[s].strike for s in kept], dtype=np.float64),
            "right": np.array([terms[s].right for s in kept], dtype=object),
            "expiry_ts_ns": np.array([expiry[s] for s in kept], dtype=np.int64),
            "listed_ts_ns": array_of(rows, "ts_event_ns")[first[at]],
            "expires_today": np.array(
                [terms[s].expiry == inputs.day for s in kept], dtype=np.bool_
            ),
        },
        rows=len(kept),
    )
    counts = Counter(left_out.values())
    return Definitions(table, left_out, {r: counts[r] for r in (EXPIRED, OTHER_UNDERLYING)})


def session_definitions(
    inputs: SessionInputs, context: StageContext, facts: OptionsProfile, front: str
) -> Definitions:
    """The first definition of each live symbol that exercises into the front contract."""
    clock, zone = inputs.clock, context.calendar.zone
    rows = inputs.scan("options_definitions").read(
        _COLUMNS, start_ns=reference_start_ns(clock), end_ns=clock.end_ns
    )
    expiry = expiries(filled(rows, "expiration_ns", _UNKNOWN), facts.expiry_time, zone)
    known = expiry != _UNKNOWN
    expired = known & (expiry <= clock.record_start_ns)
    ours = np.asarray(pc.equal(rows.column("underlying_contract"), front).to_numpy(), np.bool_)
    reasons = {
        EXPIRED: expired,
        NO_EXPIRATION: ~known,
        OTHER_UNDERLYING: known & ~expired & ~ours,
    }
    kept = np.flatnonzero(known & ~expired & ours)
    symbols = _codes(rows.column("option_symbol"))
    _, first = np.unique(symbols[kept], return_index=True)
    chosen = np.sort(kept[first])
    left_out = {symbol: r for r, mask in reasons.items() for symbol in _symbols(rows, mask)}
    counts = Counter(left_out.values())
    foreign = rows.column("underlying_contract").filter(pa.array(reasons[OTHER_UNDERLYING]))
    others = sorted(pc.unique(foreign).to_pylist())
    return Definitions(
        _table(inputs, rows.take(pa.array(chosen)), expiry[chosen], zone),
        left_out,
        {reason: counts[reason] for reason in reasons},
        _warnings(inputs, front, counts, others),
    )


def expiries(expiration_ns: I64, clock: time, zone: ZoneInfo) -> I64:
    """Expiry instants; an expiration without a clock (midnight UTC) means `clock` on that date.

    Args:
        expiration_ns: int64[n] as the vendor states it, the smallest int64 where it states none.
        clock: local time of expiry of the instrument's options (08 A20).
        zone: exchange time zone.

    Returns:
        int64[n]; unknown stays the smallest int64: a date is never guessed (01 D06).
    """
    out = expiration_ns.copy()
    date_only = (expiration_ns != _UNKNOWN) & (expiration_ns % _DAY_NS == 0)
    for value in np.unique(expiration_ns[date_only]).tolist():
        day = datetime.fromtimestamp(value // NS, UTC).date()
        out[expiration_ns == value] = local_ns(day, clock, zone)
    return out


def _codes(column: pa.ChunkedArray) -> I64:
    """One integer for each distinct text."""
    encoded = pc.dictionary_encode(column).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):  # no rows
        return np.zeros(len(encoded), np.int64)
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), np.int64)


def _symbols(rows: pa.Table, mask: Bool) -> list[str]:
    found: list[str] = pc.unique(rows.column("option_symbol").filter(pa.array(mask))).to_pylist()
    return found


def _table(inputs: SessionInputs, rows: pa.Table, expiry: I64, zone: ZoneInfo) -> pa.Table:
    local_day = {
        e: datetime.fromtimestamp(e // NS, zone).date() for e in np.unique(expiry).tolist()
    }
    today = [local_day[e] == inputs.day for e in expiry.tolist()]
    return build_table(
        OPTION_CONTRACTS,
        {
            "date": inputs.day,
            "option_symbol": rows.column("option_symbol"),
            "underlying_contract": rows.column("underlying_contract"),
            "strike": array_of(rows, "strike"),
            "right": rows.column("right"),
            "expiry_ts_ns": expiry,
            "listed_ts_ns": array_of(rows, "ts_event_ns"),
            "expires_today": np.array(today, dtype=np.bool_),
        },
        rows=rows.num_rows,
    )


def _warnings(
    inputs: SessionInputs, front: str, counts: Mapping[str, int], others: list[str]
) -> tuple[str, ...]:
    found = []
    if counts.get(OTHER_UNDERLYING):
        found.append(
            f"{inputs.day}: {counts[OTHER_UNDERLYING]} option contracts exercise into "
            f"{', '.join(others)}, not into the front contract {front}; they are left out"
        )
    if counts.get(NO_EXPIRATION):
        found.append(
            f"{inputs.day}: {counts[NO_EXPIRATION]} option definitions state no expiration; left out"
        )
    return tuple(found)
