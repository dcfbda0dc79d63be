"""`spymaster similar`: the right episode is asked, the answer is the engine's, and it is readable."""

from __future__ import annotations

import json

import matplotlib.image
import numpy as np
import pytest

from spymaster_lake import cli
from spymaster_lake.commands.common import make_environment
from spymaster_lake.contracts.episodes import SEQUENCES, VECTORS
from spymaster_lake.contracts.errors import ConfigError, UnknownNameError
from spymaster_lake.contracts.retrieval import Query, Range, RetrievalResult
from spymaster_lake.inference.filter_text import parse_filters
from spymaster_lake.inference.find_episode import Wanted
from spymaster_lake.inference.similar import SimilarRequest, similar
from spymaster_lake.lake.delta_tables import open_snapshot
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.parquet_files import read_partition_files
from spymaster_lake.serving.engine import RetrievalEngine
from spymaster_lake.serving.index_manager import IndexManager
from tests.inference.similar_lake import REJECTED_EVENT, VERSION, last_day, table_path, write_lake

ASK = ["similar", "--instrument", "es", "--index-version", VERSION]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Paths of the lake and metadata of its episodes."""
    return write_lake(tmp_path_factory.mktemp("similar"))


@pytest.fixture(scope="module")
def last(lake):
    """The first episode of the last session."""
    _, metadata = lake
    rows = [r for r in metadata.to_pylist() if r["date"] == last_day(metadata)]
    assert str(rows[0]["date"]) == REJECTED_EVENT[:10]
    return rows[0]


def ask(lake, *words: object) -> int:
    """Run the command."""
    return cli.main([*ASK, "--data-root", lake[0].data_root, *map(str, words)])


def engine_answer(lake, facts) -> RetrievalResult:
    """What the engine says, from the tables read by hand."""
    resolver, _ = lake
    table = table_path(resolver, VECTORS)
    rows = read_partition_files(VECTORS, open_snapshot(table).on([facts["date"]])).to_pylist()
    vector = next(r["vector_raw"] for r in rows if r["event_id"] == facts["event_id"])
    names = ("event_id", "episode_id", "level_kind", "direction", "time_bucket", "anchor_ts_ns",
             "date", "minutes_since_open", "level_price", "emission_weight")  # fmt: skip
    query = Query(**{name: facts[name] for name in names}, vector_raw=np.array(vector, np.float32))
    filesystem = LakeFileSystem.of(resolver.data_root)
    index = IndexManager(filesystem).get(resolver.index_root("es", VERSION))
    return RetrievalEngine(index).query(query)


def test_json__is_the_engine_s_answer(lake, last, capsys) -> None:
    """--json prints the result schema, and nothing else goes to standard output."""
    assert ask(lake, "--event-id", last["event_id"], "--json") == 0
    printed = RetrievalResult.model_validate(json.loads(capsys.readouterr().out))
    assert printed == engine_answer(lake, last)
    assert printed.status.answered
    assert max(n.date for n in printed.neighbours) < last["date"]
    assert printed.attribution.status == "ok"


def test_json__no_attribution(lake, last, capsys) -> None:
    """--no-attribution leaves out the attribution alone."""
    assert ask(lake, "--event-id", last["event_id"], "--json", "--no-attribution") == 0
    printed = RetrievalResult.model_validate(json.loads(capsys.readouterr().out))
    assert printed.attribution.status == "unavailable"
    assert printed.outcomes == engine_answer(lake, last).outcomes


def clock_of(lake, facts) -> str:
    """Exchange time of an anchor."""
    env = make_environment(lake[0].data_root)
    found = similar(env, SimilarRequest("es", VERSION, Wanted(facts["event_id"])))
    return f"{found.episodes.clock(facts['anchor_ts_ns']):%H:%M}"


def test_time__finds_the_same_episode(lake, last, capsys) -> None:
    """Date, exchange time and level kind name the episode that its id names."""
    _, metadata = lake
    on_last = [r for r in metadata.to_pylist() if r["date"] == last["date"]]
    minutes = [r["minutes_since_open"] for r in on_last]
    alone = next(r for r in on_last if minutes.count(r["minutes_since_open"]) == 1)
    clock = clock_of(lake, alone)
    assert clock == f"10:{alone['minutes_since_open'] - 30:02.0f}"  # the open is 9:30
    where = ("--date", last["date"], "--level-kind", alone["level_kind"])
    assert ask(lake, *where, "--time", clock, "--json") == 0
    assert json.loads(capsys.readouterr().out)["query"]["event_id"] == alone["event_id"]
    twice = next(r for r in on_last if minutes.count(r["minutes_since_open"]) > 1)
    assert ask(lake, *where, "--time", clock_of(lake, twice)) == 2
    assert twice["event_id"] in capsys.readouterr().err


def test_table__what_a_trader_needs(lake, last, capsys) -> None:
    """Status, probabilities with intervals against the base rate, support, neighbours."""
    assert ask(lake, "--event-id", last["event_id"], "--k", 3) == 0
    out, answer = capsys.readouterr().out, engine_answer(lake, last)
    assert str(answer.status) in out.splitlines()[0]
    for name, share in answer.primary.p_posterior.items():
        row = next(line for line in out.splitlines() if f" {name} " in line)
        low, high = answer.primary.ci_low[name], answer.primary.ci_high[name]
        assert f" {100 * share:.0f} % " in row
        assert f" {100 * low:.0f}–{100 * high:.0f} % " in row
        assert f" {100 * answer.primary.base_rate[name]:.0f} % " in row
    trust = answer.reliability
    assert f"n {trust.n_retrieved} on {trust.n_dates} dates" in out
    assert f"effective n {trust.effective_n:.1f}" in out
    assert "Nearest 3 of 50" in out
    assert out.count(f"{answer.neighbours[0].similarity:.3f}") >= 1
    for reason in answer.reasons:
        assert f"{reason.code}: {reason.detail}" in out


def test_plot__png_with_paths_and_bars(lake, last, tmp_path, capsys) -> None:
    """A picture of full size with many colours; another episode has another one."""
    _, metadata = lake
    other = [r for r in metadata.to_pylist() if r["date"] == last["date"]][-1]
    pictures = []
    for name, facts in (("a.png", last), ("b.png", other)):
        assert ask(lake, "--event-id", facts["event_id"], "--plot", tmp_path / name) == 0
        pictures.append(matplotlib.image.imread(tmp_path / name))
    assert "a.png" in capsys.readouterr().err
    for picture in pictures:
        assert picture.shape == (750, 1500, 4)
        inked = (picture[:, :, :3] < 0.97).any(axis=2)
        assert inked[:, :900].mean() > 0.02, "the paths"
        assert inked[:, 1000:].mean() > 0.02, "the bars"
    assert (pictures[0] != pictures[1]).any()


def test_approaches__known_steps_in_order(lake, last) -> None:
    """Forty steps to the anchor; unknown ones are NaN."""
    env = make_environment(lake[0].data_root)
    found = similar(env, SimilarRequest("es", VERSION, Wanted(last["event_id"])))
    seconds, distance = found.episodes.approaches([(last["event_id"], last["date"])])[
        last["event_id"]
    ]
    assert (seconds[0], seconds[-1], len(seconds)) == (-1170, 0, 40)
    assert np.isnan(distance[0])
    rows = read_partition_files(
        SEQUENCES, open_snapshot(table_path(lake[0], SEQUENCES)).on([last["date"]])
    ).to_pylist()
    own = next(r["sequence"] for r in rows if r["event_id"] == last["event_id"])
    assert distance[1:].tolist() == own[7::7]


def test_before_the_as_of_date__no_number_and_exit_code_2(lake, tmp_path, capsys) -> None:
    """An episode that the index was fitted on is refused: status, reason, no probability."""
    _, metadata = lake
    event = metadata.column("event_id")[5].as_py()
    assert ask(lake, "--event-id", event, "--plot", tmp_path / "no.png") == 2
    out = capsys.readouterr().out
    assert "INVALID_QUERY" in out
    assert "ASOF_AFTER_QUERY: index as of" in out
    assert "%" not in out
    assert (tmp_path / "no.png").stat().st_size > 10_000


def test_no_neighbours__is_an_answer(lake, last, capsys) -> None:
    """Nothing passes the filter: said so, exit code 0."""
    assert ask(lake, "--event-id", last["event_id"], "--filter", "attempt_index=99") == 0
    out = capsys.readouterr().out
    assert "NO_NEIGHBOURS" in out
    assert "NO_SURVIVOR" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Give --event-id, or --date with --time and --level-kind"),
        (["--date", "2005-02-11", "--time", "10:00"], "Give --event-id"),
        (["--event-id", "x", "--date", "2005-02-11"], "Give --event-id"),
        (["--event-id", "nonsense"], "begins with its session date"),
        (["--event-id", "2005-02-11_PM_HIGH_699_U"], "Did you mean '2005-02-11_PM_HIGH_"),
        (["--event-id", "1999-01-04_PM_HIGH_1_UP"], "holds no session 1999-01-04; it holds 2005"),
        (["--event-id", REJECTED_EVENT], "became no episode: atr is unknown"),
        (["--date", "2005-02-11", "--time", "15:00", "--level-kind", "PM_HIGH"],
         "No episode of PM_HIGH has its anchor at 15:00:00"),
        (["--date", "2005-02-11", "--time", "10:00", "--level-kind", "OR_LOW"], "its anchors"),
        (["--date", "2005-02-11", "--time", "10:00", "--level-kind", "PMHIGH"], "'PM_HIGH'"),
        (["--date", "2005-02-11", "--time", "25:00", "--level-kind", "PM_HIGH"], "HH:MM"),
        (["--event-id", "2005-02-11_x", "--filter", "attempt=2"], "attempt_index"),
        (["--event-id", "2005-02-11_x", "--plot", "picture.jpg"], "must end in .png"),
        (["--event-id", "2005-02-11_x", "--plot", "no/such/p.png"], "is no directory"),
    ],
)  # fmt: skip
def test_bad_request__is_told(lake, capsys, words, said) -> None:
    """Exit code 2 and a sentence that helps; nothing on standard output."""
    assert ask(lake, *words) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert not captured.out


def test_bad_index__is_told(lake, last, capsys) -> None:
    """A version that was never built is an error, not another index."""
    words = ["similar", "--instrument", "es", "--index-version", "9.9.9", "--pipeline-version"]
    root = ["--data-root", lake[0].data_root]
    assert cli.main([*words, VERSION, "--event-id", last["event_id"], *root]) == 2
    assert "no complete index was published here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("item", "name", "value"),
    [
        ("attempt_index=2", "attempt_index", 2),
        ("attempt_index=2..", "attempt_index", Range(low=2)),
        ("attempt_index=..3", "attempt_index", Range(high=3)),
        ("minutes_since_open=10..20.5", "minutes_since_open", Range(10.0, 20.5)),
        ("gate_zone=true", "gate_zone", True),
        ("direction=UP", "direction", "UP"),
        ("episode_id=a..b", "episode_id", "a..b"),
    ],
)
def test_parse_filters__in_the_column_s_type(item, name, value) -> None:
    """A value, or a range with open ends."""
    assert parse_filters([item]) == {name: value}


@pytest.mark.parametrize(
    ("items", "error"),
    [
        (["attempt_index"], ConfigError),
        (["attempt_index="], ConfigError),
        (["attempt_index=two"], ConfigError),
        (["attempt_index=.."], ConfigError),
        (["gate_zone=1"], ConfigError),
        (["date=2025-13-01"], ConfigError),
        (["attempt=1"], UnknownNameError),
        (["attempt_index=1", "attempt_index=2"], ConfigError),
    ],
)
def test_parse_filters__refuses(items, error) -> None:
    """What cannot mean what it says is an error that names the column."""
    with pytest.raises(error, match=r"attempt|gate_zone|date|range"):
        parse_filters(items)
