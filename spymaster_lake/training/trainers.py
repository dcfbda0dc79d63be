"""Which trainers exist, by model_id."""

from __future__ import annotations

from collections.abc import Callable

from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.training.trainer import Trainer


def _level_trees() -> Trainer:
    from spymaster_lake.training.level_trees import LevelTrees

    return LevelTrees()


def _patchtst_event() -> Trainer:
    from spymaster_lake.training.patchtst.trainer import PatchTstEvent

    return PatchTstEvent()


TRAINERS: dict[str, Callable[[], Trainer]] = {
    "level_trees": _level_trees,
    "patchtst_event": _patchtst_event,
}
"""Trainers by model_id; libraries are imported when one is asked for."""


def trainer_of(model_id: str) -> Trainer:
    """The trainer of a model_id.

    Raises:
        UnknownNameError: there is none; lists near matches.
        ConfigError: its optional dependencies are not installed; names the extra.
    """
    if model_id not in TRAINERS:
        raise UnknownNameError("model", model_id, TRAINERS)
    return TRAINERS[model_id]()
