"""The retrieval measures: their corpus is valid, their queries are answered, limits are judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spymaster_lake.contracts.episodes import METADATA, VECTORS
from spymaster_lake.features.index_partitions import partition_key
from spymaster_lake.lake.checks import check_table
from tests.bench import retrieval_build, retrieval_query, retrieval_speed
from tests.bench.processes import Watched
from tests.bench.retrieval_corpus import corpus

EPISODES = 1_500


@pytest.mark.parametrize("one", [False, True])
def test_corpus__valid_by_the_contracts(one: bool) -> None:
    """Tables of the contracts, in canonical order, the same for the same seed."""
    tables = corpus(EPISODES, one_partition=one)
    check_table(METADATA, tables["metadata"])
    check_table(VECTORS, tables["vectors"])
    facts = tables["metadata"].select(("level_kind", "direction", "time_bucket")).to_pylist()
    keys = {partition_key(*row.values()) for row in facts}
    assert len(keys) == (1 if one else 6 * 2 * 4)
    assert (np.diff(tables["metadata"].column("anchor_ts_ns").to_numpy()) >= 0).all()
    assert corpus(EPISODES, one_partition=one)["vectors"] == tables["vectors"]


def test_query__every_query_is_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The measured queries have answers, of an index of the asked size."""
    asked = ["--root", str(tmp_path), "--episodes", str(EPISODES), "--queries", "30"]
    assert retrieval_query.main([*asked, "--one-partition"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert sum(answer["statuses"].values()) == answer["queries"] == 30
    assert set(answer["statuses"]) <= {"OK", "LOW_SUPPORT"}
    assert (answer["episodes"], answer["index_dim"], answer["partitions"]) == (EPISODES, 32, 2)
    assert answer["median_ms"] > 0


def test_build__publishes_and_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Time and memory have their limits; light sizes are not judged."""
    assert retrieval_build.main(["--root", str(tmp_path), "--episodes", str(EPISODES)]) == 0
    output = capsys.readouterr().out
    assert (tmp_path / "indices" / "manifest.json").is_file()
    watched = Watched(9.0, 8.0, output, 9 * 2**30)
    time, memory = retrieval_speed.build_measurements(watched, EPISODES, judged=True)
    assert (time.verdict, memory.verdict) == ("within", "misses")
    light = retrieval_speed.build_measurements(watched, EPISODES, judged=False)
    assert [m.verdict for m in light] == ["", ""]
