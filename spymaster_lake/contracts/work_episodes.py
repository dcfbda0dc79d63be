"""Contract of the work table that episode_construction hands from stage to stage (03 2.7).

`work/anchors` is the row-exact join of `signals` and `labels`, cut to what the metadata of an
episode show. Its features are context here; its outcomes keep the role of a label, so that nothing
that builds vectors or sequences can take them for features.
"""

from __future__ import annotations

from spymaster_lake.contracts.episodes import METADATA
from spymaster_lake.contracts.labels import LABELS
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.table import Role, TableContract

FROM_LABELS: tuple[str, ...] = tuple(c.name for c in METADATA.of_role(Role.LABEL))
"""Columns of `labels` that an episode's metadata show."""

FROM_SIGNALS: tuple[str, ...] = tuple(
    name for name in METADATA.names if name in SIGNALS.names and name not in FROM_LABELS
)
"""Columns of `signals` that an episode's metadata show unchanged."""

ANCHORS = TableContract(
    "work/anchors",
    "One event that may become an episode: what its metadata take from `signals` and `labels`.",
    tuple(METADATA.column(name) for name in (*FROM_SIGNALS, *FROM_LABELS)),
    ("event_id",),
    may_be_empty=True,
    properties=dict(LABELS.properties),
)
