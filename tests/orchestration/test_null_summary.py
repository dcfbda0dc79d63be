"""Reasons of null columns: profile, lake, contract, or unknown; shares and dates as they are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from types import SimpleNamespace

import pytest

from spymaster_lake.contracts.manifest import DatasetRef
from spymaster_lake.contracts.table import Column, TableContract
from spymaster_lake.lake.delta_tables import TableSnapshot
from spymaster_lake.orchestration import null_summary
from spymaster_lake.orchestration.null_summary import UNKNOWN, Facts
from tests.ingest.equity_files import PROFILES

DAYS = tuple(date(2025, 12, day) for day in (1, 2, 3, 4))
OWN = {"layer": "silver", "pipeline_id": "feature_engineering", "pipeline_version": "1.0.0"}


@dataclass
class Lake:
    """An inventory with dates of calibration and facts of sessions."""

    calibrated: tuple[date, ...] = ()
    sessions: dict[date, tuple[bool, bool]] = field(default_factory=dict)

    def table(self, _layer, _instrument, key):
        """A snapshot that knows its dates."""
        days = self.calibrated if key[3] == "work/calibration" else tuple(self.sessions)
        return TableSnapshot(key[3], 0, (), frozenset(days))


def facts(monkeypatch, lake, days=DAYS, **changes):
    """Facts of a share over a lake."""
    profile = PROFILES["tsla"].model_copy(update={"calibration_sessions": 2, **changes})
    refs = tuple(DatasetRef(**OWN, dataset=f"work/{n}") for n in ("sessions", "calibration"))
    manifest = SimpleNamespace(inputs=refs, outputs=(), instrument="tsla")
    rows = [
        {"date": d, "has_options": a, "has_open_interest": b} for d, (a, b) in lake.sessions.items()
    ]
    monkeypatch.setattr(
        null_summary, "read_partition_files", lambda *_: SimpleNamespace(to_pylist=lambda: rows)
    )
    return Facts(SimpleNamespace(profile=profile, manifest=manifest), lake, days)


SOME = dict.fromkeys(DAYS, (True, False))
NONE = dict.fromkeys(DAYS, (False, False))
HALF = {**SOME, DAYS[0]: (False, False), DAYS[1]: (False, False)}


@pytest.mark.parametrize(
    ("column", "sessions", "changes", "source", "said"),
    [
        ("gex_ratio", NONE, {"options": None}, "profile", "the instrument has no options"),
        ("gex_ratio", NONE, {}, "lake", "no option is known in the session"),
        ("gex_ratio", SOME, {}, "lake", "no open interest before the open"),
        ("call_tide", SOME, {}, "contract", "null if none traded"),
        ("call_tide", HALF, {}, "lake", "session on 2 of 4 dates; else null if none traded"),
        ("wall_ratio", SOME, {}, "profile", "the book shows one level a side"),
        ("wall_ratio", SOME, {"book_levels": 10}, "contract", "null if coverage < 0.25"),
        ("sweep_detected", SOME, {}, "lake", "2 earlier sessions of the price basis, 1 are there"),
        ("tape_imbalance", NONE, {}, "contract", "null where neither side traded"),
    ],
)
def test_reason__from_profile_lake_or_contract(
    monkeypatch, column, sessions, changes, source, said
) -> None:
    """The most basic need that is not met, else the column's own rule."""
    found = facts(monkeypatch, Lake(DAYS[:2], sessions), **changes)
    reason, stands = found.reason("signals", column)
    assert stands == source
    assert said in reason


def test_reason__thresholds_once_there_are_enough_sessions(monkeypatch) -> None:
    """With enough earlier sessions the warm-up is no reason any more."""
    found = facts(monkeypatch, Lake(DAYS, SOME), days=DAYS[2:])
    assert found.reason("signals", "sweep_detected") == ("null before 20 sessions", "contract")


def test_reason__sessions_before_a_split_do_not_count(monkeypatch) -> None:
    """Thresholds are of the session's own price basis."""
    split = PROFILES["tsla"].corporate_actions.splits[-1].model_copy(update={"ex_date": DAYS[2]})
    actions = PROFILES["tsla"].corporate_actions.model_copy(update={"splits": (split,)})
    found = facts(monkeypatch, Lake(DAYS, SOME), days=DAYS[2:], corporate_actions=actions)
    reason, source = found.reason("signals", "sweep_detected")
    assert (reason.endswith("of the price basis, 1 are there"), source) == (True, "lake")


def test_reason__unknown_is_said_not_invented(monkeypatch) -> None:
    """A column whose contract states no rule is shown as unknown."""
    contract = TableContract("t", "A table.", (Column("x", "double", "A number."),), ())
    monkeypatch.setattr(null_summary, "contract_of", lambda _: contract)
    assert facts(monkeypatch, Lake()).reason("t", "x") == (UNKNOWN, "unknown")


def test_reason__facts_nobody_knows_are_no_reason(monkeypatch) -> None:
    """Without the tables of sessions and calibration the rule of the contract remains."""
    found = facts(monkeypatch, Lake())
    bare = SimpleNamespace(profile=found.prepared.profile, manifest=SimpleNamespace(
        inputs=(), outputs=(), instrument="tsla"))  # fmt: skip
    found = replace(found, prepared=bare)
    assert found.reason("signals", "sweep_side")[1] == "contract"
    assert found.reason("signals", "call_tide")[1] == "contract"
