"""Registry: compare-and-swap, gates, crash safety, history."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from pydantic import ValidationError

from spymaster_lake.contracts.errors import (
    ArtifactIntegrityError,
    BundleIdentityError,
    ContractError,
    PromotionRefusedError,
    RegistryConflictError,
    RegistryError,
    UnknownNameError,
)
from spymaster_lake.contracts.model_registry import Gates, Registry, registry_schema
from spymaster_lake.lake import model_registry, registry_files
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.model_registry import ModelRegistry, with_retry
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.lake.registry_lookup import resolve
from tests.serving.bundles import (
    INSTRUMENT,
    MODEL,
    RUN,
    V1,
    V2,
    V3,
    ModelLake,
    bundle_of,
    entry_of,
)

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def lake(tmp_path):
    return ModelLake(tmp_path)


def promote(lake, version, alias="production", **options):
    return lake.registry.promote(alias, version, reason="test", who="me", **options)


def test_register__first(lake):
    """The first registration makes revision 1, publishes the schema and writes one history line."""
    lake.add(V1)
    registry = lake.registry.read()
    assert (registry.revision, [v.model_version for v in registry.versions]) == (1, [V1])
    assert registry.pointers.production is registry.pointers.candidate is None
    schema = lake.filesystem.read_json(lake.resolver.schema_json("model_registry", 1))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    (line,) = lake.registry.history()
    assert (line.revision, line.op, line.who, line.before) == (1, "register", "tests", None)
    assert line.after["model_version"] == V1


def test_register__twice(lake):
    """A version is registered once."""
    lake.add(V1)
    with pytest.raises(RegistryError, match="already"):
        lake.registry.register(lake.registry.read().versions[0])
    assert lake.registry.revision() == 1


def test_register__without_bundle(lake):
    """An entry without its files is refused, and so is one that says another hash."""
    with pytest.raises(ArtifactIntegrityError, match="no such bundle"):
        lake.registry.register(entry_of(bundle_of(), "a" * 64))
    lake.publish(bundle_of())
    with pytest.raises(ArtifactIntegrityError, match="registry says"):
        lake.registry.register(entry_of(bundle_of(), "a" * 64))
    assert lake.registry.revision() == 0


@pytest.mark.parametrize(
    "field, value",
    [
        ("feature_set_id", "other@v1"),
        ("label_version", "labels@v9"),
        ("mlflow_run_id", "m2"),
        ("feature_set_sha256", "0" * 64),
    ],
)
def test_register__contradicts_bundle(lake, field, value):
    """An entry that says something else than bundle.json is refused."""
    sha256 = lake.publish(bundle_of())
    with pytest.raises(BundleIdentityError, match=field):
        lake.registry.register(entry_of(bundle_of(), sha256, **{field: value}))


@pytest.mark.parametrize(
    "field, value",
    [
        ("model_version", "4.5.0"),
        ("bundle_sha256", "abc"),
        ("artifact_path", "/models/es/level_trees/version=x"),
        ("state", "deleted"),
        ("git_sha", "f" * 40),
        ("surprise", 1),
        ("dataset_fingerprints", {}),
        ("dataset_fingerprints", {"signals": "md5:1"}),
        ("created_at", "yesterday"),
    ],
)
def test_entry__closed(field, value):
    """Patterns hold and unknown fields are refused."""
    with pytest.raises(ValidationError):
        entry_of(bundle_of(), **{"bundle_sha256": "a" * 64, field: value})


def test_schema__closed_everywhere():
    """Every object of the JSON Schema is closed, but the two maps, which are typed."""

    def objects(node):
        if isinstance(node, dict):
            if node.get("type") == "object":
                yield node
            for item in node.values():
                yield from objects(item)
        elif isinstance(node, list):
            for item in node:
                yield from objects(item)

    found = list(objects(registry_schema()))
    maps = [o for o in found if o.get("additionalProperties") is not False]
    assert len(found) == 8
    assert [o["additionalProperties"].get("pattern") for o in maps] == [
        "^(sha256:)?[0-9a-f]{64}$", None,
    ]  # fmt: skip
    assert {t["type"] for t in maps[1]["additionalProperties"]["anyOf"]} == {"number", "null"}
    for node in found:
        if "properties" in node:
            assert sorted(node["required"]) == sorted(node["properties"])


DANGLING = {
    "model_version": V2,
    "set_at": "2026-01-05T14:03:11Z",
    "set_by": "x",
    "previous": None,
    "reason": "",
}


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r["versions"].append(r["versions"][0]),
        lambda r: r["pointers"].update(production=DANGLING),
        lambda r: r.update(latest=V1),
        lambda r: r["pointers"].update(staging=None),
        lambda r: r.update(revision="7"),
        lambda r: r.pop("updated_at"),
    ],
    ids=["twice", "dangling pointer", "extra", "extra alias", "text for number", "missing"],
)
def test_read__breaks_a_rule(lake, change):
    """A registry that somebody edited into nonsense is an error, never read as far as it goes."""
    lake.add(V1)
    path = lake.filesystem.local_path(lake.resolver.registry_json(INSTRUMENT, MODEL))
    content = lake.registry_json()
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ContractError):
        lake.registry.read()


def test_read__bundle_of_another_place(lake):
    """A path that is not where the resolver puts the version is refused, with the right one."""
    lake.add(V1)
    path = lake.filesystem.local_path(lake.resolver.registry_json(INSTRUMENT, MODEL))
    content = lake.registry_json()
    wanted = content["versions"][0]["artifact_path"]
    content["versions"][0]["artifact_path"] = wanted.replace(INSTRUMENT, "other")
    path.write_text(json.dumps(content))
    with pytest.raises(ContractError, match=f"'models/other/.*', must be '{wanted}'"):
        lake.registry.read()


def test_expected_revision(lake):
    """A change that was decided on an older revision loses, and says both revisions."""
    lake.add(V1)
    lake.publish(bundle_of(V2))
    lake.add(V3)
    with pytest.raises(RegistryConflictError) as found:
        promote(lake, V1, expected=1)
    assert (found.value.expected, found.value.found) == (1, 2)
    assert promote(lake, V1, expected=2).revision == 3


def test_retry__at_most_five(monkeypatch):
    """The caller's helper reads anew five times and then gives the conflict up."""
    monkeypatch.setattr(model_registry.time, "sleep", lambda seconds: None)
    calls = []

    def lose():
        calls.append(1)
        raise RegistryConflictError(MODEL, 1, 2)

    with pytest.raises(RegistryConflictError):
        with_retry(lose)
    assert len(calls) == 5


def _register(root, number, barrier):
    lake = ModelLake(root)
    bundle = bundle_of(f"4.5.0_ab12cd3_2026010514{number:04d}")
    sha256 = lake.publish(bundle)
    barrier.wait()
    lake.registry.register(entry_of(bundle, sha256), who=f"p{number}")


def test_concurrent_registrars(lake):
    """Processes that register at once: every entry is there, revisions are consecutive."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    workers = [context.Process(target=_register, args=(lake.root, n, barrier)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    registry = lake.registry.read()
    assert registry.revision == 3
    assert len({v.model_version for v in registry.versions}) == 3
    assert [h.revision for h in lake.registry.history()] == [1, 2, 3]


KILLED = """
    import os, signal
    from spymaster_lake.lake import registry_files
    from tests.serving.bundles import ModelLake, V2

    def die(*args):
        os.kill(os.getpid(), signal.SIGKILL)

    registry_files.{victim} = die
    ModelLake({root!r}).add(V2)
"""


def killed_in(lake, victim):
    """Register V2 in a process that is killed when it calls `victim`."""
    code = textwrap.dedent(KILLED).format(victim=victim, root=lake.root)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, check=False, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def test_kill__before_replace(lake):
    """Killed between temporary write and replace: the old file stands, the next change works."""
    lake.add(V1)
    before = lake.registry_json()
    killed_in(lake, "replace_synced")
    folder = lake.filesystem.local_path(lake.resolver.registry_dir(INSTRUMENT, MODEL))
    assert list(folder.glob("registry.json.tmp-*"))
    assert lake.registry_json() == before
    lake.add(V3)
    registry = lake.registry.read()
    assert (registry.revision, [v.model_version for v in registry.versions]) == (2, [V1, V3])
    assert not list(folder.glob("*.tmp-*"))
    assert [h.revision for h in lake.registry.history()] == [1, 2]


def test_kill__before_history(lake):
    """Killed after the replace: the change stands, and the history names the gap."""
    lake.add(V1)
    killed_in(lake, "append_synced")
    assert lake.registry.revision() == 2
    lake.add(V3)
    found = [(h.revision, h.op) for h in lake.registry.history()]
    assert found == [(1, "register"), (2, "unrecorded"), (3, "register")]


def test_history__torn_line(lake):
    """A line that a crash cut short is dropped and its revision named."""
    lake.add(V1)
    lake.add(V2)
    path = lake.filesystem.local_path(lake.resolver.registry_history(INSTRUMENT, MODEL))
    path.write_bytes(path.read_bytes()[:-10])
    lake.add(V3)
    assert [h.op for h in lake.registry.history()] == ["register", "unrecorded", "register"]


def test_promote__pointer_only(lake):
    """Promotion changes pointers and nothing else; rollback promotes the previous version."""
    lake.add(V1)
    lake.add(V2)
    before = lake.registry.read()
    first = promote(lake, V1)
    assert first.versions == before.versions
    assert first.pointers.production.previous is None
    second = promote(lake, V2)
    assert second.pointers.production.previous == V1
    back = promote(lake, V1)
    assert back.pointers.production.model_version == V1
    assert back.pointers.production.previous == V2
    assert back.revision == 5
    line = lake.registry.history()[-1]
    assert line.before == {"alias": "production", "model_version": V2}
    assert line.after == {"alias": "production", "model_version": V1}
    with pytest.raises(RegistryError, match="already"):
        promote(lake, V1)


def test_promote__refusals(lake):
    """Every gate that fails is named, with its figures; the registry stays as it was."""
    lake.add(
        V1,
        passed=False,
        gates=Gates(beats_B1=False, calibrated=True),
        git_dirty=True,
        run_id="nowhere",
    )
    with pytest.raises(PromotionRefusedError) as found:
        promote(lake, V1)
    assert list(found.value.refusals) == ["beats_B1", "git_dirty", "fingerprint"]
    assert "log-loss gain over B1 -0.0100" in str(found.value)
    assert "ab12cd3" in found.value.refusals["git_dirty"]
    assert "'nowhere' has no record" in found.value.refusals["fingerprint"]
    assert lake.registry.revision() == 1


def test_promote__edited_gates(lake):
    """Gates edited in registry.json open nothing: the bundle's verdict counts too."""
    lake.add(V1, passed=False, gates=Gates(beats_B1=True, calibrated=True))
    lake.add(V2, passed=True, gates=Gates(beats_B1=True, calibrated=False))
    with pytest.raises(PromotionRefusedError, match="beats_B1"):
        promote(lake, V1)
    with pytest.raises(PromotionRefusedError, match="calibrated"):
        promote(lake, V2)


def test_promote__fingerprint_not_recorded(lake):
    """The run record must hold the fingerprints that the version claims."""
    lake.add(V1)
    path = lake.resolver.run_json(INSTRUMENT, RUN)
    lake.filesystem.write_json(path, {"run_id": RUN, "inputs": [{"sha256": "e" * 64}]})
    with pytest.raises(PromotionRefusedError, match="signals"):
        promote(lake, V1)


def test_promote__corrupted(lake):
    """A corrupted artefact is refused with its path."""
    lake.add(V1)
    lake.path(V1, "heads/direction_4min.joblib").write_bytes(b"other")
    with pytest.raises(ArtifactIntegrityError) as found:
        promote(lake, V1)
    assert found.value.path.endswith("heads/direction_4min.joblib")
    assert lake.registry.revision() == 1


def test_names__near_matches(lake):
    """Unknown models, versions and aliases list what is near."""
    lake.add(V1)
    with pytest.raises(UnknownNameError, match="Did you mean 'production'"):
        promote(lake, V1, alias="prodction")
    with pytest.raises(UnknownNameError, match=f"Did you mean '{V1}'"):
        promote(lake, V2)
    other = ModelRegistry(lake.filesystem, lake.resolver, INSTRUMENT, "level_tree")
    with pytest.raises(UnknownNameError, match="Did you mean 'level_trees'"):
        other.read()
    foreign = ModelRegistry(lake.filesystem, lake.resolver, "tsla", MODEL)
    with pytest.raises(UnknownNameError, match=r"_meta/tsla/models/level_trees/registry\.json"):
        foreign.read()


def test_retire(lake):
    """A retired version keeps its files, cannot be promoted or read; a pointed one stays."""
    lake.add(V1)
    lake.add(V2)
    promote(lake, V1)
    with pytest.raises(RegistryError, match="production"):
        lake.registry.retire(V1)
    registry = lake.registry.retire(V2, who="me")
    assert [v.state for v in registry.versions] == ["registered", "retired"]
    assert lake.path(V2, "bundle.json").exists()
    with pytest.raises(RegistryError, match="retired"):
        promote(lake, V2)
    with pytest.raises(RegistryError, match="already"):
        lake.registry.retire(V2)
    with pytest.raises(RegistryError, match="retired"):
        resolve(registry, model_version=V2, alias=None)


def test_resolve__no_implicit_latest(lake):
    """A reader names a version or an alias that points at something; nothing is chosen for it."""
    lake.add(V1)
    registry = lake.registry.read()
    for options in (
        {"model_version": None, "alias": None},
        {"model_version": V1, "alias": "production"},
        {"model_version": None, "alias": "production"},
    ):
        with pytest.raises(RegistryError):
            resolve(registry, **options)
    assert resolve(registry, model_version=V1, alias=None).model_version == V1
    assert resolve(promote(lake, V1), model_version=None, alias="production").model_version == V1


def test_lock__held(lake, monkeypatch):
    """A lock that is not released in time is an error that names it."""
    monkeypatch.setattr(registry_files, "LOCK_SECONDS", 0.05)
    lake.add(V1)
    files = registry_files.RegistryFiles(lake.filesystem, lake.resolver, INSTRUMENT, MODEL)
    with files.locked(), pytest.raises(RegistryError, match=r"registry\.lock"):
        promote(lake, V1)


def test_object_store__changes_are_refused():
    """Where no lock exists every change is refused, and reading works."""
    root = f"memory://registry{os.getpid()}"
    filesystem, resolver = LakeFileSystem.of(root), LakePathResolver(root)
    registry = ModelRegistry(filesystem, resolver, INSTRUMENT, MODEL)
    with pytest.raises(RegistryError, match="exclusive lock"):
        registry.register(entry_of(bundle_of(), "a" * 64))
    content = {
        "schema_version": 1, "instrument": INSTRUMENT, "model_id": MODEL, "revision": 1,
        "updated_at": "2026-01-05T14:03:11Z", "versions": [],
        "pointers": {"production": None, "candidate": None},
    }  # fmt: skip
    filesystem.write_json(resolver.registry_json(INSTRUMENT, MODEL), content)
    assert registry.read() == Registry.model_validate(content)
    filesystem.remove_tree(f"{root}/_meta")
