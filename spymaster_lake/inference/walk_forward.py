"""Walk forward through the shipped engine: build as of a date, query the sessions from it on (03 5.3).

For each block of sessions an index is built that knows only dates before the block; every episode
of the block is asked. No answer can depend on its own session or a later one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError, InsufficientHistoryError
from spymaster_lake.contracts.evaluation_settings import EvaluationSettings, Variant
from spymaster_lake.contracts.retrieval import Query, RetrievalResult
from spymaster_lake.inference.scratch_index import scratch_index
from spymaster_lake.inference.variants import variant_metadata, variant_params, variant_vectors
from spymaster_lake.serving.engine import RetrievalEngine
from spymaster_lake.stages.index_building.corpus import Episodes, join_episodes
from spymaster_lake.stages.spec import StageContext

_CARRIED = (
    "event_id", "episode_id", "level_kind", "direction", "time_bucket", "anchor_ts_ns", "date",
    "minutes_since_open", "level_price", "emission_weight", "resolved_before_anchor",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Block:
    """Sessions that one index answers; its as-of date is the first of them."""

    days: tuple[date, ...]

    @property
    def as_of(self) -> date:
        """The index knows dates before it."""
        return self.days[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """One episode's answer and the index that gave it.

    Attributes:
        row: position of the episode among all episodes.
        result: what the engine said.
    """

    row: int
    result: RetrievalResult


def blocks(days: Sequence[date], settings: EvaluationSettings) -> tuple[Block, ...]:
    """The sessions after the warm-up, in blocks of `refit_sessions`.

    Raises:
        InsufficientHistoryError: no session is left after the warm-up.
    """
    ordered = sorted(set(days))
    left = ordered[settings.warmup_sessions :]
    if not left:
        raise InsufficientHistoryError(
            f"evaluation: {len(ordered)} sessions have episodes, {settings.warmup_sessions} are "
            "warm-up (--warmup-sessions); at least one more is needed"
        )
    step = settings.refit_sessions
    return tuple(Block(tuple(left[i : i + step])) for i in range(0, len(left), step))


def all_episodes(vectors: pa.Table, metadata: pa.Table) -> Episodes:
    """Every episode, in canonical order."""
    newest = pc.max(metadata.column("date")).as_py()
    if newest is None:
        raise DataError("evaluation: there is no episode")
    return join_episodes(vectors, metadata, as_of=newest + timedelta(days=1))


def query_of(facts: Mapping[str, Any], vector_raw: NDArray[np.float32]) -> Query:
    """The query that an episode is.

    Args:
        facts: one row of episodes/metadata; labels in it are not looked at, but for
            `resolved_before_anchor`.
        vector_raw: float32[149].
    """
    carried = {name: facts[name] for name in _CARRIED}
    return Query(**{**carried, "resolved_before_anchor": bool(carried["resolved_before_anchor"])},
                 vector_raw=vector_raw)  # fmt: skip


def walk_forward(
    episodes: Episodes,
    days: Sequence[date],
    context: StageContext,
    settings: EvaluationSettings,
    *,
    variant: Variant,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Answer]:
    """Answers to every episode after the warm-up, in canonical order.

    Args:
        episodes: see `all_episodes`.
        days: all session dates of the tables, also those without episodes.
        context: shipped parameters of build_indices.
        settings: of the evaluation.
        variant: what is built instead of the shipped index.
        progress: told the number of episodes answered with each index.

    Raises:
        InsufficientHistoryError: too few sessions or episodes before the first evaluated one.
    """
    vectors = variant_vectors(_vectors(episodes), variant, settings.seed)
    seen = _with_vectors(episodes, vectors)
    built = replace(context, params=variant_params(context.params, variant))
    for number, block in enumerate(blocks(days, settings)):
        index = scratch_index(
            _before(episodes.rows, vectors, block.as_of, variant, settings.seed + number),
            built,
            block.as_of,
            owner=f"{variant.name}-{settings.seed}",
        )
        engine = RetrievalEngine(index)
        asked = np.flatnonzero(_on(episodes.rows, block.days)).tolist()
        carried = episodes.rows.select(_CARRIED).take(pa.array(asked, pa.int64())).to_pylist()
        for row, facts in zip(asked, carried, strict=True):
            query = query_of(facts, seen.raw(np.array([row]))[0])
            yield Answer(row, engine.query(query, attribution=False))
        progress(len(asked))


def _vectors(episodes: Episodes) -> pa.Table:
    """episodes/vectors in canonical order."""
    raw = np.ascontiguousarray(episodes.raw(slice(None)))
    kind = pa.list_(pa.field("element", pa.float32(), nullable=False))
    offsets = np.arange(len(raw) + 1, dtype=np.int32) * raw.shape[1]
    column = pa.ListArray.from_arrays(offsets, pa.array(raw.ravel()), type=kind)
    keys = episodes.rows.select(["date", "anchor_ts_ns", "event_id"])
    return keys.append_column(pa.field("vector_raw", kind, nullable=False), column)


def _with_vectors(episodes: Episodes, vectors: pa.Table) -> Episodes:
    flat = vectors.column("vector_raw").combine_chunks().flatten().to_numpy()
    return Episodes(episodes.rows, flat.reshape(len(episodes), -1), np.arange(len(episodes)))


def _before(
    metadata: pa.Table, vectors: pa.Table, as_of: date, variant: Variant, seed: int
) -> dict[str, pa.Table]:
    """The tables of an index: nothing of the as-of date or later is even handed over."""
    early = pc.less(metadata.column("date"), pa.scalar(as_of, pa.date32()))
    return {
        "vectors": vectors.filter(early),
        "metadata": variant_metadata(metadata.filter(early), variant, seed),
    }


def _on(rows: pa.Table, days: Sequence[date]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.is_in(
        rows.column("date"), value_set=pa.array(days, pa.date32())
    ).to_numpy()
    return found
