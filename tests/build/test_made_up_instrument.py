"""An instrument that nobody has heard of: nothing but a profile and manifests, and it has episodes."""

from __future__ import annotations

from datetime import date

import pytest

from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.simulator import simulate
from tests.build.lakes import Session, build_lake, environment, new_home

SESSIONS = (date(2025, 3, 3), date(2025, 3, 4), date(2025, 3, 5), date(2025, 3, 6))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A project folder that has only `abc`."""
    return new_home(
        tmp_path_factory.mktemp("project"),
        "abc",
        like="ibm",
        symbol="equity_symbol: IBM -> equity_symbol: ABC",
    )


@pytest.fixture(scope="module")
def root(home, tmp_path_factory):
    """A lake root with four simulated sessions as vendor files."""
    folder = tmp_path_factory.mktemp("lake")
    env = environment(folder, home)
    profile = env.profiles["abc"]
    raw = (env.resolver.raw_dir("abc", product, "polygon") for product in ("equities", "options"))
    calendar = SessionCalendar(profile.calendar)
    simulate(*raw, profile, calendar, start=SESSIONS[0], sessions=len(SESSIONS), seed=3)
    return folder


def test_made_up__raw_files_to_episodes(home, root) -> None:
    """One call; only the last session has a full warm-up."""
    report = build_lake(root, "abc", home=home)
    assert report.dates == SESSIONS[3:]
    session = Session(environment(root, home), "abc", SESSIONS[3])
    events = session.column("signals", "event_id").tolist()
    assert len(events) >= 10
    episodes = session.column("episodes/metadata", "event_id").tolist()
    rejected = session.column("episodes/rejected", "event_id").tolist()
    assert sorted(episodes + rejected) == sorted(events)
    assert len(episodes) >= len(rejected)
    assert set(session.column("signals", "contract")) == {"ABC"}


def test_made_up__nobody_else_is_there(home, root) -> None:
    """No file of the lake bears another instrument's name, and another's cannot be asked for."""
    env = environment(root, home)
    assert set(env.profiles) == {"abc"}
    owners = {
        path.relative_to(root).parts[1] for layer in ("bronze", "silver", "gold")
        for path in (root / layer).rglob("*.parquet")
    }  # fmt: skip
    assert owners == {"abc"}
    with pytest.raises(UnknownNameError, match="ibm"):
        build_lake(root, "ibm", home=home)
