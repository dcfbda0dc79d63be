"""What build_indices hands to the lake: the content of the manifest and the bytes of every file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spymaster_lake.contracts.index_manifest import IndexContent


@dataclass(frozen=True)
class IndexArtifact:
    """A complete index in memory, not yet published.

    Attributes:
        content: the manifest without its volatile fields.
        files: bytes by partition key and file name; the manifest holds their hashes.
        metrics: counts worth keeping in stage.json.
        warnings: sentences for stage.json.
    """

    content: IndexContent
    files: Mapping[str, Mapping[str, bytes]]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
