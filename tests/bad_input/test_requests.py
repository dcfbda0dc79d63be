"""Requests that cannot be met, over the real stages; the small project has more (tests/orchestration)."""

from __future__ import annotations

import json
from datetime import date

import pytest

from tests.bad_input.command import at, on, on_stage
from tests.laws.small_lake import DAY

MANIFEST = "manifests/es/feature_engineering/version=4.5.0/manifest.json"

REQUESTS = {
    "unknown instrument": (
        on_stage("load_bronze", instrument="nq"), "Unknown instrument 'nq'.*Known: es, ibm, tsla",
    ),
    "missing instrument": (
        on_stage("load_bronze", instrument=""), "Missing option '--instrument'",
    ),
    "missing version": (
        on_stage("load_bronze", pipeline_version=""), "Missing option '--pipeline-version'",
    ),
    "unknown version": (
        on_stage("load_bronze", pipeline_version="4.5.1"),
        "Unknown pipeline version of es feature_engineering '4.5.1'. Did you mean '4.5.0'",
    ),
    "unknown pipeline": (
        on_stage("load_bronze", pipeline_id="features"),
        "Unknown pipeline of es 'features'.*Known: .*feature_engineering",
    ),
    "unknown stage": (
        on_stage("compute_phisics"), "'compute_phisics'. Did you mean 'compute_physics'",
    ),
    "ambiguous stage": (
        on_stage("build_ohlcv"),
        "name one of: build_ohlcv_1min, build_ohlcv_10s, build_ohlcv_2min",
    ),
    "weekend": (
        on_stage("load_bronze", date(2025, 11, 29)),
        r"2025-11-29 \(Saturday\) is no session.*nearest are 2025-11-28 and 2025-12-01",
    ),
    "range without a session": (
        ("run", "pipeline", *at(), *on(date(2025, 11, 29), date(2025, 11, 30))),
        "No session of es .* lies in 2025-11-29..2025-11-30",
    ),
    "unknown parameter": (
        ("run", "pipeline", *at(), *on(DAY), "--set", "build_ohlcv_1min.width=3"),
        "build_ohlcv_1min.*width",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("words", "said"), REQUESTS.values(), ids=REQUESTS)
def test_request__is_refused_before_anything_runs(lake, command, words, said):
    """Exit code 2, one clear message, no run record, nothing published."""
    runs = sorted((lake.root / "_meta" / "es" / "runs").iterdir())
    command.refused(*words, said=said, code=2)
    assert sorted((lake.root / "_meta" / "es" / "runs").iterdir()) == runs


def cycle(text: str) -> str:
    """load_bronze waits for the last stage."""
    data = json.loads(text)
    data["stages"][0]["depends_on"] = [
        data["stages"][-1].get("name", data["stages"][-1]["stage_id"])
    ]
    return json.dumps(data)


def undeclared(text: str) -> str:
    """A table that a stage writes is no longer an output."""
    data = json.loads(text)
    data["outputs"] = [o for o in data["outputs"] if o["dataset"] != "work/kinematics"]
    return json.dumps(data)


MANIFESTS = {
    "malformed": (lambda text: text[:-20], "is not valid JSON"),
    "unknown field": (
        lambda text: text.replace('"stages"', '"stagez"', 1), "stagez: Extra inputs are not permitted",
    ),
    "cyclic": (cycle, "cycle"),
    "unknown stage id": (
        lambda text: text.replace('"compute_physics"', '"compute_phisics"', 1),
        "Unknown stage id 'compute_phisics'. Did you mean 'compute_physics'",
    ),
    "undeclared output": (undeclared, "writes silver work/kinematics, which the manifest does not"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "said"), MANIFESTS.values(), ids=MANIFESTS)
def test_manifest__is_refused(command, tmp_path, change, said):
    """A manifest that is wrong stops the run at load time; the file is named."""
    command.project(tmp_path / "home", MANIFEST, "", "")
    path = tmp_path / "home" / MANIFEST
    path.write_text(change(path.read_text()))
    err = command.refused(*on_stage("load_bronze"), said=said, code=2)
    assert "feature_engineering/version=4.5.0" in err
