"""The graph of a manifest's stages: order, ready sets, slices, and finding a stage by name or id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter

from spymaster_lake.contracts.errors import AmbiguousNameError, UnknownNameError
from spymaster_lake.contracts.manifest import Manifest, StageEntry


class StageGraph:
    """Dependencies between the stages of one manifest, whose structure has been checked.

    Order is deterministic: among ready stages, the order of the manifest.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.parents: Mapping[str, tuple[str, ...]] = {
            s.name: s.depends_on for s in manifest.stages
        }

    @property
    def order(self) -> tuple[str, ...]:
        """All names, every stage after those it depends on."""
        return tuple(name for wave in self.waves for name in wave)

    @property
    def waves(self) -> tuple[tuple[str, ...], ...]:
        """Sets of stages that may run side by side, in order."""
        sorter = TopologicalSorter(self.parents)
        sorter.prepare()
        waves = []
        while sorter.is_active():
            ready = sorted(sorter.get_ready(), key=self.manifest.names.index)
            waves.append(tuple(ready))
            sorter.done(*ready)
        return tuple(waves)

    def ready(self, *, done: Iterable[str], started: Iterable[str] = ()) -> tuple[str, ...]:
        """Stages whose parents are all done and that have not been started."""
        finished, taken = set(done), set(done) | set(started)
        return tuple(
            name
            for name in self.manifest.names
            if name not in taken and finished.issuperset(self.parents[name])
        )

    def ancestors(self, name: str) -> frozenset[str]:
        """All stages that `name` depends on, directly or not."""
        found: set[str] = set()
        todo = list(self.parents[name])
        while todo:
            parent = todo.pop()
            if parent not in found:
                found.add(parent)
                todo.extend(self.parents[parent])
        return frozenset(found)

    def descendants(self, name: str) -> frozenset[str]:
        """All stages that depend on `name`, directly or not."""
        return frozenset(other for other in self.parents if name in self.ancestors(other))

    def select(self, *, since: str | None = None, until: str | None = None) -> tuple[str, ...]:
        """A slice in execution order.

        Args:
            since: this stage and all that depend on it.
            until: this stage and all it depends on; with `since`, both must hold.
        """
        chosen = set(self.order)
        if since is not None:
            chosen &= {since} | self.descendants(since)
        if until is not None:
            chosen &= {until} | self.ancestors(until)
        return tuple(name for name in self.order if name in chosen)


def find_stage(manifest: Manifest, name_or_id: str) -> StageEntry:
    """The stage of that name, or of that id if only one stage has it.

    Raises:
        AmbiguousNameError: several stages share the id; lists their names.
        UnknownNameError: no stage has that name or id; lists near matches.
    """
    for stage in manifest.stages:
        if stage.name == name_or_id:
            return stage
    by_id = [stage for stage in manifest.stages if stage.stage_id == name_or_id]
    if len(by_id) > 1:
        names = ", ".join(stage.name for stage in by_id)
        raise AmbiguousNameError(
            f"Stage id {name_or_id!r} is ambiguous in {manifest.pipeline_id} "
            f"{manifest.pipeline_version}; name one of: {names}"
        )
    if by_id:
        return by_id[0]
    raise UnknownNameError(f"stage of {manifest.pipeline_id}", name_or_id, manifest.names)
