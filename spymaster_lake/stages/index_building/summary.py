"""What a build says about itself in stage.json."""

from __future__ import annotations

from spymaster_lake.contracts.index_manifest import IndexContent


def build_metrics(content: IndexContent) -> dict[str, object]:
    """Counts for stage.json."""
    block, corpus = content.normalisation, content.corpus
    return {
        "asof_date": content.asof_date.isoformat(),
        "content_sha256": content.digest,
        "episodes": corpus.n_episodes,
        "indexed": corpus.n_indexed,
        "excluded": dict(corpus.excluded),
        "fit_sessions": block.n_sessions,
        "fit_episodes": block.n_episodes,
        "constant_entries": list(block.constant),
        "unavailable_entries": list(block.unavailable),
        "partitions_built": len(content.partitions),
        "partitions_skipped": len(content.skipped),
        "min_avg_similarity": content.min_avg_similarity.value,
    }


def build_warnings(content: IndexContent) -> tuple[str, ...]:
    """Sentences for stage.json."""
    found = []
    if not content.partitions:
        found.append(
            f"no partition reaches {content.min_partition_size} rows; every query will be NO_PARTITION"
        )
    if content.min_avg_similarity.value is None:
        found.append(f"min_avg_similarity is null: {content.min_avg_similarity.reason}")
    if content.normalisation.unavailable:
        found.append(
            f"{len(content.normalisation.unavailable)} vector entries are unavailable and give 0"
        )
    return tuple(found)
