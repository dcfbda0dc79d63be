"""What happened the last times this level was approached like this? One episode of the lake (03 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from spymaster_lake.contracts.index_manifest import IndexManifest
from spymaster_lake.contracts.retrieval import Filters, RetrievalResult
from spymaster_lake.inference.find_episode import GoldEpisodes, Wanted
from spymaster_lake.inference.walk_forward import query_of
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.serving.engine import RetrievalEngine
from spymaster_lake.serving.index_manager import IndexManager
from spymaster_lake.sessions.calendar import SessionCalendar


@dataclass(frozen=True, slots=True)
class SimilarRequest:
    """What `spymaster similar` was asked.

    Attributes:
        index_version: which index answers.
        pipeline_version: whose episodes are asked; the index's version if None.
        wanted: the episode.
        filters: on its neighbours.
        attribution: whether to explain the answer.
    """

    instrument: str
    index_version: str
    wanted: Wanted
    pipeline_version: str | None = None
    filters: Filters | None = None
    attribution: bool = True


@dataclass(frozen=True, slots=True)
class Similar:
    """An answer and what is needed to show it.

    Attributes:
        facts: metadata of the episode that was asked.
        result: the answer.
        manifest: of the index that gave it.
        episodes: where the paths of query and neighbours are found.
    """

    facts: dict[str, Any]
    result: RetrievalResult
    manifest: IndexManifest
    episodes: GoldEpisodes


def similar(env: Environment, request: SimilarRequest) -> Similar:
    """Find the episode, load the index, ask.

    Raises:
        UnknownNameError: no such instrument, event, level kind or filter column.
        MissingInputError: no episodes of that date.
        DataError: no episode at that time, or the event was rejected.
        IndexArtifactError: the index is missing, damaged, of another instrument or version.
    """
    profile = env.profiles[request.instrument]
    calendar = SessionCalendar(profile.calendar)
    episodes = GoldEpisodes(
        env.resolver,
        profile.instrument,
        request.pipeline_version or request.index_version,
        ZoneInfo(profile.calendar.timezone),
    )
    facts, vector = episodes.find(request.wanted)
    indices = IndexManager(env.filesystem)
    index = indices.get(
        env.resolver.index_root(profile.instrument, request.index_version),
        instrument=profile.instrument,
        pipeline_version=request.index_version,
    )
    engine = RetrievalEngine(index, session_open_ns=lambda day: calendar.clock(day).open_ns)
    result = engine.query(
        query_of(facts, vector), filters=request.filters or {}, attribution=request.attribution
    )
    return Similar(facts, result, index.manifest, episodes)
