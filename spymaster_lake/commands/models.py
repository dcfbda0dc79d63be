"""Commands around registered models: list, show, promote, retire."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from spymaster_lake.commands import common
from spymaster_lake.commands.common import InstrumentOption, JsonOption, RootOption
from spymaster_lake.contracts.model_registry import ALIASES, Registry, RegistryVersion
from spymaster_lake.lake.model_registry import ModelRegistry
from spymaster_lake.lake.registry_lookup import find_version, model_ids, named_by, resolve
from spymaster_lake.orchestration.display import print_json, show_table
from spymaster_lake.orchestration.types import Environment

models = typer.Typer(name="models", help="Registered models.", no_args_is_help=True)

ModelOption = Annotated[str, typer.Option("--model-id", help="Such as level_trees.")]
ModelVersionOption = Annotated[
    str | None, typer.Option("--model-version", help="A registered version.")
]
AliasOption = Annotated[str | None, typer.Option("--alias", help=" or ".join(ALIASES) + ".")]
RevisionOption = Annotated[
    int | None,
    typer.Option("--expected-revision", help="Refuse if the registry has another revision."),
]
WhoOption = Annotated[str | None, typer.Option("--who", help="Recorded; else the user.")]


@models.command("list")
def models_list(
    instrument: InstrumentOption,
    model_id: Annotated[str | None, typer.Option("--model-id", help="Only this model.")] = None,
    data_root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """List registered versions, newest last, and what the aliases name."""
    env = common.make_environment(data_root)
    env.profiles[instrument]
    known = model_ids(env.filesystem, env.resolver, instrument)
    registries = [_registry(env, instrument, m).read() for m in ([model_id] if model_id else known)]
    if as_json:
        print_json([_listed(r, v) for r in registries for v in r.versions])
        return
    columns = ("model", "version", "state", "aliases", "feature set", "train sessions", "gates")
    rows = [_row(r, v) for r in registries for v in r.versions]
    show_table(f"models of {instrument}", columns, rows)


@models.command("show")
def models_show(
    instrument: InstrumentOption,
    model_id: ModelOption,
    model_version: ModelVersionOption = None,
    alias: AliasOption = None,
    data_root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one version, or the registry with its history if neither version nor alias is named."""
    env = common.make_environment(data_root)
    store = _registry(env, instrument, model_id)
    registry = store.read()
    if model_version is None and alias is None:
        history = [h.model_dump(mode="json") for h in store.history()]
        print_json({**registry.model_dump(mode="json"), "history": history})
        return
    named = model_version is not None and alias is None
    version = (
        find_version(registry, str(model_version))  # retired ones can be looked at
        if named
        else resolve(registry, model_version=model_version, alias=alias)
    )
    entry = {**version.model_dump(mode="json"), "aliases": _aliases(registry, version)}
    if as_json:
        print_json(entry)
        return
    metrics = entry.pop("metrics_summary")
    shown = [(name, _text(value)) for name, value in entry.items()]
    show_table(f"{model_id} {version.model_version}", ("field", "value"), shown)
    primary = [(n, _text(v)) for n, v in metrics.items() if n.startswith("test.composed_4min.")]
    if primary:
        show_table("test.composed_4min", ("metric", "value"), primary)


@models.command("promote")
def models_promote(
    instrument: InstrumentOption,
    model_id: ModelOption,
    model_version: Annotated[str, typer.Option("--model-version", help="Version to point at.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; recorded.")],
    alias: Annotated[str, typer.Option("--alias", help=" or ".join(ALIASES) + ".")] = "production",
    expected_revision: RevisionOption = None,
    who: WhoOption = None,
    data_root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Point an alias at a version that passes its gates; rollback promotes the previous one."""
    env = common.make_environment(data_root)
    registry = _registry(env, instrument, model_id).promote(
        alias, model_version, reason=reason, who=who, expected=expected_revision
    )
    _pointers(registry, as_json=as_json)


@models.command("retire")
def models_retire(
    instrument: InstrumentOption,
    model_id: ModelOption,
    model_version: Annotated[str, typer.Option("--model-version", help="Version to retire.")],
    expected_revision: RevisionOption = None,
    who: WhoOption = None,
    data_root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mark a version as retired; its files stay, and no alias may name it."""
    env = common.make_environment(data_root)
    registry = _registry(env, instrument, model_id).retire(
        model_version, who=who, expected=expected_revision
    )
    _pointers(registry, as_json=as_json)


def _registry(env: Environment, instrument: str, model_id: str) -> ModelRegistry:
    env.profiles[instrument]  # an unknown instrument lists near matches
    return ModelRegistry(env.filesystem, env.resolver, instrument, model_id)


def _pointers(registry: Registry, *, as_json: bool) -> None:
    pointers = registry.pointers.model_dump(mode="json")
    if as_json:
        states = {v.model_version: v.state for v in registry.versions}
        print_json({"revision": registry.revision, "pointers": pointers, "versions": states})
        return
    columns = ("alias", "version", "previous", "set by", "reason")
    rows = [
        (
            alias,
            *(_text(p[k]) for k in ("model_version", "previous", "set_by", "reason")),
        )
        if p
        else (alias, "nothing", "", "", "")
        for alias, p in pointers.items()
    ]
    show_table(f"{registry.model_id}, revision {registry.revision}", columns, rows)


def _aliases(registry: Registry, version: RegistryVersion) -> list[str]:
    return [a for a in ALIASES if named_by(registry, a) == version.model_version]


def _listed(registry: Registry, version: RegistryVersion) -> dict[str, Any]:
    return {
        "model_id": registry.model_id,
        "model_version": version.model_version,
        "state": version.state,
        "aliases": _aliases(registry, version),
        "feature_set_id": version.feature_set_id,
        "train_sessions": version.train_sessions.model_dump(mode="json"),
        "gates": version.gates.model_dump(mode="json"),
        "git_dirty": version.git_dirty,
        "registry_revision": registry.revision,
    }


def _row(registry: Registry, version: RegistryVersion) -> tuple[str, ...]:
    span, gates = version.train_sessions, version.gates.model_dump()
    passed = ", ".join(f"{name} {'yes' if ok else 'no'}" for name, ok in gates.items())
    return (
        registry.model_id,
        version.model_version,
        version.state,
        ", ".join(_aliases(registry, version)),
        version.feature_set_id,
        f"{span.n}: {span.first} to {span.last}",
        passed,
    )


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{k} {_text(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
