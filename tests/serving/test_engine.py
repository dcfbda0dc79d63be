"""The retrieval engine: whom it finds, what it says of them, and when it says nothing."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spymaster_lake.contracts.enums import HORIZONS, OUTCOMES
from spymaster_lake.contracts.errors import ConfigError, DataError, UnknownNameError
from spymaster_lake.contracts.index_blocks import RetrievalRules
from spymaster_lake.contracts.retrieval import Range, ReasonCode, RetrievalResult, RetrievalStatus
from spymaster_lake.features.compress import unit_rows
from spymaster_lake.features.neighbours import exact_similarity, select_neighbours
from spymaster_lake.features.normalise import day_number
from spymaster_lake.serving.engine import RetrievalEngine
from spymaster_lake.serving.search import find_neighbours, rounding_bound
from tests.serving.toy_index import POOLED, Row, ask, at, axis, toy_index

DAY1, DAY2, DAY3 = date(2025, 1, 6), date(2025, 1, 7), date(2025, 1, 8)
TODAY = date(2025, 6, 2)
RNG = np.random.default_rng(5)


def days(n: int, last: date = TODAY) -> list[date]:
    """The n calendar days before a date, oldest first."""
    return [last - timedelta(days=n - i) for i in range(n)]


def cloud(rng: np.random.Generator) -> np.ndarray:
    """A raw vector near the first axis, so that similarities are positive and differ."""
    return axis(1.0, *(rng.standard_normal(31) * 0.15))


def corpus(n_days: int = 30, per_day: int = 3, *, seed: int = 1) -> list[Row]:
    """Random episodes: outcomes, excursions, attempts and vectors differ."""
    rng = np.random.default_rng(seed)
    return [
        Row(d, OUTCOMES[rng.integers(0, 4)], cloud(rng), mfe=float(rng.random()),
            mae=float(rng.random()), minutes=16.0 + i, attempt=int(rng.integers(1, 4)))
        for d in days(n_days) for i in range(per_day)
    ]  # fmt: skip


CORPUS = corpus()
ENGINE = RetrievalEngine(toy_index(CORPUS))


def assert_silent(result: RetrievalResult, status: RetrievalStatus, *codes: ReasonCode) -> None:
    """The status, exactly these reasons, and not one probability."""
    assert (result.status, result.reason_codes) == (status, codes)
    for horizon in HORIZONS:
        block = result.outcomes[horizon]
        for shares in (
            block.p_raw,
            block.p_posterior,
            block.base_rate,
            block.ci_low,
            block.ci_high,
        ):
            assert shares == dict.fromkeys(OUTCOMES)
        assert block.n_valid == 0
    assert result.context_metrics.base_rate_break is None
    assert (result.neighbours, result.reliability.effective_n) == ((), None)
    assert result.attribution.status == "unavailable"
    assert RetrievalResult.from_json(result.to_json()) == result


def test_query__two_date_toy_corpus():
    """03 7.8-6: only the older date answers; an identical vector there has similarity 1."""
    engine = RetrievalEngine(toy_index([Row(DAY1, raw=axis(1, 2)), Row(DAY1, raw=axis(2, 1),
                                        minutes=25)], as_of=DAY2))  # fmt: skip
    result = engine.query(ask(DAY2, axis(1, 2)))
    assert [n.date for n in result.neighbours] == [DAY1, DAY1]
    assert result.neighbours[0].similarity == pytest.approx(1, abs=1e-6)
    assert result.neighbours[1].similarity == pytest.approx(0.8, abs=1e-6)
    assert result.status is RetrievalStatus.LOW_SUPPORT


def test_find_neighbours__same_and_later_dates_are_never_proposed():
    """Without the as-of check the date prefix alone keeps the query's date and later ones out."""
    index = toy_index([Row(DAY1, raw=axis(1, 2)), Row(DAY2), Row(DAY3)])
    part = index.partitions["PM_HIGH/UP/T15_30"]
    unit, _ = index.projection.apply(axis(1.0)[None, :])
    rules = RetrievalRules()
    expected = [(DAY1, 0), (DAY2, 1), (DAY3, 2), (TODAY, 3)]
    for day, n in expected:
        found = find_neighbours(part, unit[0], day=day_number(day), allowed=None, rules=rules)
        assert sorted(found.rows.tolist()) == list(range(n))


@settings(max_examples=60, deadline=None)
@given(
    offsets=st.lists(st.integers(0, 12), min_size=1, max_size=25),
    asked=st.integers(0, 14),
    ivf=st.booleans(),
)
def test_find_neighbours__every_neighbour_is_strictly_older(offsets, asked, ivf):
    """Law: whatever the corpus and the kind of index, neighbour date < query date."""
    rows = [Row(DAY1 + timedelta(days=d), minutes=15 + 0.25 * i) for i, d in enumerate(offsets)]
    part = toy_index(rows, ivf_min_rows=16 if ivf else 999).partitions["PM_HIGH/UP/T15_30"]
    unit = np.zeros(32, np.float32)
    unit[0] = 1
    day = day_number(DAY1) + asked
    found = find_neighbours(part, unit, day=day, allowed=None, rules=RetrievalRules())
    assert (part.day[found.rows] < day).all()
    older = {d for d in offsets if d < asked}
    assert set(part.day[found.rows] - day_number(DAY1)) == older


@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("per_day", [2, 40], ids=["many dates", "few dates"])
def test_find_neighbours__the_first_few_tried_are_the_neighbours_of_all(per_day, filtered):
    """Flat: trying the best candidates first gives what the exact order of all rows gives."""
    rng = np.random.default_rng(per_day)
    rows = [
        Row(d, raw=np.round(cloud(rng), 1), minutes=15 + i / 8, name=f"{d}_{i}")
        for d in days(800 // per_day) for i in range(per_day)
    ]  # fmt: skip
    part = toy_index(rows).partitions["PM_HIGH/UP/T15_30"]
    allowed = rng.random(len(rows)) < 0.5 if filtered else None
    for _ in range(20):
        unit, _ = unit_rows(np.round(cloud(rng), 1)[None, 117:149].astype(np.float64))
        found = find_neighbours(
            part, unit[0], day=day_number(TODAY), allowed=allowed, rules=RetrievalRules()
        )
        among = np.arange(len(rows)) if allowed is None else np.flatnonzero(allowed)
        similarity = exact_similarity(unit[0], part.loaded.vectors[among])
        chosen = select_neighbours(
            similarity, tie_rank=part.ranks[among], day=part.day[among],
            episode=part.episode[among],
        )  # fmt: skip
        assert found.rows.tolist() == among[chosen].tolist()
        assert found.similarity.tolist() == similarity[chosen].tolist()


def test_rounding_bound__float32_products_keep_it():
    """No float32 product of unit vectors is off by more."""
    rng = np.random.default_rng(8)
    for dim in (4, 32, 149):
        units, _ = unit_rows(rng.standard_normal((3000, dim)))
        off = np.abs((units @ units[0]).astype(np.float64) - exact_similarity(units[0], units))
        assert off.max() < rounding_bound(dim)


def test_query__golden_posterior():
    """03 7.8-7: fifty BREAK neighbours of equal weight, base rate 1/3 -> 0.9683."""
    # equal weights need one date, so its limit is lifted
    near = [Row(DAY1, "BREAK", minutes=15 + i * 0.25) for i in range(50)]
    far = [Row(DAY1, o, axis(-1.0), minutes=15 + i * 0.25 + 0.1, name=f"{o}{i}")
           for o in ("REJECT", "CHOP") for i in range(50)]  # fmt: skip
    rules = RetrievalRules(max_per_date=50)
    result = RetrievalEngine(toy_index([*near, *far], rules=rules)).query(ask(TODAY))
    for horizon in HORIZONS:
        block = result.outcomes[horizon]
        assert block.base_rate == pytest.approx(
            {"BREAK": 1 / 3, "REJECT": 1 / 3, "CHOP": 1 / 3, "NO_TEST": 0}
        )
        assert block.p_raw["BREAK"] == 1
        assert block.p_posterior["BREAK"] == pytest.approx((50 + 2.5 / 3) / 52.5)
        assert round(block.p_posterior["BREAK"], 4) == 0.9683
        assert set(block.ci_low.values()) == {None}, "one date bears no interval"
    assert result.reliability.effective_n == pytest.approx(50)
    assert result.reliability.entropy == pytest.approx(1)


def oracle(rows: list[Row], raw: np.ndarray, today: date, *, limit: int = 50) -> list[tuple]:
    """Neighbours by plain loops: (event_id, similarity, weight)."""

    def unit(v):
        v = v[117:149].astype(float)
        return (v / np.sqrt((v * v).sum())).astype(np.float32).astype(float)

    scored = [(min(1, float((unit(r.raw) * unit(raw)).sum())), r) for r in rows if r.day < today]
    scored.sort(key=lambda s: (-s[0], -at(s[1].day, s[1].minutes), s[1].event_id))
    taken, dates, episodes = [], [], []
    for sim, r in scored:
        episode = r.episode or r.event_id
        if sim > 0 and dates.count(r.day) < 2 and episode not in episodes and len(taken) < limit:
            taken.append((sim, r))
            dates.append(r.day)
            episodes.append(episode)
    mass = [s**4 * 2 ** (-(today - r.day).days / 60) for s, r in taken]
    return [(r.event_id, s, m / sum(mass)) for (s, r), m in zip(taken, mass)]


@pytest.mark.parametrize("ivf", [False, True], ids=["flat", "ivf"])
def test_query__neighbours_and_aggregates_match_a_slow_oracle(ivf):
    """Neighbours, weights, shares, posteriors and excursions are those of plain loops."""
    rows = corpus(40, 4, seed=3)
    for r in rows[::7]:
        r.outcomes, r.mfe = {"4min": None}, None
    engine = RetrievalEngine(toy_index(rows, ivf_min_rows=50 if ivf else 999))
    raw = cloud(np.random.default_rng(9))
    result = engine.query(ask(TODAY, raw), attribution=False)
    expected, by_id = oracle(rows, raw, TODAY), {r.event_id: r for r in rows}
    assert [n.event_id for n in result.neighbours] == [e[0] for e in expected]
    assert [n.similarity for n in result.neighbours] == pytest.approx([e[1] for e in expected])
    assert [n.weight for n in result.neighbours] == pytest.approx([e[2] for e in expected])
    for horizon in HORIZONS:
        known = [(by_id[e[0]].outcomes.get(horizon, by_id[e[0]].outcome), e[2]) for e in expected]
        known = [(o, w) for o, w in known if o is not None]
        total = sum(w for _, w in known)
        n_eff = total**2 / sum(w * w for _, w in known)
        block = result.outcomes[horizon]
        assert block.n_valid == len(known)
        for c in OUTCOMES:
            p = sum(w for o, w in known if o == c) / total
            pool = [r.outcomes.get(horizon, r.outcome) for r in rows]
            pi = pool.count(c) / (len(pool) - pool.count(None))
            assert block.p_raw[c] == pytest.approx(p)
            assert block.base_rate[c] == pytest.approx(pi)
            assert block.p_posterior[c] == pytest.approx((n_eff * p + 2.5 * pi) / (n_eff + 2.5))
            assert 0 <= block.ci_low[c] <= block.p_posterior[c] <= block.ci_high[c] <= 1
    gains = [(by_id[e[0]].mfe, e[2]) for e in expected if by_id[e[0]].mfe is not None]
    mean = sum(g * w for g, w in gains) / sum(w for _, w in gains)
    assert result.expected_excursions.favorable == pytest.approx(mean)
    assert len(gains) < len(expected), "the case must contain unknown excursions"


def test_query__limits_per_date_and_episode():
    """At most two per date and one per episode_id; the next best takes the place."""
    rows = [Row(DAY1, raw=axis(1, 0.1 * i), minutes=16 + i, name=f"a{i}") for i in range(4)]
    rows += [Row(DAY2, raw=axis(1, 0.5 + 0.1 * i), minutes=16 + i, name=f"b{i}", episode="same")
             for i in range(3)]  # fmt: skip
    result = RetrievalEngine(toy_index(rows)).query(ask(TODAY))
    assert [n.event_id for n in result.neighbours] == ["a0", "a1", "b0"]


def test_query__ties_go_to_the_newer_anchor_then_event_id():
    """Equal similarities are ordered by time, newest first, then by name."""
    rows = [Row(DAY1, name="old"), Row(DAY2, name="late", minutes=21), Row(DAY2, name="y"),
            Row(DAY2, name="x")]  # fmt: skip
    rules = RetrievalRules(max_per_date=3)
    result = RetrievalEngine(toy_index(rows, rules=rules)).query(ask(TODAY))
    assert [n.event_id for n in result.neighbours] == ["late", "x", "y", "old"]


def test_query__first_fifty_with_positive_similarity():
    """Never more than fifty, and none that points the other way."""
    result = RetrievalEngine(toy_index(corpus(40))).query(ask(TODAY), attribution=False)
    assert len(result.neighbours) == 50
    mixed = [Row(DAY1), Row(DAY2, raw=axis(-1.0)), Row(DAY3, raw=axis(0.0, 1.0))]
    found = RetrievalEngine(toy_index(mixed)).query(ask(TODAY)).neighbours
    assert [n.date for n in found] == [DAY1]


def test_query__never_finds_itself():
    """The query's own event is no neighbour, even under an older date."""
    engine = RetrievalEngine(toy_index([Row(DAY1, name="query"), Row(DAY1, name="b", minutes=18)]))
    assert [n.event_id for n in engine.query(ask(TODAY)).neighbours] == ["b"]


def test_query__ok_and_complete():
    """Sixty dates around the query give OK, intervals everywhere and an attribution."""
    result = RetrievalEngine(toy_index(corpus(60))).query(ask(TODAY))
    assert (result.status, result.reasons) == (RetrievalStatus.OK, ())
    assert result.index.partition_level == result.reliability.partition_level == "bucket"
    assert result.index.n_partition == 180
    assert result.attribution.status == "ok"
    assert sum(n.weight for n in result.neighbours) == pytest.approx(1)
    assert None not in result.primary.ci_low.values()
    assert result.query.emission_weight == 0.3


@pytest.mark.parametrize(
    ("rows", "threshold", "code"),
    [
        pytest.param(corpus(14, 2), 0.1, ReasonCode.FEW_NEIGHBOURS, id="28 neighbours"),
        pytest.param(
            [*corpus(20, 2), Row(days(1)[0], raw=axis(1.0), minutes=29)],
            1.01,
            ReasonCode.LOW_SIMILARITY,
            id="threshold above",
        ),
        pytest.param(corpus(40, 2), None, ReasonCode.NO_SIMILARITY_THRESHOLD, id="no threshold"),
        pytest.param(
            [Row(d, raw=axis(0.2, 1.0)) for d in days(40)[:-1]] + [Row(days(1)[0])],
            0.1,
            ReasonCode.LOW_EFFECTIVE_N,
            id="one neighbour has all the weight",
        ),
    ],
)
def test_query__low_support(rows, threshold, code):
    """Each rule alone makes LOW_SUPPORT; the probabilities stand."""
    result = RetrievalEngine(toy_index(rows, threshold=threshold)).query(ask(TODAY))
    assert (result.status, result.reason_codes) == (RetrievalStatus.LOW_SUPPORT, (code,))
    assert sum(result.primary.p_posterior.values()) == pytest.approx(1)


def broken(entry: int, value: float) -> np.ndarray:
    """A good vector with one entry replaced."""
    raw = axis(1.0)
    raw[entry] = value
    return raw


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"vector_raw": np.zeros(32)}, ReasonCode.WRONG_DIMENSION),
        ({"vector_raw": np.zeros((1, 149))}, ReasonCode.WRONG_DIMENSION),
        ({"vector_raw": broken(30, np.inf)}, ReasonCode.NOT_FINITE),
        ({"vector_raw": [1e300] + [0.0] * 148}, ReasonCode.NOT_FINITE),
        ({"vector_raw": broken(117, np.nan)}, ReasonCode.REQUIRED_ENTRY_UNKNOWN),
        ({"vector_raw": axis(0.0)}, ReasonCode.ZERO_NORM),
        ({"level_kind": "VWAP"}, ReasonCode.UNKNOWN_LEVEL_KIND),
        ({"direction": "SIDEWAYS"}, ReasonCode.UNKNOWN_DIRECTION),
        ({"minutes_since_open": -0.1}, ReasonCode.MINUTES_OUT_OF_RANGE),
        ({"minutes_since_open": 180.1}, ReasonCode.MINUTES_OUT_OF_RANGE),
        ({"minutes_since_open": float("nan")}, ReasonCode.MINUTES_OUT_OF_RANGE),
        ({"minutes_since_open": 30.0}, ReasonCode.BUCKET_MISMATCH),
        ({"time_bucket": "ALL"}, ReasonCode.BUCKET_MISMATCH),
        ({"date": TODAY - timedelta(days=1)}, ReasonCode.ASOF_AFTER_QUERY),
        ({"resolved_before_anchor": True}, ReasonCode.RESOLVED_BEFORE_ANCHOR),
        ({"level_kind": "OR_HIGH", "time_bucket": "T0_15", "minutes_since_open": 3.0},
         ReasonCode.IMPOSSIBLE_PARTITION),
    ],
)  # fmt: skip
def test_query__invalid(changes, code):
    """Every broken rule has its own reason, and no probability."""
    assert_silent(ENGINE.query(ask(TODAY, **changes)), RetrievalStatus.INVALID_QUERY, code)


def test_query__all_violations_at_once():
    """A query that breaks three rules is told all three."""
    bad = ask(DAY1, vector_raw=np.zeros(3), direction="")
    codes = ENGINE.query(bad).reason_codes
    assert codes == (
        ReasonCode.WRONG_DIMENSION, ReasonCode.UNKNOWN_DIRECTION, ReasonCode.ASOF_AFTER_QUERY
    )  # fmt: skip


def test_query__session_clock():
    """With a clock, an anchor that does not lie where date and minutes say is refused."""
    engine = RetrievalEngine(ENGINE.index, session_open_ns=lambda day: at(day, 0))
    assert engine.query(ask(TODAY), attribution=False).status.answered
    later = ask(TODAY + timedelta(days=1), anchor_ts_ns=at(TODAY, 20))
    assert_silent(engine.query(later), RetrievalStatus.INVALID_QUERY, ReasonCode.ANCHOR_MISMATCH)


def test_query__unknown_entries_that_are_allowed():
    """NaN outside the required entries is an unknown, not an error."""
    assert ENGINE.query(ask(TODAY, broken(130, np.nan)), attribution=False).status.answered


def test_query__no_partition():
    """Neither bucket nor pooled partition: the reason says why, other kinds are not asked."""
    other = ENGINE.query(ask(TODAY, direction="DOWN"))
    assert_silent(other, RetrievalStatus.NO_PARTITION, ReasonCode.PARTITION_MISSING)
    skipped = ENGINE.query(ask(TODAY, level_kind="PM_LOW"))
    assert_silent(skipped, RetrievalStatus.NO_PARTITION, ReasonCode.PARTITION_MISSING)
    assert "3 rows, needs 100" in skipped.reasons[0].detail
    assert skipped.index.partition_level is None


def test_query__pooled_fallback():
    """Without its bucket a query is answered by the pooled partition, and says so."""
    result = RetrievalEngine(toy_index(corpus(60), keys=(POOLED,))).query(ask(TODAY))
    assert (result.status, result.index.partition) == (RetrievalStatus.OK, POOLED)
    assert result.reliability.partition_level == result.index.partition_level == "pooled"
    assert result.reason_codes == (ReasonCode.POOLED_FALLBACK,)


def test_query__no_neighbours():
    """Nothing similar, or nothing that passes the filters, is NO_NEIGHBOURS; the partition is named."""
    away = ENGINE.query(ask(TODAY, axis(-1.0)))
    none = ENGINE.query(ask(TODAY), filters={"attempt_index": 99})
    for result in (away, none):
        assert_silent(result, RetrievalStatus.NO_NEIGHBOURS, ReasonCode.NO_SURVIVOR)
        assert result.index.partition_level == "bucket"


def test_query__filters_come_before_deduplication():
    """Filtered rows do not use up the places of their date; null fits no filter."""
    rows = [Row(DAY1, raw=axis(1, 0.1 * i), minutes=16 + i, name=f"a{i}", attempt=1 + (i >= 2))
            for i in range(4)]  # fmt: skip
    engine = RetrievalEngine(toy_index(rows))

    def names(**filters):
        return [n.event_id for n in engine.query(ask(TODAY), filters=filters).neighbours]

    assert names() == ["a0", "a1"]
    assert names(attempt_index=2) == ["a2", "a3"]
    assert names(minutes_since_open=Range(17, 18)) == ["a1", "a2"]
    assert names(minutes_since_open=Range(low=19.0)) == ["a3"]
    assert names(date=DAY1, gate_zone=True, attempt_index=Range(high=1)) == ["a0", "a1"]
    assert names(time_since_last_touch_sec=Range(low=0)) == []


@pytest.mark.parametrize(
    ("filters", "error"),
    [
        ({"attempt_indx": 1}, UnknownNameError),
        ({"id": 1}, UnknownNameError),
        ({"attempt_index": "1"}, ConfigError),
        ({"attempt_index": True}, ConfigError),
        ({"atr": float("nan")}, ConfigError),
        ({"gate_zone": 1}, ConfigError),
        ({"date": datetime(2025, 1, 6)}, ConfigError),
        ({"direction": Range(1, 2)}, ConfigError),
    ],
)
def test_query__bad_filter_is_an_error(filters, error):
    """A filter that cannot mean what it says is raised, never ignored; invalid queries too."""
    for query in (ask(TODAY), ask(DAY1)):
        with pytest.raises(error, match=next(iter(filters))):
            ENGINE.query(query, filters=filters)


@pytest.mark.parametrize("ends", [(), (float("nan"), 1), ("a", "b"), (True, None)])
def test_range__refuses_what_is_no_range(ends):
    """A range needs a number or a date at one end at least."""
    with pytest.raises(ConfigError, match="range"):
        Range(*ends)


def test_query_model__date_is_a_plain_date():
    """A date with a clock is refused at once: it once switched the recency off (D37)."""
    with pytest.raises(DataError, match="session date"):
        ask(TODAY, date=datetime(2025, 6, 2, 9, 30))


def test_query__equal_queries_equal_json_and_another_event_another_interval():
    """Answers are deterministic to the byte; the seed is the event's."""
    again = RetrievalEngine(toy_index(CORPUS))
    first = ENGINE.query(ask(TODAY)).to_json()
    assert ENGINE.query(ask(TODAY)).to_json() == first == again.query(ask(TODAY)).to_json()
    other = ENGINE.query(ask(TODAY, event_id="another"))
    here = RetrievalResult.from_json(first)
    assert other.primary.p_posterior == here.primary.p_posterior
    assert other.primary.ci_low != here.primary.ci_low


def test_to_json__round_trip_without_nan():
    """Unknown numbers are null; the text reads back as the same answer."""
    rows = [Row(d, None if i % 2 else "BREAK", mfe=None, mae=None) for i, d in enumerate(days(6))]
    result = RetrievalEngine(toy_index(rows)).query(
        ask(TODAY, level_price=float("nan"), emission_weight=None)
    )
    text = result.to_json()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert RetrievalResult.from_json(text) == result
    assert RetrievalResult.from_json(text).to_json() == text
    assert (result.query.level_price, result.expected_excursions.ratio) == (None, None)
    assert (result.primary.n_valid, result.primary.ci_low["BREAK"]) == (3, None)


def test_query__horizon_without_a_known_outcome_has_no_probability():
    """One horizon may be unknown while the others answer; it has not even a base rate."""
    near = [Row(d, outcomes={"8min": None}) for d in days(6)]
    far = [Row(d, raw=axis(-1.0), minutes=29) for d in days(6)]
    result = RetrievalEngine(toy_index([*near, *far])).query(ask(TODAY))
    assert result.outcomes["8min"].is_null
    assert result.outcomes["8min"].n_valid == 0
    assert result.primary.p_raw["BREAK"] == 1


def test_query__attribution_with_regression_survives_json():
    """Enough of both classes: the whole attribution is in the answer and in its JSON."""
    rows = [
        Row(d, ("BREAK", "REJECT")[i % 2], axis(1.0, (0.5, -0.5)[i % 2]))
        for i, d in enumerate(days(40))
    ]
    result = RetrievalEngine(toy_index(rows)).query(ask(TODAY))
    found = result.attribution.outcome
    assert (found.status, found.n_break, found.n_reject) == ("ok", 20, 20)
    assert found.toward_break[0].feature == "dct_d_atr_c1"
    assert RetrievalResult.from_json(result.to_json()) == result
    assert RetrievalEngine(toy_index(rows)).query(ask(TODAY)).to_json() == result.to_json()
