"""The manifest model and its checks: every violation is found, and all are reported together."""

from __future__ import annotations

import copy
import json

import pytest

from spymaster_lake.contracts.errors import ManifestError
from spymaster_lake.contracts.manifest import parse_manifest
from spymaster_lake.contracts.manifest_checks import (
    location_problems,
    production_problems,
    raise_all,
    structure_problems,
)

OWN = {"layer": "silver", "pipeline_id": "features", "pipeline_version": "1.2.3"}
GOOD = {
    "schema_version": 1,
    "instrument": "es",
    "pipeline_id": "features",
    "pipeline_version": "1.2.3",
    "inputs": [{"layer": "bronze", "product": "futures", "dataset": "trades", "required": False}],
    "outputs": [{**OWN, "dataset": "signals"}, {**OWN, "dataset": "work/bars"}],
    "stages": [
        {"stage_id": "load"},
        {"stage_id": "bars", "name": "bars_1min", "params": {"width": 60}, "depends_on": ["load"]},
    ],
}


def changed(**changes):
    """The good manifest with top-level fields replaced."""
    return {**copy.deepcopy(GOOD), **changes}


def parse(data):
    """The manifest of JSON values; the form must be right."""
    manifest, problems = parse_manifest(json.dumps(data), source="m.json")
    assert problems == []
    return manifest


def test_manifest__name_defaults_to_stage_id():
    """A stage without a name is called by its id."""
    assert parse(GOOD).names == ("load", "bars_1min")


def test_manifest__required_defaults_to_true():
    """An input is required unless it says otherwise."""
    assert [ref.required for ref in parse(GOOD).inputs] == [False]
    assert (
        parse(changed(inputs=[{"layer": "bronze", "product": "futures", "dataset": "mbp10"}]))
        .inputs[0]
        .required
    )


def test_manifest__is_frozen():
    """A manifest cannot be changed after loading."""
    with pytest.raises(ValueError, match="frozen"):
        parse(GOOD).instrument = "tsla"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(changed(colour="red"), "m.json: colour: Extra inputs", id="unknown field"),
        pytest.param(
            changed(schema_version=2),
            "m.json: schema_version: Input should be 1",
            id="unknown schema version",
        ),
        pytest.param(
            changed(instrument="ES"),
            "m.json: instrument: String should match",
            id="upper-case instrument",
        ),
        pytest.param(
            changed(pipeline_version="4.5"), "m.json: pipeline_version:", id="no semantic version"
        ),
        pytest.param(changed(stages=[]), "m.json: stages:", id="no stage"),
        pytest.param(changed(outputs=[]), "m.json: outputs:", id="no output"),
        pytest.param(
            changed(stages=[{"name": "x"}]),
            "m.json: stages.0.stage_id: Field required",
            id="no stage id",
        ),
        pytest.param(
            changed(stages=[{"stage_id": "a", "needs": []}]),
            "m.json: stages.0.needs: Extra",
            id="unknown stage field",
        ),
        pytest.param(
            changed(inputs=[{"layer": "bronze", "dataset": "trades"}]),
            "m.json: inputs.0: ",
            id="bronze without product",
        ),
        pytest.param(
            changed(inputs=[{"layer": "silver", "dataset": "signals"}]),
            "m.json: inputs.0: ",
            id="silver without pipeline",
        ),
        pytest.param(
            changed(inputs=[{**OWN, "product": "futures", "dataset": "x"}]),
            "m.json: inputs.0: ",
            id="silver with product",
        ),
    ],
)
def test_parse__refuses_wrong_form(data, expected):
    """A wrong form is a sentence that names file and field."""
    manifest, problems = parse_manifest(json.dumps(data), source="m.json")
    assert manifest is None
    assert any(p.startswith(expected) for p in problems), problems


def test_parse__reports_all_violations_at_once():
    """Two wrong fields give two sentences."""
    _, problems = parse_manifest(
        json.dumps(changed(instrument="ES", colour="red")), source="m.json"
    )
    assert len(problems) == 2


@pytest.mark.parametrize("text", ['{"a": ', '{"a": 1, "a": 2}'], ids=["truncated", "key twice"])
def test_parse__refuses_bad_json(text):
    """Text that is no JSON, or says a key twice, is refused with the file's name."""
    assert parse_manifest(text, source="m.json")[1][0].startswith(
        "m.json: (root): is not valid JSON"
    )


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        pytest.param(
            [{"stage_id": "a"}, {"stage_id": "a"}],
            "stages: name 'a' occurs 2 times",
            id="duplicate name",
        ),
        pytest.param(
            [{"stage_id": "load"}, {"stage_id": "b", "depends_on": ["laod"]}],
            "stages.1.depends_on: stage 'b' depends on 'laod', which is no stage name here; did you mean 'load'?",
            id="missing name",
        ),
        pytest.param(
            [{"stage_id": "a", "depends_on": ["b"]}, {"stage_id": "b", "depends_on": ["a"]}],
            "stages.depends_on: cycle",
            id="cycle",
        ),
        pytest.param(
            [{"stage_id": "a", "depends_on": ["a"]}], "stages.depends_on: cycle a -> a", id="self"
        ),
    ],
)
def test_structure__finds_bad_graphs(stages, expected):
    """Duplicate names, dependencies on nothing and cycles are found."""
    problems = structure_problems(parse(changed(stages=stages)), source="m.json")
    assert len(problems) == 1
    assert problems[0].startswith(f"m.json: {expected}")


def test_structure__accepts_the_good_manifest():
    """A good manifest has no violation."""
    assert structure_problems(parse(GOOD), source="m.json") == []


def test_structure__refuses_foreign_and_repeated_outputs():
    """A pipeline declares its own outputs, each once."""
    foreign = {**OWN, "pipeline_id": "other", "dataset": "x"}
    manifest = parse(changed(outputs=[foreign, *GOOD["outputs"], GOOD["outputs"][0]]))
    problems = structure_problems(manifest, source="m.json")
    assert [p.split(":")[1].strip() for p in problems] == ["outputs.0", "outputs"]


def test_location__names_each_differing_field():
    """Instrument, pipeline and version must equal those of the path."""
    problems = location_problems(
        parse(GOOD),
        instrument="tsla",
        pipeline_id="features",
        pipeline_version="9.9.9",
        source="m.json",
    )
    assert problems == [
        "m.json: instrument: is 'es' but the path says 'tsla'",
        "m.json: pipeline_version: is '1.2.3' but the path says '9.9.9'",
    ]


def test_production__every_input_has_a_producer():
    """An input that no manifest writes is found, with near matches; one that is written is fine."""
    reader = changed(
        pipeline_id="episodes",
        inputs=[{**OWN, "dataset": "signals"}, {**OWN, "dataset": "signal"}],
        outputs=[{**OWN, "pipeline_id": "episodes", "dataset": "x"}],
    )
    problems = production_problems({"a.json": parse(GOOD), "b.json": parse(reader)})
    assert problems == [
        "b.json: inputs.1: no manifest produces silver features 1.2.3 signal; did you mean 'signals'?"
    ]


def test_production__version_counts():
    """Another version of the same dataset is another dataset."""
    reader = changed(
        pipeline_id="episodes", inputs=[{**OWN, "pipeline_version": "1.2.4", "dataset": "signals"}]
    )
    assert len(production_problems({"a.json": parse(GOOD), "b.json": parse(reader)})) == 1


def test_production__bronze_dataset_must_exist():
    """A Bronze dataset that ingestion does not know is found."""
    wrong = changed(inputs=[{"layer": "bronze", "product": "futures", "dataset": "trade"}])
    assert "did you mean 'trades'" in production_problems({"a.json": parse(wrong)})[0]


def test_production__core_never_depends_on_an_addon():
    """No core pipeline may read what pentaview writes."""
    addon = changed(
        pipeline_id="pentaview",
        outputs=[{**OWN, "layer": "gold", "pipeline_id": "pentaview", "dataset": "stream_bars"}],
    )
    core = changed(inputs=addon["outputs"])
    problems = production_problems({"a.json": parse(addon), "b.json": parse(core)})
    assert problems == ["b.json: inputs.0: a core pipeline may not depend on 'pentaview'"]


def test_raise_all__one_error_carries_everything():
    """All violations are in one message, and no violation is no error."""
    raise_all([])
    with pytest.raises(ManifestError, match=r"2 manifest violation\(s\)\n  one\n  two"):
        raise_all(["one", "two"])
