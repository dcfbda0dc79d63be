"""Two markets in one data root: none ever sees, changes or answers for the other (00 section 3).

Both have runs of the same ids, the same datasets and a model of the same name.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from spymaster_lake import cli
from spymaster_lake.contracts.retrieval_set import RETRIEVAL_SET, TRAINING_SETS
from spymaster_lake.inference.batch_retrieve import RetrieveRequest, batch_retrieve
from spymaster_lake.inference.score import ScoreRequest, score
from spymaster_lake.lake.index_store import read_manifest
from spymaster_lake.lake.model_registry import ModelRegistry
from spymaster_lake.lake.model_store import publish_bundle
from spymaster_lake.orchestration.dates import date_range
from tests.end_to_end.lakes import DAYS, EPISODES, FEATURES, INDICES, Lake, read_table
from tests.markets import ES, MARKETS, TSLA, Market
from tests.serving.bundles import FEATURES as TINY
from tests.serving.bundles import MODEL, bundle_of, entry_of, files_of, fitted_heads

pytestmark = pytest.mark.spark

ASKED = DAYS[-1]
SMALL = {"build_indices.min_partition_size": 30}


def other_of(market: Market) -> Market:
    """The market beside it."""
    return TSLA if market is ES else ES


def model_version(market: Market) -> str:
    """Of the model that every market has under the same name."""
    return f"{market.version}_ab12cd3_20260105140102"


def add_model(lake: Lake) -> None:
    """Publish and register a tiny model of the market."""
    env, market = lake.env, lake.market
    bundle = bundle_of(
        model_version(market),
        heads=fitted_heads(),
        instrument=market.instrument,
        pipeline_version=market.version,
    )
    place = (env.filesystem, env.resolver, market.instrument, MODEL)
    sha256 = publish_bundle(*place, bundle.model_version, files_of(bundle, fitted_heads()))
    ModelRegistry(*place).register(entry_of(bundle, sha256), who="tests")


@pytest.fixture(scope="module")
def both(built: Lake, indexed: Lake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Indices as of the last day, so that its episodes can be asked, and a model, of each market."""
    folder = tmp_path_factory.mktemp("both")
    for part in ("conf", "manifests"):
        shutil.copytree(built.home / part, folder / "home" / part)
    tiny = folder / "home" / "conf" / "feature_sets" / f"{TINY.id}.json"
    tiny.write_text(json.dumps(TINY.model_dump(mode="json")), encoding="utf-8")
    shutil.copytree(
        indexed.root, folder / "lake", ignore=shutil.ignore_patterns("raw", "index_building")
    )
    lake = indexed.at(folder / "lake").of(folder / "home")
    for market in MARKETS.values():
        mine = lake.seen_by(market)
        mine.run(INDICES, (ASKED,), run_id="asked", overrides=SMALL)
        add_model(mine)
    return lake


@dataclass
class Command:
    """The console over a lake."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, lake: Lake, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        self.monkeypatch.setenv("SPYMASTER_HOME", str(lake.home))
        self.monkeypatch.delenv("SPYMASTER_DATA_ROOT", raising=False)
        self.capsys.readouterr()
        code = cli.main(
            [*words, "--instrument", lake.market.instrument, "--data-root", str(lake.root)]
        )
        captured = self.capsys.readouterr()
        return code, captured.out, captured.err

    def refused(self, lake: Lake, *words: str) -> str:
        """What a command says that must be refused."""
        code, out, err = self(lake, *words)
        assert code in {1, 2}, out
        assert "Traceback" not in err
        return err


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The console."""
    return Command(monkeypatch, capsys)


def episodes_of(lake: Lake) -> list[dict[str, Any]]:
    """Metadata of all episodes of a market."""
    market = lake.market
    path = lake.env.resolver.gold_table(
        market.instrument, EPISODES, market.version, "episodes/metadata"
    )
    return read_table(path).to_pylist()


def asked_event(lake: Lake) -> str:
    """An episode of the day that the index may answer, and does."""
    manifest = read_manifest(
        lake.env.filesystem,
        lake.env.resolver.index_root(lake.market.instrument, lake.market.version),
    )
    return next(
        e["event_id"]
        for e in episodes_of(lake)
        if e["date"] == ASKED
        and not e["resolved_before_anchor"]
        and f"{e['level_kind']}/{e['direction']}/ALL" in manifest.partitions
    )


def without(lake: Lake, market: Market, to: Path) -> Lake:
    """A copy of the lake in which nothing of a market is left."""
    shutil.copytree(lake.root, to, ignore=shutil.ignore_patterns(market.instrument))
    assert not list(to.rglob(market.instrument))
    return lake.at(to)


def listing(lake: Lake, market: Market) -> dict[str, tuple[int, int]]:
    """Every file of a market with size and time."""
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for folder in lake.root.rglob(market.instrument)
        for path in folder.rglob("*")
        if path.is_file()
    }


QUESTIONS = {
    "similar": lambda lake: (
        "similar", "--index-version", lake.market.version, "--event-id", asked_event(lake), "--json",
    ),
    "runs list": lambda _: ("runs", "list", "--json"),
    "runs show": lambda _: ("runs", "show", "features", "--json"),
    "coverage": lambda _: ("coverage", "--json"),
    "status": lambda lake: (
        "status", "--pipeline-id", FEATURES, "--pipeline-version", lake.market.version,
        "--start", str(DAYS[0]), "--end", str(DAYS[-1]),
    ),
    "plan": lambda lake: (
        "plan", "--pipeline-id", EPISODES, "--pipeline-version", lake.market.version,
        "--date", str(ASKED),
    ),
    "models list": lambda _: ("models", "list", "--json"),
    "models show": lambda _: ("models", "show", "--model-id", MODEL),
}  # fmt: skip
"""Commands that only look."""


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("market", MARKETS, indirect=True)
def test_answers__are_those_of_a_lake_of_its_own(
    both: Lake, market: Market, command: Command, tmp_path: Path, question: str
) -> None:
    """Every question is answered as it is where nothing of the other market exists."""
    lake, other = both.seen_by(market), other_of(market)
    words = QUESTIONS[question](lake)
    code, said, err = command(lake, *words)
    assert code == 0, err
    assert len(said) > 100
    alone = without(lake, other, tmp_path / "alone")
    assert command(alone, *words) == (0, said.replace(str(both.root), str(alone.root)), err)


@pytest.mark.parametrize("market", MARKETS, indirect=True)
def test_similar__neighbours_are_of_the_same_market(
    both: Lake, market: Market, command: Command
) -> None:
    """Every neighbour is an episode of the market; the markets have no event in common."""
    lake = both.seen_by(market)
    mine, theirs = (
        {e["event_id"] for e in episodes_of(both.seen_by(m))} for m in (market, other_of(market))
    )
    assert not mine & theirs
    answer = json.loads(command(lake, *QUESTIONS["similar"](lake))[1])
    assert answer["status"] in {"OK", "LOW_SUPPORT"}
    assert {n["event_id"] for n in answer["neighbours"]} <= mine


@pytest.mark.parametrize("market", MARKETS, indirect=True)
def test_batch_retrieve__writes_for_its_market_only(
    both: Lake, market: Market, tmp_path: Path
) -> None:
    """All episodes of the day get a row, and no file of the other market is touched."""
    shutil.copytree(both.root, tmp_path / "lake")
    lake = both.at(tmp_path / "lake").seen_by(market)
    before = listing(lake, other_of(market))
    asked = date_range(ASKED, None, None)
    batch_retrieve(lake.env, RetrieveRequest(market.instrument, market.version, asked, "batch"))
    assert listing(lake, other_of(market)) == before
    path = lake.env.resolver.gold_table(
        market.instrument, TRAINING_SETS, market.version, RETRIEVAL_SET.dataset
    )
    rows = read_table(path)
    wanted = {e["event_id"] for e in episodes_of(lake) if e["date"] == ASKED}
    assert set(rows.column("event_id").to_pylist()) == wanted
    assert pc.sum(pc.greater(rows.column("n_retrieved").fill_null(0), 0)).as_py() > 5


@pytest.mark.parametrize("market", MARKETS, indirect=True)
def test_score__writes_for_its_market_only(both: Lake, market: Market, tmp_path: Path) -> None:
    """The model of the market scores its events, and no file of the other market is touched."""
    shutil.copytree(both.root, tmp_path / "lake")
    lake = both.at(tmp_path / "lake").seen_by(market)
    before = listing(lake, other_of(market))
    record = score(lake.env, score_request(market))
    assert listing(lake, other_of(market)) == before
    scored = read_table(f"{lake.root}/{record.outputs[0].path}")
    assert record.outputs[0].path.startswith(f"gold/{market.instrument}/")
    signals = read_table(lake.table_paths()[f"silver {FEATURES} signals"])
    wanted = signals.filter(pc.equal(signals.column("date"), ASKED)).column("event_id")
    assert set(scored.column("event_id").to_pylist()) == set(wanted.to_pylist())


def score_request(market: Market, version: str = "") -> ScoreRequest:
    """Score the last day with the model of a market."""
    return ScoreRequest(
        market.instrument,
        MODEL,
        market.version,
        date_range(ASKED, None, None),
        model_version=version or model_version(market),
    )


@pytest.mark.parametrize("market", MARKETS, indirect=True)
def test_stale__follows_the_own_market_only(
    both: Lake, market: Market, command: Command, tmp_path: Path
) -> None:
    """Bronze of one market that is no longer what it was makes its dates stale, no other's."""
    shutil.copytree(both.root, tmp_path / "lake")
    lake = both.at(tmp_path / "lake").seen_by(market)
    product = market.profile.product
    parts = sorted(lake.root.glob(f"bronze/{market.instrument}/{product}/trades/**/*.parquet"))
    other = lake.seen_by(other_of(market))
    for stale in (False, True):
        found = [
            json.loads(command(x, *QUESTIONS["status"](x))[1])["counts"] for x in (lake, other)
        ]
        assert [counts["stale"] > 0 for counts in found] == [stale, False]
        assert found[1] == {"current": len(DAYS) * 17, "stale": 0, "missing": 0}
        parts[-1].unlink(missing_ok=True)


@pytest.mark.parametrize("market", MARKETS, indirect=True)
def test_event_of_another_market__is_unknown(both: Lake, market: Market, command: Command) -> None:
    """The message names the event, the market that was asked and the day."""
    lake, event = both.seen_by(market), asked_event(both.seen_by(other_of(market)))
    said = command.refused(lake, "similar", "--index-version", market.version, "--event-id", event)
    assert f"Unknown event of '{market.instrument}' on {ASKED} '{event}'" in said


@pytest.mark.parametrize("market", MARKETS, indirect=True)
def test_run_of_another_market__is_named(
    both: Lake, market: Market, command: Command, tmp_path: Path
) -> None:
    """A run id that only the other market has is answered with whose run it is."""
    other = other_of(market)
    shutil.copytree(both.root / "_meta", tmp_path / "lake" / "_meta")
    lake = both.at(tmp_path / "lake").seen_by(market)
    runs = lake.root / "_meta" / other.instrument / "runs"
    shutil.copytree(runs / "features", runs / "only")
    said = command.refused(lake, "runs", "show", "only")
    assert f"Run only is a run of {other.instrument}, not of {market.instrument}" in said
    said = command.refused(lake, "runs", "show", "nobodys")
    assert f"Unknown run of '{market.instrument}' 'nobodys'" in said


@pytest.mark.parametrize("market", MARKETS, indirect=True)
def test_version_of_another_market__is_unknown(
    both: Lake, market: Market, command: Command
) -> None:
    """Pipeline, index and model versions of the other market do not exist for this one."""
    lake, other = both.seen_by(market), other_of(market)
    plan = ("plan", "--pipeline-id", FEATURES, "--date", str(ASKED))
    said = command.refused(lake, *plan, "--pipeline-version", other.version)
    assert f"'{other.version}'" in said
    event = asked_event(lake)
    said = command.refused(lake, "similar", "--index-version", other.version, "--event-id", event)
    assert f"{market.instrument}/episode_construction/version={other.version}" in said
    asked = replace(score_request(market), model_version=model_version(other))
    said = command.refused(
        lake, "score", "--model-id", MODEL, "--model-version", str(asked.model_version),
        "--pipeline-version", market.version, "--date", str(ASKED),
    )  # fmt: skip
    assert "Unknown version of 'level_trees'" in said


@pytest.mark.parametrize("market", MARKETS, indirect=True)
def test_index_in_the_place_of_another__is_refused(
    both: Lake, market: Market, command: Command, tmp_path: Path
) -> None:
    """An index says whose it is; put where another market's is looked for, nobody is answered."""
    lake = mixed_up(both, market, tmp_path)
    resolver, other = lake.env.resolver, other_of(market)
    home = Path(resolver.index_root(market.instrument, market.version))
    shutil.rmtree(home)
    shutil.copytree(resolver.index_root(other.instrument, other.version), home)
    wanted = f"instrument is '{other.instrument}', needed '{market.instrument}'"
    assert wanted in command.refused(lake, *QUESTIONS["similar"](both.seen_by(market)))
    said = command.refused(
        lake, "batch-retrieve", "--index-version", market.version, "--date", str(ASKED)
    )
    assert wanted in said
    assert not list((lake.root / "gold" / market.instrument).glob(TRAINING_SETS))


@pytest.mark.parametrize("market", MARKETS, indirect=True)
def test_model_in_the_place_of_another__is_refused(
    both: Lake, market: Market, command: Command, tmp_path: Path
) -> None:
    """Registry and bundle say whose they are; neither serves another market."""
    lake = mixed_up(both, market, tmp_path)
    other = other_of(market)
    words = (
        "score", "--model-id", MODEL, "--model-version", model_version(other),
        "--pipeline-version", other.version, "--date", str(ASKED),
    )  # fmt: skip
    registry, theirs = (lake.root / "_meta" / m.instrument / "models" for m in (market, other))
    shutil.rmtree(registry)
    shutil.copytree(theirs, registry)
    said = command.refused(lake, *words)
    assert f"is the registry of '{MODEL}' of '{other.instrument}'" in said
    said = command.refused(lake, "models", "list")
    assert f"is the registry of '{MODEL}' of '{other.instrument}'" in said
    file = registry / MODEL / "registry.json"
    claimed = json.loads(file.read_text(encoding="utf-8")) | {"instrument": market.instrument}
    for version in claimed["versions"]:
        folder = f"models/{market.instrument}/{MODEL}"
        version["artifact_path"] = f"{folder}/version={version['model_version']}"
    file.write_text(json.dumps(claimed), encoding="utf-8")
    models = lake.root / "models"
    shutil.copytree(
        models / other.instrument / MODEL, models / market.instrument / MODEL, dirs_exist_ok=True
    )
    said = command.refused(lake, *words)
    assert f"instrument is '{other.instrument}', the caller needs '{market.instrument}'" in said


def mixed_up(both: Lake, market: Market, folder: Path) -> Lake:
    """A copy of what is asked and served, to mix up."""
    for part in ("_meta", "gold", "models"):
        shutil.copytree(both.root / part, folder / "lake" / part)
    return both.at(folder / "lake").seen_by(market)
