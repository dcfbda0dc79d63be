"""Bundles: published as a whole, read only if every byte is as recorded."""

from __future__ import annotations

import hashlib
import os
import subprocess

import pytest

from spymaster_lake.contracts.errors import (
    ArtifactIntegrityError,
    BundleIdentityError,
    BundleSchemaError,
    PublishError,
)
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.model_store import publish_bundle, read_bundle
from spymaster_lake.lake.paths import LakePathResolver
from tests.serving.bundles import INSTRUMENT, MODEL, V1, V2, ModelLake, bundle_of, files_of


@pytest.fixture
def lake(tmp_path):
    return ModelLake(tmp_path)


def read(lake, **options):
    return read_bundle(lake.filesystem, lake.resolver, INSTRUMENT, MODEL, V1, **options)


def test_publish__reads_back(lake):
    """What was published is read, with the hash that publishing returned; sha256sum agrees."""
    sha256 = lake.publish(bundle_of())
    stored = read(lake, bundle_sha256=sha256)
    assert stored.files == files_of(bundle_of())
    sums = lake.path(V1, "SHA256SUMS").read_bytes()
    assert hashlib.sha256(sums).hexdigest() == sha256 == stored.bundle_sha256
    names = [line.split("  ")[1] for line in sums.decode().splitlines()]
    assert names == sorted(names)
    folder = lake.path(V1, "x").parent
    subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=folder, check=True)
    assert not [p for p in folder.parent.iterdir() if p.name.startswith(".staging")]


def test_publish__existing_version(lake):
    """A version directory is immutable."""
    lake.publish(bundle_of())
    before = lake.path(V1, "SHA256SUMS").read_bytes()
    with pytest.raises(PublishError, match="immutable"):
        lake.publish(bundle_of(label_version="labels@v2"))
    assert lake.path(V1, "SHA256SUMS").read_bytes() == before


def test_publish__lost_race(lake, monkeypatch):
    """Of two publishers that both saw no directory, the later gets an error and leaves nothing."""
    lake.publish(bundle_of())
    monkeypatch.setattr(LakeFileSystem, "exists", lambda self, path: False)
    with pytest.raises(PublishError, match="cannot be published"):
        lake.publish(bundle_of(label_version="labels@v2"))
    monkeypatch.undo()
    assert read(lake).files == files_of(bundle_of())
    folder = lake.path(V1, "x").parent.parent
    assert [p.name for p in folder.iterdir()] == [f"version={V1}"]


def test_publish__does_not_read_back(lake, monkeypatch):
    """A file that the disk returns changed stops the publication."""
    monkeypatch.setattr(LakeFileSystem, "read_bytes", lambda self, path: b"other")
    with pytest.raises(ArtifactIntegrityError, match="does not read back"):
        lake.publish(bundle_of())
    assert not lake.path(V1, "x").parent.exists()


@pytest.mark.parametrize("name", ["../x", "/x", "a/../b", "SHA256SUMS", ".hidden"])
def test_publish__bad_path(lake, name):
    """Only plain relative paths may be in a bundle."""
    with pytest.raises(PublishError):
        publish_bundle(
            lake.filesystem, lake.resolver, INSTRUMENT, MODEL, V1,
            {**files_of(bundle_of()), name: b""},
        )  # fmt: skip


def test_publish__refuses_what_it_is_not(lake):
    """bundle.json must be of the named version, valid, and name the heads as they are."""
    files = files_of(bundle_of())
    publish = [lake.filesystem, lake.resolver, INSTRUMENT, MODEL]
    with pytest.raises(BundleIdentityError, match=V2):
        publish_bundle(*publish, V2, files)
    with pytest.raises(BundleSchemaError):
        publish_bundle(*publish, V1, {**files, "bundle.json": b"{}"})
    with pytest.raises(PublishError, match=r"no bundle\.json"):
        publish_bundle(*publish, V1, {"x": b""})
    with pytest.raises(ArtifactIntegrityError, match="heads/direction_4min"):
        publish_bundle(*publish, V1, {**files, "heads/direction_4min.joblib": b"other"})
    without = {n: d for n, d in files.items() if n != "heads/direction_4min.joblib"}
    with pytest.raises(ArtifactIntegrityError, match="missing"):
        publish_bundle(*publish, V1, without)


@pytest.mark.parametrize(
    "damage, path",
    [
        (lambda f: f.joinpath("metrics.json").write_bytes(b"x"), "metrics.json"),
        (lambda f: f.joinpath("metrics.json").unlink(), "metrics.json"),
        (lambda f: f.joinpath("more.txt").write_bytes(b""), "more.txt"),
        (lambda f: f.joinpath("SHA256SUMS").unlink(), "SHA256SUMS"),
        (lambda f: f.joinpath("SHA256SUMS").write_bytes(b"junk\n"), "SHA256SUMS"),
        (lambda f: f.rename(f.with_name("gone")), f"version={V1}"),
    ],
    ids=["changed", "missing", "extra", "no sums", "malformed sums", "no directory"],
)
def test_read__damage(lake, damage, path):
    """Whatever differs from SHA256SUMS is an error that carries the path."""
    lake.publish(bundle_of())
    damage(lake.path(V1, "x").parent)
    with pytest.raises(ArtifactIntegrityError) as found:
        read(lake)
    assert found.value.path.endswith(path)


def test_read__rewritten_with_its_sums(lake):
    """A bundle rewritten as a whole is found by the registry's hash."""
    sha256 = lake.publish(bundle_of())
    lake.path(V1, "metrics.json").write_bytes(b"x")
    sums = lake.path(V1, "SHA256SUMS")
    lines = [ln for ln in sums.read_text().splitlines() if not ln.endswith("metrics.json")]
    fresh = f"{hashlib.sha256(b'x').hexdigest()}  metrics.json"
    sums.write_text("\n".join([*lines, fresh]) + "\n")
    assert read(lake).files["metrics.json"] == b"x"
    with pytest.raises(ArtifactIntegrityError, match="registry says"):
        read(lake, bundle_sha256=sha256)


def test_store__object_store():
    """On a store without rename a bundle is complete once SHA256SUMS stands."""
    root = f"memory://bundles{os.getpid()}"
    resolver, filesystem = LakePathResolver(root), LakeFileSystem.of(root)
    arguments = (filesystem, resolver, INSTRUMENT, MODEL, V1)
    sha256 = publish_bundle(*arguments, files_of(bundle_of()))
    assert read_bundle(*arguments, bundle_sha256=sha256).files == files_of(bundle_of())
    with pytest.raises(PublishError):
        publish_bundle(*arguments, files_of(bundle_of()))
    filesystem.remove(f"{resolver.model_dir(INSTRUMENT, MODEL, V1)}/SHA256SUMS")
    with pytest.raises(ArtifactIntegrityError, match="no complete bundle"):
        read_bundle(*arguments)
    filesystem.remove_tree(f"{root}/models")
