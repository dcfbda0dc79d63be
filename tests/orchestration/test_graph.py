"""The stage graph: order, ready sets, slices, names and ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spymaster_lake.contracts.errors import AmbiguousNameError, UnknownNameError
from spymaster_lake.contracts.manifest import Manifest
from spymaster_lake.orchestration.graph import StageGraph, find_stage
from tests.orchestration.small_project import manifest

DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": []}


def graph(parents):
    """A graph from {name: parents}."""
    stages = [{"stage_id": name, "depends_on": deps} for name, deps in parents.items()]
    return StageGraph(Manifest.model_validate({**manifest(), "stages": stages}))


def test_waves__independent_stages_side_by_side():
    """Stages whose parents are done form one wave, in the order of the manifest."""
    assert graph(DIAMOND).waves == (("a", "e"), ("b", "c"), ("d",))


@pytest.mark.parametrize(
    ("done", "started", "expected"),
    [
        ((), (), ("a", "e")),
        (("a",), ("e",), ("b", "c")),
        (("a", "b"), ("c",), ("e",)),
        (("a", "b", "c", "e"), (), ("d",)),
        (tuple(DIAMOND), (), ()),
    ],
)
def test_ready__only_what_may_start(done, started, expected):
    """A stage is ready once, when all its parents are done."""
    assert graph(DIAMOND).ready(done=done, started=started) == expected


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, "aebcd"),
        ("b", None, "bd"),
        (None, "b", "ab"),
        ("a", "c", "ac"),
        ("e", "d", ""),
    ],
)
def test_select__slices(since, until, expected):
    """From a stage on, up to a stage, or both."""
    assert "".join(graph(DIAMOND).select(since=since, until=until)) == expected


@given(st.integers(1, 9), st.data())
def test_order__parents_come_first(n, data):
    """In every acyclic graph each stage comes after all its ancestors."""
    names = [f"s{i}" for i in range(n)]
    parents = {
        name: data.draw(st.lists(st.sampled_from(names[:i]), unique=True)) if i else []
        for i, name in enumerate(names)
    }
    shuffled = dict(data.draw(st.permutations(list(parents.items()))))
    made = graph(shuffled)
    assert sorted(made.order) == sorted(names)
    for name in names:
        before = made.order[: made.order.index(name)]
        assert made.ancestors(name) <= set(before)


def test_find_stage__by_name_and_unambiguous_id():
    """A name is found, and an id that one stage has."""
    small = Manifest.model_validate(manifest())
    assert find_stage(small, "bars_10s").params == {"interval": "10s"}
    assert find_stage(small, "load").name == "load"


def test_find_stage__ambiguous_id_lists_the_names():
    """An id that two stages share is refused with their names."""
    with pytest.raises(AmbiguousNameError, match="name one of: bars_1min, bars_10s"):
        find_stage(Manifest.model_validate(manifest()), "build_bars")


def test_find_stage__unknown_lists_near_matches():
    """An unknown name is refused with near matches."""
    with pytest.raises(UnknownNameError, match="Did you mean 'bars_1min'"):
        find_stage(Manifest.model_validate(manifest()), "bars_1mn")
