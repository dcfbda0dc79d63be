"""What happened the last times a level was approached like this? The retrieval engine (03 4).

Every ending has a status of its own; nothing that fails looks like an estimate (03 D45).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.attribution import Attribution
from spymaster_lake.contracts.index_blocks import RetrievalRules
from spymaster_lake.contracts.index_manifest import POOLED_BUCKET
from spymaster_lake.contracts.retrieval import (
    Filters,
    IndexEcho,
    Query,
    QueryEcho,
    Reason,
    ReasonCode,
    RetrievalResult,
    RetrievalStatus,
    number,
)
from spymaster_lake.features.index_partitions import partition_key
from spymaster_lake.features.normalise import day_number
from spymaster_lake.features.retrieval_attribution import attribute
from spymaster_lake.features.retrieval_bootstrap import query_seed
from spymaster_lake.features.retrieval_reliability import low_support, reliability
from spymaster_lake.serving.answer import Support, excursion_blocks, neighbours, outcomes
from spymaster_lake.serving.filters import check_filters, passing
from spymaster_lake.serving.search import Found, find_neighbours
from spymaster_lake.serving.search_index import SearchIndex, SearchPartition
from spymaster_lake.serving.validation import SessionOpen, raw_vector, violations

NO_FILTERS: Filters = {}


class RetrievalEngine:
    """Answers queries from one index; equal queries get equal answers.

    Attributes:
        index: the index.
    """

    def __init__(self, index: SearchIndex, *, session_open_ns: SessionOpen | None = None) -> None:
        """Serve `index`.

        Args:
            index: the index.
            session_open_ns: UTC ns of the open of a session date; with it a query whose anchor,
                date and minutes disagree is invalid.
        """
        self.index = index
        self._session_open_ns = session_open_ns

    def query(
        self, query: Query, *, filters: Filters = NO_FILTERS, attribution: bool = True
    ) -> RetrievalResult:
        """Answer one query.

        Args:
            query: see `Query`; whatever is wrong with it ends in INVALID_QUERY.
            filters: metadata that neighbours must have; base rates stay those of the partition.
            attribution: whether to explain the answer, which costs more than the answer.

        Raises:
            UnknownNameError: a filter on a column that does not exist.
            ConfigError: a filter that its column cannot be compared with.
        """
        check_filters(filters)
        broken = violations(query, self.index.manifest, session_open_ns=self._session_open_ns)
        if broken:
            return self._refused(query, RetrievalStatus.INVALID_QUERY, broken)
        units, directed = self.index.projection.apply(raw_vector(query)[None, :])
        if not directed[0]:
            zero = _reason(ReasonCode.ZERO_NORM, "every entry that the index keeps is 0")
            return self._refused(query, RetrievalStatus.INVALID_QUERY, (zero,))
        return self._searched(query, units[0], filters, attribution=attribution)

    def _searched(
        self, query: Query, unit: NDArray[np.float32], filters: Filters, *, attribution: bool
    ) -> RetrievalResult:
        partition, level, notes = self._partition(query)
        if partition is None or level is None:
            return self._refused(query, RetrievalStatus.NO_PARTITION, notes)
        manifest, day = self.index.manifest, day_number(query.date)
        echo = self._echo(partition, level)
        found, names = _others(partition, query, unit, filters, manifest.rules)
        if not names:
            none = _reason(
                ReasonCode.NO_SURVIVOR,
                "no older episode has a similarity > 0"
                + (" and passes the filters" * bool(filters)),
            )
            return self._refused(query, RetrievalStatus.NO_NEIGHBOURS, (*notes, none), echo)
        support = Support.of(partition, found, names, day=day, rules=manifest.rules)
        trust = reliability(found.similarity, support.weights, support.day, partition_level=level)
        weak = low_support(trust, manifest.rules, manifest.min_avg_similarity)
        shown: Any = neighbours(support)
        return RetrievalResult(
            status=RetrievalStatus.LOW_SUPPORT if weak else RetrievalStatus.OK,
            query=_query_echo(query),
            index=echo,
            outcomes=outcomes(support, query_seed(query.event_id, manifest.content_sha256)),
            **excursion_blocks(support),
            reliability=trust,
            attribution=self._attribution(support, unit, wanted=attribution),
            neighbours=shown,
            reasons=(*notes, *weak),
        )

    def _partition(
        self, query: Query
    ) -> tuple[SearchPartition | None, Literal["bucket", "pooled"] | None, tuple[Reason, ...]]:
        """The bucket's partition, else the pooled one of the same kind and direction."""
        key = partition_key(query.level_kind, query.direction, query.time_bucket)
        pooled = partition_key(query.level_kind, query.direction, POOLED_BUCKET)
        if key in self.index.partitions:
            return self.index.partitions[key], "bucket", ()
        why = self._absent(key)
        if pooled in self.index.partitions:
            note = _reason(ReasonCode.POOLED_FALLBACK, f"{why}; searched {pooled}")
            return self.index.partitions[pooled], "pooled", (note,)
        missing = _reason(ReasonCode.PARTITION_MISSING, f"{why}; {self._absent(pooled)}")
        return None, None, (missing,)

    def _absent(self, key: str) -> str:
        skipped = self.index.manifest.skipped.get(key)
        return f"{key}: {skipped.reason}" if skipped else f"{key} is not in the index"

    def _attribution(
        self, support: Support, unit: NDArray[np.float32], *, wanted: bool
    ) -> Attribution:
        if not wanted:
            return Attribution.unavailable("not asked for")
        return attribute(support.evidence(unit), self.index.manifest.compressor)

    def _refused(
        self,
        query: Query,
        status: RetrievalStatus,
        reasons: tuple[Reason, ...],
        echo: IndexEcho | None = None,
    ) -> RetrievalResult:
        return RetrievalResult(
            status=status,
            query=_query_echo(query),
            index=echo or self._echo(),
            attribution=Attribution.unavailable(f"status is {status}"),
            reasons=reasons,
        )

    def _echo(
        self,
        partition: SearchPartition | None = None,
        level: Literal["bucket", "pooled"] | None = None,
    ) -> IndexEcho:
        manifest = self.index.manifest
        where: dict[str, Any] = {}
        if partition is not None:
            loaded = partition.loaded
            where = {"partition": loaded.key, "n_partition": loaded.record.n}
        return IndexEcho(
            manifest_sha256=manifest.content_sha256,
            asof_date=manifest.asof_date,
            partition_level=level,
            **where,
        )


def _others(
    partition: SearchPartition,
    query: Query,
    unit: NDArray[np.float32],
    filters: Filters,
    rules: RetrievalRules,
) -> tuple[Found, list[str]]:
    """The neighbours and their names; never the query's own event.

    Only rows that were chosen use up the places of their date, so an own row that was not chosen
    cannot have changed the choice.
    """
    day, allowed = day_number(query.date), passing(partition.loaded.rows, filters)
    found = find_neighbours(partition, unit, day=day, allowed=allowed, rules=rules)
    names = partition.event_ids(found.rows)
    if query.event_id not in names:
        return found, names
    others = np.ones(len(partition.day), dtype=np.bool_) if allowed is None else allowed
    own = [row for row, name in zip(found.rows, names, strict=True) if name == query.event_id]
    others[own] = False
    found = find_neighbours(partition, unit, day=day, allowed=others, rules=rules)
    return found, partition.event_ids(found.rows)


def _reason(code: ReasonCode, detail: str) -> Reason:
    return Reason(code=code, detail=detail)


def _query_echo(query: Query) -> QueryEcho:
    return QueryEcho(
        event_id=query.event_id,
        level_kind=query.level_kind,
        level_price=number(query.level_price),
        direction=query.direction,
        time_bucket=query.time_bucket,
        anchor_ts_ns=query.anchor_ts_ns,
        emission_weight=number(query.emission_weight),
    )
