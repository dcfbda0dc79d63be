"""build_indices: what is indexed, from which dates, and that nothing else changes it."""

from __future__ import annotations

import io
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spymaster_lake.contracts.enums import HORIZONS
from spymaster_lake.contracts.episodes import METADATA
from spymaster_lake.contracts.errors import (
    ConfigError,
    DataError,
    InsufficientHistoryError,
    UnknownNameError,
)
from spymaster_lake.contracts.index_manifest import (
    INDEX_FILE,
    PARTITION_FILES,
    ROWS_FILE,
    VECTORS_FILE,
)
from spymaster_lake.contracts.vector import vector_index
from spymaster_lake.features.compress import Projection
from spymaster_lake.features.normalise import fit_normaliser
from spymaster_lake.features.vector_index import index_of
from spymaster_lake.stages.index_building import similarity_threshold as threshold_module
from spymaster_lake.stages.index_building.build_indices import STAGE, run
from spymaster_lake.stages.index_building.corpus import FLAGS, ORDER
from spymaster_lake.stages.tables import sort_by
from tests.stages.episode_tables import context, episodes, raw_of, replace, weekdays

DAYS = weekdays(24)
AS_OF = DAYS[-1] + timedelta(days=1)
TABLES = episodes()
SMALL = context(min_partition_size=20)
BASE = run(TABLES, SMALL, AS_OF)


def same(first, second) -> bool:
    """Whether two artefacts are equal to the byte."""
    return first.content == second.content and first.files == second.files


def rows_of(artifact, key: str) -> pa.Table:
    """rows.parquet of a partition."""
    return pq.read_table(io.BytesIO(artifact.files[key][ROWS_FILE]))


def vectors_of(artifact, key: str) -> np.ndarray:
    """vectors.npy of a partition."""
    return np.load(io.BytesIO(artifact.files[key][VECTORS_FILE]))


def test_run__same_input_same_bytes():
    """A second build is equal in every file and in the content hash."""
    again = run(episodes(), SMALL, AS_OF)
    assert same(again, BASE)
    assert again.content.digest == BASE.content.digest


@pytest.mark.parametrize("compressor", ["identity", "pca_physics", "geometry_only"])
def test_run__order_of_input_rows_changes_nothing(compressor):
    """Shuffled vectors and differently shuffled metadata give the same bytes; IVF and PQ too."""
    sizes = {"min_partition_size": 20, "ivf_min_rows": 60, "pq_min_rows": 300}
    where = context(compressor=compressor, **sizes)
    tables = episodes(24, 60, kinds=("PM_HIGH", "SMA_90"))
    rng = np.random.default_rng(1)
    mixed = {name: t.take(pa.array(rng.permutation(t.num_rows))) for name, t in tables.items()}
    built = run(tables, where, AS_OF)
    assert {p.index_type for p in built.content.partitions.values()} == {
        "FLAT_IP",
        "IVF_FLAT",
        "IVF_PQ",
    }
    assert same(built, run(mixed, where, AS_OF))


def test_run__rows_from_the_as_of_date_on_change_nothing():
    """Look-ahead law: deleting, scrambling or adding rows at or after the as-of date is invisible."""
    as_of = DAYS[22]
    cut = {
        n: t.filter(pa.array([d < as_of for d in t.column("date").to_pylist()]))
        for n, t in TABLES.items()
    }
    expected = run(cut, SMALL, as_of)
    assert expected.content.corpus.n_dates == 22
    assert same(run(TABLES, SMALL, as_of), expected)
    later = episodes(5, 30, seed=99, first=as_of)
    more = {name: pa.concat_tables([later[name], table]) for name, table in cut.items()}
    assert same(run(more, SMALL, as_of), expected)


def test_run__an_earlier_row_does_change_it():
    """The look-ahead test can fail: the same edit before the as-of date is visible."""
    raw = TABLES["vectors"].column("vector_raw").to_pylist()
    raw[0][120] += 1.0
    edited = {**TABLES, "vectors": replace(TABLES["vectors"], "vector_raw", raw)}
    assert run(edited, SMALL, AS_OF).content.digest != BASE.content.digest


def test_partitions__rows_are_sorted_joined_by_key_and_aligned():
    """Row i of each file is one episode: its metadata, and the projection of its own raw vector."""
    content = BASE.content
    projection = Projection.of(content.normalisation, content.feature_weights, content.compressor)
    at = {event: i for i, event in enumerate(TABLES["vectors"].column("event_id").to_pylist())}
    raw, seen = raw_of(TABLES), 0
    for key, record in content.partitions.items():
        kind, direction, bucket = key.split("/")
        rows, units = rows_of(BASE, key), vectors_of(BASE, key)
        facts = rows.to_pylist()
        assert rows.column_names == ["id", *METADATA.names]
        assert [r["id"] for r in facts] == list(range(record.n))
        order = [(r["date"], r["anchor_ts_ns"], r["event_id"]) for r in facts]
        assert order == sorted(order)
        assert {(r["level_kind"], r["direction"]) for r in facts} == {(kind, direction)}
        assert bucket == "ALL" or {r["time_bucket"] for r in facts} == {bucket}
        assert units.shape == (record.n, 32)
        expected, _ = projection.apply(raw[[at[r["event_id"]] for r in facts]])
        assert units.tobytes() == expected.tobytes()
        assert (record.n_dates, record.first_date) == (
            len({r["date"] for r in facts}),
            facts[0]["date"],
        )
        index = index_of(BASE.files[key][INDEX_FILE])
        assert index.reconstruct_n(0, record.n).tobytes() == units.tobytes()
        seen += record.n if bucket == "ALL" else 0
    assert seen == content.corpus.n_indexed == 720


def test_partitions__base_rates_by_hand():
    """Shares of the four outcomes over known outcomes, per horizon."""
    key = "PM_LOW/UP/ALL"
    rows = rows_of(BASE, key).to_pylist()
    for horizon in HORIZONS:
        outcomes = [r[f"outcome_{horizon}"] for r in rows]
        found = BASE.content.partitions[key].base_rates[horizon]
        assert found.n_valid == len(outcomes)
        assert found.rates["BREAK"] == outcomes.count("BREAK") / len(outcomes)
        assert found.rates["NO_TEST"] == outcomes.count("NO_TEST") / len(outcomes)


def test_partitions__built_skipped_and_impossible_are_all_72():
    """The opening range before minute 15 is impossible, not skipped; each skip has its reason."""
    content = BASE.content
    assert len(content.impossible) == 4
    named = [*content.partitions, *content.skipped, *content.impossible]
    assert len(set(named)) == len(named) == 72
    assert all(p.n >= 20 for p in content.partitions.values())
    reasons = {(s.n, s.reason) for s in content.skipped.values()}
    assert all(n < 20 and reason == f"{n} rows, min_partition_size is 20" for n, reason in reasons)
    assert set(BASE.files) == set(content.partitions)
    assert all(set(files) == set(PARTITION_FILES) for files in BASE.files.values())


def test_partitions__none_large_enough_is_a_warning():
    """An index without partitions is complete and says so; its threshold is null with a reason."""
    built = run(TABLES, context(min_partition_size=1000), AS_OF)
    assert not built.content.partitions
    assert built.content.min_avg_similarity.value is None
    assert built.content.min_avg_similarity.reason
    assert any("NO_PARTITION" in warning for warning in built.warnings)


@pytest.mark.parametrize("name", FLAGS)
def test_corpus__unknown_flag(name):
    """Whether an episode is excluded is never unknown: a null is refused, not read as false."""
    meta = replace(TABLES["metadata"], name, [None] + [False] * 719)
    with pytest.raises(DataError, match=f"metadata.{name}: null in 1 of 720 rows"):
        run({**TABLES, "metadata": meta}, SMALL, AS_OF)


def test_corpus__exclusions_count_each_episode_once():
    """Resolved, contaminated, padded and label-less episodes stay out, under their first reason."""
    flags = {name: [False] * 720 for name in FLAGS}
    flags["resolved_before_anchor"][0] = flags["resolved_before_anchor"][1] = True
    flags["roll_contaminated"][1] = flags["roll_contaminated"][2] = True
    flags["traj_padded"][3] = True
    meta = TABLES["metadata"]
    for name, values in flags.items():
        meta = replace(meta, name, values)
    for horizon in HORIZONS:
        outcomes = meta.column(f"outcome_{horizon}").to_pylist()
        outcomes[4] = None
        outcomes[5] = outcomes[5] if horizon == "8min" else None  # one known outcome is enough
        meta = replace(meta, f"outcome_{horizon}", outcomes)
    built = run({**TABLES, "metadata": meta}, SMALL, AS_OF)
    corpus = built.content.corpus
    assert corpus.excluded == {
        "resolved_before_anchor": 2, "roll_contaminated": 1, "traj_padded": 1, "no_outcome": 1, "zero_norm": 0,
    }  # fmt: skip
    assert (corpus.n_episodes, corpus.n_indexed) == (720, 715)
    ids = meta.column("event_id").to_pylist()
    indexed = {
        e
        for k in built.files
        if k.endswith("ALL")
        for e in rows_of(built, k).column("event_id").to_pylist()
    }
    assert not indexed & set(ids[:5])
    assert ids[5] in indexed
    assert built.content.normalisation == BASE.content.normalisation


def test_corpus__vector_without_direction_is_not_indexed():
    """An episode whose unit vector would be 0/0 is counted as zero_norm."""
    raw = raw_of(TABLES)
    raw[7, 117:] = np.nan
    edited = {**TABLES, "vectors": replace(TABLES["vectors"], "vector_raw", raw.tolist())}
    built = run(edited, SMALL, AS_OF)
    assert built.content.corpus.excluded["zero_norm"] == 1
    assert built.content.corpus.n_indexed == 719


def test_corpus__gates_are_off_unless_asked_for():
    """With a gate, rows whose flag is false or null stay out."""
    flags = [None, False, *[True] * 718]
    gated = {**TABLES, "metadata": replace(TABLES["metadata"], "gate_zone", flags)}
    assert run(gated, SMALL, AS_OF).content.corpus.n_indexed == 720
    built = run(gated, context(min_partition_size=20, gates=["gate_zone"]), AS_OF)
    assert (built.content.gates, built.content.corpus.excluded["gate_zone"]) == (("gate_zone",), 2)
    with pytest.raises(UnknownNameError, match="gate_zone"):
        run(gated, context(gates=["gate_zones"]), AS_OF)


def test_normaliser__fitted_on_sixty_days_before_the_as_of_date():
    """Episodes older than the look-back are indexed but not fitted; excluded ones are fitted."""
    tables = {name: sort_by(table, ORDER) for name, table in episodes(60, 30, seed=3).items()}
    days = weekdays(60)
    as_of = days[-1] + timedelta(days=1)
    built = run(tables, SMALL, as_of)
    block = built.content.normalisation
    inside = np.array(
        [d >= as_of - timedelta(days=60) for d in tables["vectors"].column("date").to_pylist()]
    )
    assert (block.first_date, block.last_date) == (
        min(d for d in days if d >= as_of - timedelta(days=60)),
        days[-1],
    )
    assert block.n_episodes == inside.sum() < built.content.corpus.n_episodes == 1800
    numbers = np.array(tables["vectors"].column("date").cast(pa.int32()))
    assert block == fit_normaliser(raw_of(tables)[inside], numbers[inside], lookback_days=60)
    excluded = replace(tables["metadata"], "traj_padded", inside.tolist())
    padded = run({**tables, "metadata": excluded}, SMALL, as_of).content
    assert (padded.corpus.n_indexed, padded.normalisation) == (int((~inside).sum()), block)


def test_normaliser__too_little_history_fails():
    """19 sessions before the as-of date are not enough, whatever the parameters."""
    with pytest.raises(InsufficientHistoryError, match="19 session dates"):
        run(TABLES, SMALL, DAYS[19])
    assert run(TABLES, SMALL, DAYS[20]).content.normalisation.n_sessions == 20


def test_run__infinite_entry_is_an_error():
    """Infinity never comes from an episode; it is refused inside and outside the fit window."""
    raw = raw_of(TABLES)
    raw[3, 50] = np.inf
    edited = {**TABLES, "vectors": replace(TABLES["vectors"], "vector_raw", raw.tolist())}
    with pytest.raises(DataError, match="ofi_60s"):
        run(edited, SMALL, AS_OF)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda v, m: (v.slice(1), m), id="vector missing"),
        pytest.param(lambda v, m: (v, m.slice(0, 700)), id="metadata missing"),
        pytest.param(lambda v, m: (pa.concat_tables([v, v.slice(0, 1)]), m), id="vector twice"),
        pytest.param(
            lambda v, m: tuple(pa.concat_tables([t, t.slice(0, 1)]) for t in (v, m)),
            id="both twice",
        ),
        pytest.param(
            lambda v, m: (replace(v, "event_id", ["x", *v.column("event_id").to_pylist()[1:]]), m),
            id="other key",
        ),
    ],
)
def test_join__keys_must_agree(edit):
    """Rows are joined by event_id, and a difference is never shifted over (D30)."""
    vectors, metadata = edit(TABLES["vectors"], TABLES["metadata"])
    with pytest.raises(DataError, match="same"):
        run({"vectors": vectors, "metadata": metadata}, SMALL, AS_OF)


def test_run__bucket_must_follow_from_the_minutes():
    """A row with another bucket than its minutes give is an error."""
    buckets = TABLES["metadata"].column("time_bucket").to_pylist()
    buckets[9] = "T30_60" if buckets[9] != "T30_60" else "T15_30"
    with pytest.raises(DataError, match="1 rows disagree"):
        run(
            {**TABLES, "metadata": replace(TABLES["metadata"], "time_bucket", buckets)},
            SMALL,
            AS_OF,
        )


def test_weights__are_pinned_and_change_the_vectors():
    """feature_weights are in the manifest by index; a weight of 0 removes an entry."""
    name = "dct_ofi_60s_c0"
    built = run(TABLES, context(min_partition_size=20, feature_weights={name: 0.0}), AS_OF)
    entry = vector_index(name)
    assert built.content.feature_weights[entry] == 0.0
    assert sum(built.content.feature_weights) == 148
    key = next(iter(built.files))
    assert (vectors_of(built, key)[:, entry - 117] == 0).all()
    assert (vectors_of(BASE, key)[:, entry - 117] != 0).any()


def test_parameters__bad_values_name_the_parameter():
    """Sizes are at least 1."""
    with pytest.raises(ConfigError, match="min_partition_size"):
        run(TABLES, context(min_partition_size=0), AS_OF)
    assert STAGE.defaults["min_partition_size"] == 100


def slow_threshold(artifact, tables) -> tuple[float, int]:
    """10th percentile of the average similarity and its count, from the files, in plain Python."""
    parts = {}
    for key in artifact.files:
        parts[key] = list(
            zip(rows_of(artifact, key).to_pylist(), vectors_of(artifact, key).astype(float))
        )
    newest = sorted(set(tables["metadata"].column("date").to_pylist()))[-20:]
    averages = []
    for meta in tables["metadata"].to_pylist():
        home = f"{meta['level_kind']}/{meta['direction']}/"
        key = home + meta["time_bucket"] if home + meta["time_bucket"] in parts else home + "ALL"
        if meta["date"] not in newest or key not in parts:
            continue
        own = next(v for r, v in parts[key] if r["event_id"] == meta["event_id"])
        older = [(float((own * v).sum()), r) for r, v in parts[key] if r["date"] < meta["date"]]
        older.sort(key=lambda item: (-item[0], -item[1]["anchor_ts_ns"], item[1]["event_id"]))
        per_day: dict[date, int] = {}
        taken: dict[str, float] = {}
        for similarity, r in older:
            full = per_day.get(r["date"], 0) >= 2 or r["episode_id"] in taken
            if similarity > 0 and not full and len(taken) < 50:
                per_day[r["date"]] = per_day.get(r["date"], 0) + 1
                taken[r["episode_id"]] = similarity
        if taken:
            averages.append(sum(taken.values()) / len(taken))
    return float(np.quantile(averages, 0.1)), len(averages)


def test_threshold__equals_the_slow_oracle():
    """The newest 20 sessions query strictly older rows under the rules of the engine (08 B7)."""
    value, n = slow_threshold(BASE, TABLES)
    found = BASE.content.min_avg_similarity
    assert (found.n_sessions, found.n_queries) == (20, n)
    assert found.value == pytest.approx(value, abs=1e-8)


def test_threshold__few_candidates_are_widened(monkeypatch):
    """When the nearest candidates do not yield enough neighbours, all eligible rows are ranked."""
    rules = threshold_module.RetrievalRules(candidates=3)
    monkeypatch.setattr(
        "spymaster_lake.stages.index_building.build_indices.RetrievalRules", lambda: rules
    )
    assert run(TABLES, SMALL, AS_OF).content.min_avg_similarity == BASE.content.min_avg_similarity


def test_threshold__many_queries_are_thinned(monkeypatch):
    """Beyond the cap, queries are spread evenly; the count says how many there were."""
    monkeypatch.setattr(threshold_module, "MAX_QUERIES", 50)
    found = run(TABLES, SMALL, AS_OF).content.min_avg_similarity
    assert 0 < found.n_queries <= 50


def test_metrics__json_values_for_the_record():
    """Counts and the content hash reach stage.json."""
    assert BASE.metrics["indexed"] == 720
    assert BASE.metrics["content_sha256"] == BASE.content.digest
    assert BASE.metrics["partitions_built"] + BASE.metrics["partitions_skipped"] == 68
    assert BASE.warnings == ()


def test_run__many_files_or_none():
    """Tables read from many files give the same bytes as from one; empty tables are no history."""
    pieces = {
        n: pa.concat_tables([t.slice(i, 7) for i in range(0, 720, 7)]) for n, t in TABLES.items()
    }
    assert pieces["vectors"].column("vector_raw").num_chunks > 100
    assert same(run(pieces, SMALL, AS_OF), BASE)
    with pytest.raises(InsufficientHistoryError, match="0 episodes on 0 session dates"):
        run({name: table.slice(0, 0) for name, table in TABLES.items()}, SMALL, AS_OF)
