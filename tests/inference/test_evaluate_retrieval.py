"""The evaluation finds what is planted, finds nothing where nothing is, and never looks ahead."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from spymaster_lake.contracts.enums import OUTCOMES
from spymaster_lake.contracts.errors import InsufficientHistoryError
from spymaster_lake.contracts.evaluation_settings import EvaluationSettings
from spymaster_lake.contracts.retrieval_evaluation import EVALUATION_TABLES
from spymaster_lake.inference.causal_base_rates import causal_base_rates
from spymaster_lake.inference.evaluation_run import evaluation_tables
from spymaster_lake.inference.evaluation_tracking import by_measure, headline
from spymaster_lake.inference.variants import ABLATIONS, SHIPPED, event_noise, variant_metadata
from spymaster_lake.inference.walk_forward import all_episodes, blocks
from spymaster_lake.lake.checks import check_table
from tests.inference.evaluation_corpus import SETTINGS, context, corpus, sessions

CONTROLS = tuple(v for v in ABLATIONS if v.control != "none")


def evaluated(vectors, metadata, days, ablations=()):
    """All tables of an evaluation."""
    episodes = all_episodes(vectors, metadata)
    return evaluation_tables(episodes, days, context(), SETTINGS, ablations=ablations)


@pytest.fixture(scope="module")
def null():
    """Outcomes that nothing predicts; the last sessions hold a kind without a partition."""
    return evaluated(*corpus(planted=False, rare=2))


@pytest.fixture(scope="module")
def planted():
    """Outcomes that the trajectory predicts, with both controls."""
    return evaluated(*corpus(planted=True), CONTROLS)


@pytest.mark.parametrize("horizon", ["2min", "4min", "8min", "all"])
def test_null_market__shows_no_skill(null, horizon):
    """Neighbours know nothing: the fair skill's interval holds 0, the plain one is not above it."""
    group = by_measure(null["measures"], horizon=horizon, stratum="overall")
    fair, plain = group["fair_brier_skill"], group["brier_skill"]
    assert fair["ci_low"] < 0 < fair["ci_high"]
    assert plain["ci_low"] < 0
    assert plain["ci_high"] < fair["ci_high"]
    assert group["auc_break"]["ci_low"] < 0.5 < group["auc_break"]["ci_high"]
    excess = group["excess_purity_50"]
    assert excess["ci_low"] < 0 < excess["ci_high"]


@pytest.mark.parametrize("measure", ["brier_skill", "fair_brier_skill", "log_loss_skill"])
def test_planted_market__is_found(planted, measure):
    """Every skill lies above 0, and the verdict says so."""
    assert by_measure(planted["measures"], horizon="4min", stratum="overall")[measure]["ci_low"] > 0
    assert headline(planted)["4min"]["verdict"] == "better"


@pytest.mark.parametrize("variant", [v.name for v in CONTROLS])
def test_controls__have_no_skill(planted, variant):
    """What can be known is destroyed, and the skill with it."""
    group = by_measure(planted["ablation"], variant=variant, horizon="4min")
    assert group["brier_skill"]["ci_high"] <= 0
    assert group["fair_brier_skill"]["ci_low"] < 0
    assert group["brier_gain"]["ci_low"] > 0


def test_shipped__is_its_own_reference(planted):
    """The shipped variant repeats the headline and gains nothing on itself."""
    group = by_measure(planted["ablation"], variant="shipped", horizon="4min")
    overall = by_measure(planted["measures"], horizon="4min", stratum="overall")
    assert group["brier_skill"] == {
        **group["brier_skill"],
        **{k: overall["brier_skill"][k] for k in ("value", "ci_low", "ci_high", "n")},
    }
    assert group["brier_gain"]["value"] == 0


def test_as_of__never_violated(null):
    """Every neighbour is older than the index, and no index is younger than its query."""
    rows = null["forecasts"]
    assert pc.all(pc.less_equal(rows["asof_date"], rows["date"])).as_py()
    near = rows.filter(pc.is_valid(rows["newest_neighbour_date"]))
    assert near.num_rows > 600
    assert pc.all(pc.less(near["newest_neighbour_date"], near["asof_date"])).as_py()
    assert set(rows["asof_date"].to_pylist()) == {b.as_of for b in blocks(sessions(), SETTINGS)}


def test_truncation__later_sessions_change_nothing(null):
    """Forecasts of the first block are the same if nothing later exists."""
    vectors, metadata, days = corpus(planted=False, rare=2)
    first = blocks(days, SETTINGS)[0].days
    cut = [t.filter(pc.less_equal(t["date"], first[-1])) for t in (vectors, metadata)]
    alone = evaluated(*cut, tuple(d for d in days if d <= first[-1]))["forecasts"]
    whole = null["forecasts"]
    whole = whole.filter(pc.is_in(whole["date"], pa.array(first)))
    drop = ["similarity_quartile"]
    assert alone.num_rows == 3 * 24 * len(first)
    assert alone.drop_columns(drop).equals(whole.drop_columns(drop))


def test_uncovered__counts_as_the_base_rate(null):
    """A kind without a partition is forecast by its base rate and has exactly its loss."""
    rows = null["forecasts"].filter(pc.equal(null["forecasts"]["level_kind"], "PM_LOW"))
    assert rows.num_rows == 3 * 2 * 3
    assert set(rows["status"].to_pylist()) == {"NO_PARTITION"}
    assert set(rows["base_level"].to_pylist()) == {"all"}
    for name in OUTCOMES:
        assert rows[f"p_{name.lower()}"].equals(rows[f"base_{name.lower()}"])
    assert rows["brier"].equals(rows["brier_base"])
    group = by_measure(null["measures"], horizon="4min", stratum="overall")
    assert group["coverage"]["value"] == pytest.approx(1 - 6 / (12 * 24))
    assert group["brier_skill"]["n"] == 12 * 24


def test_twice__equal_tables_in_any_row_order(null):
    """Deterministic: shuffled input rows give the same tables."""
    vectors, metadata, days = corpus(planted=False, rare=2)
    order = np.random.default_rng(1).permutation(len(vectors))
    again = evaluated(vectors.take(order), metadata.take(order[::-1]), days)
    assert all(again[name].equals(null[name]) for name in null)


def test_tables__keep_their_contracts(null, planted):
    """Schema, keys, ranges; every stratum and every measure is there."""
    for contract in EVALUATION_TABLES:
        check_table(contract, null[contract.dataset])
        check_table(contract, planted[contract.dataset])
    strata = set(null["measures"]["stratum"].to_pylist())
    assert {"overall", "level_kind=PM_HIGH", "direction=UP", "similarity=Q4"} <= strata
    names = by_measure(null["measures"], horizon="8min", stratum="overall")
    assert {
        "log_loss", "ece_quantile_break", "mce_uniform_chop_base", "macro_f1_base_argmax",
        "accuracy_always_reject", "purity_1", "brier_skill_q4_minus_q1", "band_coverage_reject",
        "auc_break_vs_reject",
    } <= set(names)  # fmt: skip
    assert null["drift"].num_rows == 149


def test_base_rates__slow_oracle():
    """Counted by hand: earlier dates only; the group widens until it is large enough."""
    vectors, metadata, _ = corpus(planted=False, rare=2)
    episodes = all_episodes(vectors, metadata)
    facts = episodes.rows.to_pylist()
    asked = np.array([30, 400, 24 * 34, 24 * 35 + 5])
    found = causal_base_rates(episodes, asked, "4min", least=50)
    for i, row in enumerate(asked.tolist()):
        own, counts = facts[row], Counter()
        for level, keys in enumerate([("level_kind", "direction", "time_bucket"),
                                      ("level_kind", "direction"), ()]):  # fmt: skip
            counts = Counter(
                f["outcome_4min"]
                for f in facts
                if f["date"] < own["date"] and all(f[k] == own[k] for k in keys)
            )
            if counts.total() >= (50, 50, 1)[level]:
                break
        assert found.level[i] == level
        assert found.rates[i] == pytest.approx([counts[n] / counts.total() for n in OUTCOMES])


def test_base_rates__no_history():
    """The first session has nothing before it."""
    vectors, metadata, _ = corpus(planted=False)
    with pytest.raises(InsufficientHistoryError, match="no earlier outcome"):
        causal_base_rates(all_episodes(vectors, metadata), np.array([0]), "2min", least=1)


@pytest.mark.parametrize(
    ("warmup", "refit", "sizes"), [(30, 5, [5, 1]), (34, 1, [1, 1]), (20, 99, [16])]
)
def test_blocks__cover_every_session_after_the_warmup(warmup, refit, sizes):
    """Each session once, in order; the as-of date is the first session of its block."""
    found = blocks(sessions(), EvaluationSettings(warmup_sessions=warmup, refit_sessions=refit))
    assert [len(b.days) for b in found] == sizes
    assert tuple(d for b in found for d in b.days) == sessions()[warmup:]
    assert all(b.as_of == b.days[0] for b in found)


def test_blocks__only_warmup():
    """Nothing left to evaluate is an error that names the option."""
    with pytest.raises(InsufficientHistoryError, match="--warmup-sessions"):
        blocks(sessions(), EvaluationSettings(warmup_sessions=36))


def test_shuffled_labels__keep_base_rates():
    """Outcomes move within partitions; their counts and everything else stay."""
    _, metadata, _ = corpus(planted=True, rare=3)
    (shuffle,) = (v for v in ABLATIONS if v.control == "shuffled_labels")
    mixed = variant_metadata(metadata, shuffle, seed=1)
    for kind in ("PM_HIGH", "PM_LOW"):
        before, after = (
            t.filter(pc.equal(t["level_kind"], kind))["outcome_4min"].to_pylist()
            for t in (metadata, mixed)
        )
        assert Counter(before) == Counter(after)
        assert before != after
    untouched = [n for n in metadata.column_names if not n.startswith("outcome")]
    assert metadata.select(untouched).equals(mixed.select(untouched))
    assert variant_metadata(metadata, SHIPPED, seed=1) is metadata


def test_noise__belongs_to_the_event():
    """A row follows from event and seed, whatever other events there are."""
    ids = pa.chunked_array([["a", "b"]])
    assert (event_noise(ids, 1)[1] == event_noise(pa.chunked_array([["b"]]), 1)[0]).all()
    assert (event_noise(ids, 1) != event_noise(ids, 2)).all()
