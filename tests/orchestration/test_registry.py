"""The stage registry: explicit registration, three levels, no silent overwriting."""

from __future__ import annotations

import pytest

from spymaster_lake.contracts.errors import ConfigError, UnknownNameError
from spymaster_lake.orchestration.registry import StageRegistry, concrete, final_params
from spymaster_lake.stages.spec import SessionStage
from tests.orchestration.small_project import BARS, LOAD, registry

AT = {"instrument": "es", "pipeline_id": "fe", "pipeline_version": "1.0.0"}


def stage(function_name):
    """A stage whose function tells it apart."""

    def run(inputs, context):
        raise AssertionError

    run.__qualname__ = function_name
    return SessionStage("load", (), (), run)


SHARED, PIPELINE, VERSION = stage("shared"), stage("pipeline"), stage("version")


@pytest.mark.parametrize(
    ("levels", "winner"),
    [
        pytest.param(["shared"], "shared", id="shared alone"),
        pytest.param(["shared", "pipeline"], "pipeline", id="instrument and pipeline win"),
        pytest.param(["shared", "pipeline", "version"], "version", id="version wins over all"),
        pytest.param(["shared", "version"], "version", id="version over shared"),
        pytest.param(["version"], "version", id="version alone"),
    ],
)
def test_resolve__first_match_wins(levels, winner):
    """The most specific registration wins, in whatever order they came."""
    keys = {
        "shared": (SHARED, {}),
        "pipeline": (PIPELINE, {"instrument": "es", "pipeline_id": "fe"}),
        "version": (VERSION, AT),
    }
    for order in (levels, levels[::-1]):
        made = StageRegistry()
        for level in order:
            made.register(keys[level][0], **keys[level][1])
        assert made.resolve("load", **AT)[1].run.__qualname__ == winner


@pytest.mark.parametrize(
    "other", [{"instrument": "tsla"}, {"pipeline_id": "x"}, {"pipeline_version": "2.0.0"}]
)
def test_resolve__override_does_not_leak(other):
    """An override serves exactly its instrument, pipeline and version."""
    made = StageRegistry()
    made.register(SHARED)
    made.register(VERSION, **AT)
    assert made.resolve("load", **{**AT, **other})[1] is SHARED


def test_resolve__unknown_id_lists_near_matches():
    """A typo is answered with what was probably meant."""
    with pytest.raises(UnknownNameError, match=r"Unknown stage id 'laod'. Did you mean 'load'"):
        registry().resolve("laod", **AT)


@pytest.mark.parametrize(
    "key",
    [{}, {"instrument": "es", "pipeline_id": "fe"}, AT],
    ids=["shared", "pipeline", "version"],
)
def test_register__same_key_twice_raises(key):
    """A key that is taken is never overwritten."""
    made = StageRegistry()
    made.register(SHARED, **key)
    with pytest.raises(ConfigError, match="registered already"):
        made.register(PIPELINE, **key)
    assert made.resolve("load", **AT)[1] is SHARED


@pytest.mark.parametrize(
    "key", [{"instrument": "es"}, {"pipeline_id": "fe"}, {"pipeline_version": "1.0.0"}]
)
def test_register__refuses_other_levels(key):
    """There are three levels and no fourth."""
    with pytest.raises(ConfigError, match="A stage is registered by"):
        StageRegistry().register(SHARED, **key)


def test_explain__shows_candidates_and_winner():
    """All three keys in order, which exist, and the one that wins."""
    made = StageRegistry()
    made.register(SHARED)
    made.register(PIPELINE, instrument="es", pipeline_id="fe")
    rows = [(str(c.key), c.registered, c.wins) for c in made.explain("load", **AT)]
    assert rows == [
        ("(es, fe, 1.0.0, load)", False, False),
        ("(es, fe, load)", True, True),
        ("(load)", True, False),
    ]


def test_container__contains_iterates_counts():
    """The registry answers `in`, iterates over its keys and says what it holds."""
    made = registry()
    made.register(LOAD, **AT)
    assert "load" in made
    assert "nope" not in made
    assert [str(key) for key in made] == ["(build_bars)", "(es, fe, 1.0.0, load)", "(load)"]
    assert repr(made) == "<StageRegistry(2 stages, 1 overrides)>"


def test_factory__outputs_follow_the_parameters():
    """One stage id makes different tables by its parameters."""
    names = [concrete(BARS, {"interval": i}).outputs[0].dataset for i in ("1min", "10s")]
    assert names == ["work/bars_1min", "work/bars_10s"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        pytest.param({"limit": 5}, ({"limit": 5}, 0), id="given"),
        pytest.param({}, ({"limit": 10}, 0), id="default"),
        pytest.param({"limt": 5}, ({"limit": 10}, 1), id="undeclared"),
        pytest.param({"limit": "5"}, ({"limit": "5"}, 1), id="another type"),
        pytest.param({"limit": True}, ({"limit": True}, 1), id="a bool is no int"),
    ],
)
def test_final_params__declared_only(params, expected):
    """Only declared parameters of the declared type pass."""
    merged, problems = final_params(LOAD, params, where="x")
    assert (merged, len(problems)) == expected
