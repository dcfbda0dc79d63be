"""Questions to a registry: which version, which alias; unknown names list near matches."""

from __future__ import annotations

from spymaster_lake.contracts.errors import RegistryError, UnknownNameError
from spymaster_lake.contracts.model_registry import ALIASES, Registry, RegistryVersion
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver


def model_ids(
    filesystem: LakeFileSystem, resolver: LakePathResolver, instrument: str
) -> tuple[str, ...]:
    """Models of an instrument that have a registry, sorted."""
    found = filesystem.list_dir(resolver.registries_dir(instrument))
    return tuple(n for n in found if filesystem.exists(resolver.registry_json(instrument, n)))


def find_version(registry: Registry, model_version: str) -> RegistryVersion:
    """The entry of a version; an unknown one lists near matches."""
    version = registry.find(model_version)
    if version is None:
        known = [v.model_version for v in registry.versions]
        raise UnknownNameError(f"version of {registry.model_id!r}", model_version, known)
    return version


def named_by(registry: Registry, alias: str) -> str | None:
    """The version that an alias names; None if it names nothing; an unknown alias is an error."""
    known_alias(alias)
    pointer = registry.pointers.get_alias(alias)
    return None if pointer is None else pointer.model_version


def resolve(registry: Registry, *, model_version: str | None, alias: str | None) -> RegistryVersion:
    """The entry that a reader asked for; exactly one of version and alias.

    Raises:
        RegistryError: neither or both are given, the alias names nothing, or the version is
            retired.
        UnknownNameError: no such version or alias; lists near matches.
    """
    if (model_version is None) == (alias is None):
        raise RegistryError(
            f"{registry.model_id}: name a version or an alias ({', '.join(ALIASES)}), and only one; "
            "there is no implicit latest"
        )
    if alias is not None:
        model_version = named_by(registry, alias)
        if model_version is None:
            raise RegistryError(f"{registry.model_id}: alias {alias!r} points at nothing")
    assert model_version is not None
    version = find_version(registry, model_version)
    if version.state != "registered":
        raise RegistryError(f"{registry.model_id}: {model_version} is {version.state}")
    return version


def known_alias(alias: str) -> None:
    """Refuse a name that is no alias."""
    if alias not in ALIASES:
        raise UnknownNameError("alias", alias, ALIASES)
