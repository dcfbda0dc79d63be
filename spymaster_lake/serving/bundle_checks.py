"""Checks of a bundle's contents against each other and against this process (04 section 2.3)."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from pydantic import ValidationError

from spymaster_lake.contracts.bundle import (
    BUNDLE_FILE,
    FEATURE_SET_FILE,
    Bundle,
    BundleEnv,
    plain_sha256,
    required_heads,
)
from spymaster_lake.contracts.errors import (
    BundleSchemaError,
    EnvironmentMismatchError,
    HeadError,
)
from spymaster_lake.contracts.feature_set import FeatureSet
from spymaster_lake.contracts.model import describe
from spymaster_lake.lake.model_store import BundleFiles


def parse_feature_set(stored: BundleFiles, bundle: Bundle) -> FeatureSet:
    """`feature_set.json`, of the id and hash that bundle.json says, with the same columns.

    Raises:
        BundleSchemaError: anything differs.
    """
    path = f"{stored.path}/{FEATURE_SET_FILE}"
    try:
        found = FeatureSet.model_validate_json(stored.read(FEATURE_SET_FILE), strict=True)
    except ValidationError as exc:
        raise BundleSchemaError(f"{path}: {describe(exc)}") from exc
    said = (bundle.feature_set_id, plain_sha256(bundle.feature_set_sha256))
    if said != (found.id, found.sha256):
        raise BundleSchemaError(
            f"{path}: is {found.id} with hash {found.sha256}, {BUNDLE_FILE} says {said}"
        )
    want = {c.name: (c.dtype, c.kind, c.nullable, c.enum) for c in found.columns}
    have = {c.name: (c.dtype, c.kind, c.nullable, c.enum) for c in bundle.columns}
    listed = [n for n in bundle.names if n in want]
    differing = sorted(n for n in want if n not in have or have[n] != want[n])
    if differing or listed != list(found.names):
        raise BundleSchemaError(
            f"{path}: {BUNDLE_FILE} declares other columns: {', '.join(differing) or 'their order'}"
        )
    signed = any(c.approach_sign for c in found.columns)
    if signed and "direction" not in {*bundle.names, *bundle.passthrough}:
        raise BundleSchemaError(f"{path}: signs need the column 'direction', which is not declared")
    return found


def check_environment(env: BundleEnv) -> None:
    """Python and scikit-learn equal in major.minor here.

    Raises:
        EnvironmentMismatchError: all that differ.
    """
    wanted = {"python": env.python, "scikit-learn": env.scikit_learn}
    here = {n: platform.python_version() if n == "python" else _installed(n) for n in wanted}
    differing = {
        name: (made, here[name])
        for name, made in wanted.items()
        if _major_minor(made) != _major_minor(here[name])
    }
    if differing:
        raise EnvironmentMismatchError(differing)


def check_required(bundle: Bundle) -> None:
    """Every required head is there and OK.

    Raises:
        HeadError: those that are not.
        UnknownNameError: a model id that nothing is known of.
    """
    wrong = {
        name: "absent" if name not in bundle.heads else bundle.heads[name].status
        for name in required_heads(bundle.model_id)
        if name not in bundle.heads or bundle.heads[name].status != "OK"
    }
    if wrong:
        raise HeadError(wrong)


def _installed(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def _major_minor(text: str) -> tuple[str, ...]:
    return tuple(text.split(".")[:2])
