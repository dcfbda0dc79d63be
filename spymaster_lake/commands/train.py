"""`spymaster train`: fit, measure, publish and register one model version (04 section 1.1)."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from spymaster_lake.commands import common
from spymaster_lake.commands.common import (
    InstrumentOption,
    JsonOption,
    PipelineOption,
    RootOption,
    VersionOption,
    parse_date,
)
from spymaster_lake.orchestration.display import print_json

ModelOption = Annotated[str, typer.Option("--model-id", help="Such as level_trees.")]
DatasetOption = Annotated[str, typer.Option("--dataset", help="Feature table, such as signals.")]
FeatureSetOption = Annotated[
    str, typer.Option("--feature-set", help="In conf/feature_sets, such as stage_b_full@v1.")
]
LabelOption = Annotated[str, typer.Option("--label-version", help="Such as labels@v1.")]
TrainStart = Annotated[
    date,
    typer.Option(
        "--train-start", parser=parse_date, metavar="DATE", help="First session, with all blocks."
    ),
]
TrainEnd = Annotated[
    date,
    typer.Option("--train-end", parser=parse_date, metavar="DATE", help="Last session, included."),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Of estimators and intervals.")]
TrackingOption = Annotated[
    str,
    typer.Option("--tracking-uri", help="lake (SQLite in _meta), sqlite:///… or http(s)://…"),
]
HandOffOption = Annotated[
    str, typer.Option("--run-id", help="The lake run whose tables are handed over.")
]
PolicyOption = Annotated[
    str, typer.Option("--policy", help="In conf/promotion.yaml: test rows a gate needs.")
]
PartialOption = Annotated[
    bool, typer.Option("--allow-partial-heads", help="Go on without heads that lack rows.")
]


def train_command(
    instrument: InstrumentOption,
    model_id: ModelOption,
    pipeline_id: PipelineOption,
    pipeline_version: VersionOption,
    dataset: DatasetOption,
    feature_set: FeatureSetOption,
    label_version: LabelOption,
    train_start: TrainStart,
    train_end: TrainEnd,
    seed: SeedOption,
    tracking_uri: TrackingOption,
    run_id: HandOffOption,
    val_sessions: Annotated[int, typer.Option("--val-sessions", help="Of each fold.")] = 10,
    test_sessions: Annotated[int, typer.Option("--test-sessions", help="At the end.")] = 10,
    embargo_sessions: Annotated[
        int, typer.Option("--embargo-sessions", help="Dropped between blocks.")
    ] = 1,
    n_folds: Annotated[int, typer.Option("--n-folds", help="Expanding folds.")] = 1,
    allow_partial_heads: PartialOption = False,
    policy: PolicyOption = "default",
    data_root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train and register a model on the tables that a run handed over."""
    from spymaster_lake.training.job import train
    from spymaster_lake.training.prepare import TrainRequest
    from spymaster_lake.training.report import show_training, training_json
    from spymaster_lake.training.splits import SplitPlan

    env = common.make_environment(data_root)
    request = TrainRequest(
        instrument=instrument,
        model_id=model_id,
        pipeline_id=pipeline_id,
        pipeline_version=pipeline_version,
        dataset=dataset,
        feature_set=feature_set,
        label_version=label_version,
        train_start=train_start,
        train_end=train_end,
        seed=seed,
        tracking_uri=tracking_uri,
        run_id=run_id,
        plan=SplitPlan(val_sessions, test_sessions, embargo_sessions, n_folds),
        allow_partial_heads=allow_partial_heads,
        policy=policy,
    )
    result = train(env, request)
    if as_json:
        print_json(training_json(result))
    else:
        show_training(result)
