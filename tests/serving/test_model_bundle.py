"""`load`: every check in its order, each its own exception, no partial object."""

from __future__ import annotations

import io
import json
import shutil

import joblib
import pytest

from spymaster_lake.contracts.bundle import BundleEnv, json_bytes, sha256_hex
from spymaster_lake.contracts.errors import (
    ArtifactIntegrityError,
    BundleIdentityError,
    BundleSchemaError,
    EnvironmentMismatchError,
    HeadError,
    RegistryConflictError,
    RegistryError,
    UnknownNameError,
)
from spymaster_lake.lake.model_store import sums_of
from spymaster_lake.serving.model_bundle import load
from spymaster_lake.serving.model_reader import ModelReader
from tests.serving.bundles import (
    INSTRUMENT,
    MODEL,
    PIPELINE,
    SKIPPED,
    V1,
    V2,
    ModelLake,
    bundle_of,
    files_of,
    fitted_heads,
)


@pytest.fixture
def lake(tmp_path):
    return ModelLake(tmp_path)


def loaded(lake, **options):
    named = {"model_version": V1} if not {"model_version", "alias"} & set(options) else {}
    asked = {"instrument": INSTRUMENT, "model_id": MODEL, "pipeline_version": PIPELINE}
    return load(lake.filesystem, lake.resolver, **{**asked, **named, **options})


def stand(lake, files, **entry):
    """Put files at V1 and a registry entry that vouches for them, past every check of publishing."""
    folder = lake.path(V1, "x").parent
    if not folder.exists():
        lake.add(V1, heads=fitted_heads(), **entry)
    shutil.rmtree(folder)
    sums = sums_of(files)
    for name, data in {**files, "SHA256SUMS": sums}.items():
        folder.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        folder.joinpath(name).write_bytes(data)
    path = lake.filesystem.local_path(lake.resolver.registry_json(INSTRUMENT, MODEL))
    content = lake.registry_json()
    content["versions"][0]["bundle_sha256"] = sha256_hex(sums)
    path.write_text(json.dumps(content))


def valid(**changes):
    heads = fitted_heads()
    return files_of(bundle_of(heads=heads, **changes), heads)


def test_load__by_version_and_alias(lake):
    """A version, or the alias that names it, gives the estimators and what the registry knows."""
    lake.add(V1, heads=fitted_heads())
    model = loaded(lake)
    assert set(model.heads) == set(fitted_heads())
    assert not set(model.heads) & set(SKIPPED)
    assert (model.registry_revision, model.bundle.model_version) == (1, V1)
    lake.registry.promote("production", V1, reason="test")
    again = loaded(lake, alias="production")
    assert (again.registry_revision, again.bundle_sha256) == (2, model.bundle_sha256)


def test_load__registry_first(lake):
    """Without a registry entry nothing is read, whatever stands in the directory."""
    with pytest.raises(UnknownNameError, match=r"registry\.json"):
        loaded(lake)
    lake.add(V1, heads=fitted_heads())
    lake.publish(bundle_of(V2))
    with pytest.raises(UnknownNameError, match=V1):
        loaded(lake, model_version=V2)
    with pytest.raises(UnknownNameError, match="production"):
        loaded(lake, alias="productive")
    with pytest.raises(RegistryError, match="points at nothing"):
        loaded(lake, alias="candidate")
    with pytest.raises(RegistryError, match="no implicit latest"):
        loaded(lake, model_version=None)


def test_load__corrupted(lake):
    """A head with a flipped byte is never unpickled."""
    lake.add(V1, heads=fitted_heads())
    path = lake.path(V1, "heads/direction_4min.joblib")
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(ArtifactIntegrityError) as found:
        loaded(lake)
    assert found.value.path == str(path)


@pytest.mark.parametrize("name", ["bundle.json", "feature_set.json"])
def test_load__schema(lake, name):
    """Valid hashes over files that break their schema are no model."""
    for content in (b"{}", b"not json", valid()[name].replace(b'"schema_version": 1', b'"x": 1')):
        stand(lake, {**valid(), name: content})
        with pytest.raises(BundleSchemaError, match=name):
            loaded(lake)


def test_load__feature_set_contradicts(lake):
    """feature_set.json must be of the hash and the columns that bundle.json says."""
    other = json.loads(valid()["feature_set.json"])
    other["doc"] = "Another."
    stand(lake, {**valid(), "feature_set.json": json_bytes(other)})
    with pytest.raises(BundleSchemaError, match="hash"):
        loaded(lake)
    columns = bundle_of().columns
    stand(lake, valid(columns=(columns[1], columns[0], *columns[2:])))
    with pytest.raises(BundleSchemaError, match="order"):
        loaded(lake)
    stand(lake, valid(columns=columns[:-1]))
    with pytest.raises(BundleSchemaError, match="barrier_state"):
        loaded(lake)


@pytest.mark.parametrize(
    "field, changes",
    [
        ("instrument", {"instrument": "tsla"}),
        ("model_id", {"model_id": "patchtst_event"}),
        ("model_version", {"model_version": V2}),
        ("pipeline_version", {"pipeline_version": "4.6.0", "model_version": V1.replace("4.5", "4.6")}),
    ],
)  # fmt: skip
def test_load__identity(lake, field, changes):
    """A bundle of another instrument, model, version or pipeline version is refused, with both."""
    stand(lake, valid(**changes))
    with pytest.raises(BundleIdentityError) as found:
        loaded(lake)
    # a foreign version string is found before the pipeline version it contains
    wanted = "model_version" if field == "pipeline_version" else field
    assert found.value.field == wanted


def test_load__pipeline_version_of_the_caller(lake):
    """A caller with features of another pipeline version gets no model."""
    lake.add(V1, heads=fitted_heads())
    with pytest.raises(BundleIdentityError) as found:
        loaded(lake, pipeline_version="4.6.0")
    assert (found.value.field, found.value.expected, found.value.found) == (
        "pipeline_version", "4.6.0", "4.5.0",
    )  # fmt: skip


@pytest.mark.parametrize("name, made", [("python", "3.8.1"), ("scikit-learn", "0.24.2")])
def test_load__environment(lake, name, made):
    """Another major.minor of Python or scikit-learn is refused; another patch is not."""
    env = bundle_of().env.model_dump()
    stand(lake, valid(env=BundleEnv(**{**env, name.replace("-", "_"): made})))
    with pytest.raises(EnvironmentMismatchError) as found:
        loaded(lake)
    assert found.value.differences[name][0] == made
    patched = ".".join([*env[name.replace("-", "_")].split(".")[:2], "99"])
    stand(lake, valid(env=BundleEnv(**{**env, name.replace("-", "_"): patched})))
    loaded(lake)


def test_load__heads(lake):
    """A required head that was skipped or is absent; files that are no estimators of their task."""
    stand(lake, valid(skipped=(*SKIPPED, "direction_4min")))
    with pytest.raises(HeadError) as found:
        loaded(lake)
    assert found.value.heads == {"direction_4min": "SKIPPED_INSUFFICIENT"}

    heads = {n: d for n, d in fitted_heads().items() if n != "strength_8min"}
    stand(lake, files_of(bundle_of(heads=heads), heads))
    with pytest.raises(HeadError) as found:
        loaded(lake)
    assert found.value.heads == {"strength_8min": "absent"}

    buffer = io.BytesIO()
    joblib.dump({"no": "estimator"}, buffer)
    heads = {**fitted_heads(), "direction_4min": buffer.getvalue()}
    stand(lake, files_of(bundle_of(heads=heads), heads))
    with pytest.raises(HeadError, match="dict has no predict_proba"):
        loaded(lake)

    heads = {**fitted_heads(), "direction_4min": b"no pickle"}
    stand(lake, files_of(bundle_of(heads=heads), heads))
    with pytest.raises(HeadError, match="direction_4min: does not unpickle"):
        loaded(lake)


def test_load__order(lake):
    """With everything wrong at once the checks speak in the order of the specification."""
    env = bundle_of().env.model_copy(update={"python": "3.8.1"})
    wrong = valid(instrument="tsla", env=env, skipped=(*SKIPPED, "direction_4min"))
    with pytest.raises(UnknownNameError):
        loaded(lake)
    stand(lake, wrong)
    lake.path(V1, "more.txt").write_bytes(b"")
    with pytest.raises(ArtifactIntegrityError):
        loaded(lake)
    stand(lake, wrong | {"feature_set.json": b"{}"})
    with pytest.raises(BundleSchemaError):
        loaded(lake)
    stand(lake, wrong)
    with pytest.raises(BundleIdentityError):
        loaded(lake)
    stand(lake, valid(env=env, skipped=(*SKIPPED, "direction_4min")))
    with pytest.raises(EnvironmentMismatchError):
        loaded(lake)


def test_load__second_instrument(lake):
    """A second instrument without artefacts fails with the path that is missing (04 7.4-2)."""
    lake.add(V1, heads=fitted_heads())
    with pytest.raises(UnknownNameError, match=r"_meta/tsla/models/level_trees/registry\.json"):
        loaded(lake, instrument="tsla")


def test_reader__keeps_its_model(lake):
    """A reader resolves once; a promotion reaches it by a reload at the revision it names."""
    lake.add(V1, heads=fitted_heads())
    lake.add(V2, heads=fitted_heads())
    lake.registry.promote("production", V1, reason="test")
    reader = ModelReader(
        lake.filesystem,
        lake.resolver,
        instrument=INSTRUMENT,
        model_id=MODEL,
        pipeline_version=PIPELINE,
        alias="production",
    )
    lake.registry.promote("production", V2, reason="test")
    assert reader.model.bundle.model_version == V1
    with pytest.raises(RegistryConflictError):
        reader.reload(expected_revision=3)
    assert reader.model.bundle.model_version == V1
    lake.path(V2, "metrics.json").write_bytes(b"")
    with pytest.raises(ArtifactIntegrityError):
        reader.reload(expected_revision=4)
    assert (reader.model.bundle.model_version, reader.model.registry_revision) == (V1, 3)
    lake.registry.promote("production", V1, reason="rollback")
    assert reader.reload(expected_revision=5).registry_revision == 5
