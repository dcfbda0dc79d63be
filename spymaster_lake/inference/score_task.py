"""Scores one session date in a Spark worker; the model comes as a broadcast, unpacked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from spymaster_lake.contracts.episodes import SEQUENCES
from spymaster_lake.contracts.feature_set import FeatureSet
from spymaster_lake.contracts.predictions import PREDICTIONS
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.features.sequence_matrix import SEQUENCE_COLUMNS
from spymaster_lake.serving.frame_checks import SessionWindow
from spymaster_lake.serving.model_bundle import LoadedModel, ModelFiles, unpack
from spymaster_lake.serving.predict import feature_frame, predict
from spymaster_lake.stages.spec import SessionResult

if TYPE_CHECKING:
    from pyspark import Broadcast

    from spymaster_lake.lake.session_map import SessionTask

_UNPACKED: dict[tuple[str, int], LoadedModel] = {}
"""The model of this Python worker, by bundle hash and registry revision; at most one."""


def unpacked(files: ModelFiles) -> LoadedModel:
    """The estimators of a bundle, made once in each Python worker."""
    key = (files.stored.bundle_sha256, files.registry_revision)
    if key not in _UNPACKED:
        _UNPACKED.clear()
        _UNPACKED[key] = unpack(files)
    return _UNPACKED[key]


def with_sequences(events: pa.Table, sequences: pa.Table) -> tuple[pa.Table, int]:
    """Events with their sequence, and how many have none: those that construction rejected.

    Args:
        events: rows of `signals`.
        sequences: rows of `episodes/sequences` of the same date.
    """
    at = pc.index_in(events["event_id"], value_set=sequences["event_id"].combine_chunks())
    kept = events.filter(at.is_valid())
    rows = sequences.take(at.drop_null().combine_chunks())
    for name in SEQUENCE_COLUMNS:
        kept = kept.append_column(name, rows[name])
    return kept, events.num_rows - kept.num_rows


@dataclass(frozen=True)
class ScoreCall:
    """What a task may know; picklable.

    Attributes:
        model: the verified bundle, broadcast once an executor.
        features: the feature set of this deployment; `predict` compares it with the bundle's.
        windows: session windows by date.
    """

    model: Broadcast[ModelFiles]
    features: FeatureSet
    windows: Mapping[date, SessionWindow]

    def __call__(self, task: SessionTask, tables: Mapping[str, pa.Table]) -> SessionResult:
        """Predictions of one session date; a date without events has none."""
        events = tables["signals"]
        if not events.num_rows:
            return SessionResult({PREDICTIONS.dataset: PREDICTIONS.arrow_schema.empty_table()})
        model = unpacked(self.model.value)
        metrics: dict[str, object] = {}
        if SEQUENCES.dataset in tables:
            events, left_out = with_sequences(events, tables[SEQUENCES.dataset])
            metrics["no_sequence"] = left_out
            if not events.num_rows:
                empty = PREDICTIONS.arrow_schema.empty_table()
                return SessionResult({PREDICTIONS.dataset: empty}, metrics)
        frame = feature_frame(model.bundle, self.features, events)
        found = predict(model, frame, windows={task.day: self.windows[task.day]})
        return SessionResult({PREDICTIONS.dataset: found.rows}, {**metrics, "oob": found.oob})


OUTPUTS: tuple[TableContract, ...] = (PREDICTIONS,)
