"""`spymaster models`: tables and JSON, clear refusals, exit codes."""

from __future__ import annotations

import json

import pytest

from spymaster_lake import cli
from spymaster_lake.contracts.model_registry import Gates
from tests.serving.bundles import MODEL, V1, V2, ModelLake


@pytest.fixture
def lake(tmp_path):
    lake = ModelLake(tmp_path)
    lake.add(V1)
    lake.add(V2, passed=False, gates=Gates(beats_B1=False, calibrated=True))
    return lake


def run(lake, *words):
    named = ["--instrument", "es", "--data-root", lake.root]
    return cli.main(["models", words[0], *named, *words[1:]])


def test_list(lake, capsys):
    """Every version with its state, aliases and gates; JSON is complete."""
    assert run(lake, "list", "--json") == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["model_version"], first["gates"]["beats_B1"]) == (V1, True)
    assert (second["model_version"], second["aliases"]) == (V2, [])
    assert run(lake, "list") == 0
    assert MODEL in capsys.readouterr().out


def test_show(lake, capsys):
    """One version by name or alias; the registry with its history if neither is named."""
    assert run(lake, "show", "--model-id", MODEL, "--model-version", V1, "--json") == 0
    assert json.loads(capsys.readouterr().out)["model_version"] == V1
    assert run(lake, "show", "--model-id", MODEL) == 0
    assert [h["op"] for h in json.loads(capsys.readouterr().out)["history"]] == ["register"] * 2
    assert run(lake, "show", "--model-id", MODEL, "--model-version", V1) == 0
    assert "bundle_sha256" in capsys.readouterr().out


def promote(lake, version, *more):
    words = ["--model-id", MODEL, "--model-version", version, "--reason", "test"]
    return run(lake, "promote", *words, *more)


def test_promote_rollback_retire(lake, capsys):
    """Promotion, refusal with its reason, lost race, retirement: message and exit code."""
    assert promote(lake, V1, "--json", "--who", "me") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["revision"], told["pointers"]["production"]["set_by"]) == (3, "me")
    assert promote(lake, V2) == 2
    error = capsys.readouterr().err
    assert "PromotionRefusedError" in error and "beats_B1: log-loss gain" in error
    assert promote(lake, V1, "--alias", "candidate", "--expected-revision", "2") == 2
    assert "RegistryConflictError" in capsys.readouterr().err
    assert run(lake, "retire", "--model-id", MODEL, "--model-version", V1) == 2
    assert "production" in capsys.readouterr().err
    assert run(lake, "retire", "--model-id", MODEL, "--model-version", V2) == 0
    assert run(lake, "show", "--model-id", MODEL, "--alias", "production", "--json") == 0


@pytest.mark.parametrize(
    "words, said",
    [
        (("show", "--model-id", "level_tres", "--model-version", V1), "'level_trees'"),
        (("show", "--model-id", MODEL, "--model-version", V1[:-1]), V1),
        (("show", "--model-id", MODEL, "--alias", "canidate"), "'candidate'"),
        (("show", "--model-id", MODEL, "--alias", "candidate"), "points at nothing"),
    ],
)
def test_unknown_names(lake, capsys, words, said):
    """Unknown models, versions and aliases exit 2 and list near matches."""
    assert run(lake, *words) == 2
    assert said in capsys.readouterr().err


def test_unknown_instrument(lake, capsys):
    """An unknown instrument is found before any registry is looked for."""
    root = ["--data-root", lake.root]
    assert cli.main(["models", "list", "--instrument", "ess", *root]) == 2
    assert "'es'" in capsys.readouterr().err
