"""The stage registry: stages by id, with one override mechanism (00 section 4).

First match wins: (instrument, pipeline_id, pipeline_version, stage_id), then (instrument,
pipeline_id, stage_id), then (stage_id). Registration is explicit, and the same key twice is an
error; nothing is imported by file name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from spymaster_lake.contracts.errors import ConfigError, UnknownNameError
from spymaster_lake.stages.spec import Stage


@dataclass(frozen=True)
class StageFactory:
    """A stage id whose inputs and outputs depend on its parameters, such as `build_ohlcv`.

    Attributes:
        stage_id: its id in manifests.
        build: makes the concrete stage from the final parameters.
        defaults: its parameters and their default values; a manifest may set only these.
    """

    stage_id: str
    build: Callable[[Mapping[str, Any]], Stage]
    defaults: Mapping[str, Any] = field(default_factory=dict)


Entry = Stage | StageFactory


@dataclass(frozen=True, slots=True)
class StageKey:
    """A place in the registry; empty strings mean "any"."""

    stage_id: str
    instrument: str = ""
    pipeline_id: str = ""
    pipeline_version: str = ""

    def __post_init__(self) -> None:
        given = tuple(bool(p) for p in (self.instrument, self.pipeline_id, self.pipeline_version))
        if given not in {(True, True, True), (True, True, False), (False, False, False)}:
            raise ConfigError(
                f"A stage is registered by (instrument, pipeline_id, pipeline_version), by "
                f"(instrument, pipeline_id), or for all; found {self}"
            )

    def __str__(self) -> str:
        parts = (self.instrument, self.pipeline_id, self.pipeline_version, self.stage_id)
        return f"({', '.join(p for p in parts if p)})"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One key that `explain` looked at."""

    key: StageKey
    registered: bool
    wins: bool
    provider: str


class StageRegistry:
    """Stages by key; see the module for the precedence."""

    def __init__(self) -> None:
        self._entries: dict[StageKey, Entry] = {}

    def register(
        self,
        entry: Entry,
        *,
        instrument: str = "",
        pipeline_id: str = "",
        pipeline_version: str = "",
    ) -> None:
        """Add a stage for everybody, or an override.

        Raises:
            ConfigError: the key is taken, or is none of the three levels.
        """
        key = StageKey(entry.stage_id, instrument, pipeline_id, pipeline_version)
        if key in self._entries:
            raise ConfigError(
                f"Stage {key} is registered already, by {_provider(self._entries[key])}; "
                f"refusing {_provider(entry)}"
            )
        self._entries[key] = entry

    def resolve(
        self, stage_id: str, *, instrument: str, pipeline_id: str, pipeline_version: str
    ) -> tuple[StageKey, Entry]:
        """The winning key and its entry.

        Raises:
            UnknownNameError: no level knows the stage; lists near matches.
        """
        for key in _levels(stage_id, instrument, pipeline_id, pipeline_version):
            if key in self._entries:
                return key, self._entries[key]
        reachable = {
            key.stage_id
            for key in self._entries
            if key.instrument in {"", instrument}
            and key.pipeline_id in {"", pipeline_id}
            and key.pipeline_version in {"", pipeline_version}
        }
        raise UnknownNameError("stage id", stage_id, reachable)

    def explain(
        self, stage_id: str, *, instrument: str, pipeline_id: str, pipeline_version: str
    ) -> tuple[Candidate, ...]:
        """The keys in order of precedence, which of them are registered, and the winner."""
        winner, _ = self.resolve(
            stage_id,
            instrument=instrument,
            pipeline_id=pipeline_id,
            pipeline_version=pipeline_version,
        )
        return tuple(
            Candidate(
                key,
                key in self._entries,
                key == winner,
                _provider(self._entries[key]) if key in self._entries else "",
            )
            for key in _levels(stage_id, instrument, pipeline_id, pipeline_version)
        )

    def __contains__(self, stage_id: object) -> bool:
        return any(key.stage_id == stage_id for key in self._entries)

    def __iter__(self) -> Iterator[StageKey]:
        return iter(sorted(self._entries, key=str))

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        shared = sum(1 for key in self._entries if not key.instrument)
        return f"<StageRegistry({shared} stages, {len(self) - shared} overrides)>"


def final_params(
    entry: Entry, params: Mapping[str, Any], *, where: str
) -> tuple[dict[str, Any], list[str]]:
    """Defaults of a stage with `params` over them, and what is wrong with `params`.

    Args:
        entry: the registered stage.
        params: values from a manifest or from `--set`.
        where: for the messages.

    Returns:
        The merged parameters, and one sentence for each undeclared parameter or value of another
        type than the default's (an int may stand for a float).
    """
    problems = []
    for name, value in params.items():
        if name not in entry.defaults:
            problem = UnknownNameError(f"parameter of {entry.stage_id}", name, entry.defaults)
            problems.append(f"{where}.{name}: {problem}")
            continue
        default = entry.defaults[name]
        if not _same_type(default, value):
            problems.append(f"{where}.{name}: must be {type(default).__name__} (found {value!r})")
    known = {k: v for k, v in params.items() if k in entry.defaults}
    return {**entry.defaults, **known}, problems


def concrete(entry: Entry, params: Mapping[str, Any]) -> Stage:
    """The stage itself; a factory is called with the final parameters."""
    return entry.build(params) if isinstance(entry, StageFactory) else entry


def _levels(
    stage_id: str, instrument: str, pipeline_id: str, pipeline_version: str
) -> tuple[StageKey, ...]:
    return (
        StageKey(stage_id, instrument, pipeline_id, pipeline_version),
        StageKey(stage_id, instrument, pipeline_id),
        StageKey(stage_id),
    )


def _provider(entry: Entry) -> str:
    function = entry.build if isinstance(entry, StageFactory) else entry.run
    name = getattr(function, "__qualname__", type(function).__name__)
    return f"{getattr(function, '__module__', '?')}.{name}"


def _same_type(default: Any, value: Any) -> bool:
    if default is None or value is None:
        return default is None or value is None
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    if isinstance(default, list | tuple):
        return isinstance(value, list | tuple)
    return isinstance(value, type(default))
