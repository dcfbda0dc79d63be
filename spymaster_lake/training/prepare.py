"""Everything that can be checked before a training writes anything (04 section 1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from spymaster_lake.contracts.bundle import required_heads
from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.feature_set import FeatureSet
from spymaster_lake.contracts.run_record import GitState
from spymaster_lake.orchestration.facts import git_state
from spymaster_lake.orchestration.tracking import TrackingStore, tracking_store
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.training.dataset import TrainingData, read_training_data
from spymaster_lake.training.feature_sets import load_feature_set
from spymaster_lake.training.handoff import HandOff, check_label_version, open_hand_off, read_run
from spymaster_lake.training.policy import DEFAULT_POLICY, load_n_min
from spymaster_lake.training.splits import Split, SplitPlan, session_blocks, split_rows
from spymaster_lake.training.sufficiency import HeadCount, count_heads, require_heads
from spymaster_lake.training.trainer import Trainer
from spymaster_lake.training.trainers import trainer_of

FEATURES, LABELS = "signals", "labels"
LAKE_STORE = "lake"
"""Value of `--tracking-uri` for the SQLite store of the lake itself."""


@dataclass(frozen=True)
class TrainRequest:
    """What `spymaster train` was asked; the fields are its options.

    Attributes:
        run_id: the lake run that hands the data over.
        plan: sizes of the blocks.
        allow_partial_heads: go on without required heads that lack rows.
        policy: name in `conf/promotion.yaml`.
    """

    instrument: str
    model_id: str
    pipeline_id: str
    pipeline_version: str
    dataset: str
    feature_set: str
    label_version: str
    train_start: date
    train_end: date
    seed: int
    tracking_uri: str
    run_id: str
    plan: SplitPlan = field(default_factory=SplitPlan)
    allow_partial_heads: bool = False
    policy: str = DEFAULT_POLICY


@dataclass(frozen=True)
class Prepared:
    """A training that may start.

    Attributes:
        started: UTC start, whole seconds; it is in the version.
        model_version: `{pipeline_version}_{gitsha7}_{YYYYMMDDHHMMSS}`.
        counts: rows of every head, by fold.
        n_min: of the policy.
    """

    request: TrainRequest
    trainer: Trainer
    feature_set: FeatureSet
    hand_off: HandOff
    data: TrainingData
    splits: Sequence[Split]
    counts: Sequence[Sequence[HeadCount]]
    n_min: int
    git: GitState
    store: TrackingStore
    started: datetime
    model_version: str

    @property
    def training_run_id(self) -> str:
        """Id of the training's own run record."""
        return f"train-{self.model_version}"

    @property
    def dataset_fingerprint(self) -> str:
        """Fingerprint of the feature table, 64 hex digits."""
        return self.hand_off.tables[self.request.dataset].fingerprint.sha256

    @property
    def created_at(self) -> str:
        """`started` as bundle and registry spell it."""
        return f"{self.started:%Y-%m-%dT%H:%M:%SZ}"


def prepare(
    env: Environment,
    request: TrainRequest,
    *,
    started: datetime | None = None,
    git: GitState | None = None,
) -> Prepared:
    """Check the request against the lake; writes nothing.

    Args:
        env: the environment.
        request: what to train.
        started: start of the run; now when None.
        git: commit of the code; that of the checkout when None.

    Raises:
        LakeError: an unknown instrument, model, feature set, dataset, policy or run; a label version
            or fingerprint that differs; a refused tracking URI; no git commit; too little data; a
            version that exists.
    """
    _check_request(request)
    trainer = trainer_of(request.model_id)
    profile = env.profiles[request.instrument]
    feature_set = load_feature_set(env.settings.conf_dir, request.feature_set)
    if request.dataset != feature_set.dataset:
        raise ConfigError(
            f"--dataset is {request.dataset!r}; feature set {feature_set.id} reads "
            f"{feature_set.dataset!r}"
        )
    n_min = load_n_min(env.settings.conf_dir, request.policy)
    git = git or git_state(env.settings.home)
    if git.sha is None:
        raise ConfigError("no git commit: a model version names the commit it was trained from")
    started = (started or datetime.now(UTC)).replace(microsecond=0)
    model_version = f"{request.pipeline_version}_{git.sha[:7]}_{started:%Y%m%d%H%M%S}"
    hand_off = _hand_off(env, request, trainer)
    target = env.resolver.model_dir(request.instrument, request.model_id, model_version)
    if env.filesystem.exists(target):
        raise ConfigError(f"{env.resolver.relative(target)} exists; a version is immutable")
    tables = hand_off.tables
    data = read_training_data(
        tables[FEATURES],
        tables[LABELS],
        feature_set,
        SessionCalendar(profile.calendar),
        {e.dataset: (tables[e.dataset], e.columns) for e in trainer.extra_datasets},
    )
    splits = [split_rows(data, blocks) for blocks in session_blocks(data.sessions, request.plan)]
    counts = [count_heads(data, split, trainer.heads) for split in splits]
    require_heads(
        counts[-1], required_heads(trainer.model_id), allow_partial=request.allow_partial_heads
    )
    uri = None if request.tracking_uri == LAKE_STORE else request.tracking_uri
    store = tracking_store(uri, env.resolver, env.filesystem)
    return Prepared(
        request,
        trainer,
        feature_set,
        hand_off,
        data,
        splits,
        counts,
        n_min,
        git,
        store,
        started,
        model_version,
    )


def _check_request(request: TrainRequest) -> None:
    if request.train_end < request.train_start:
        raise ConfigError(
            f"--train-end {request.train_end} lies before --train-start {request.train_start}"
        )
    if not 0 <= request.seed < 2**32:
        raise ConfigError(f"--seed is {request.seed}; allowed: 0 to {2**32 - 1}")
    scheme = request.tracking_uri.partition("://")[0]
    if request.tracking_uri != LAKE_STORE and scheme not in {"sqlite", "http", "https"}:
        raise ConfigError(
            f"--tracking-uri {request.tracking_uri!r}: file stores are refused; allowed: "
            f"{LAKE_STORE}, sqlite:///path/to/mlflow.db, http://… or https://…"
        )


def _hand_off(env: Environment, request: TrainRequest, trainer: Trainer) -> HandOff:
    run = read_run(
        env, request.instrument, request.pipeline_id, request.pipeline_version, request.run_id
    )
    datasets = (FEATURES, LABELS, request.dataset, *(e.dataset for e in trainer.extra_datasets))
    hand_off = open_hand_off(env, run, datasets, start=request.train_start, end=request.train_end)
    check_label_version(hand_off.tables[LABELS], request.label_version)
    return hand_off
