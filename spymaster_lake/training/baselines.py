"""What any model must beat: B0 the training base rate, B1 distance and ATR alone (04 1.1, 08 B11).

B1 is an L2 logistic regression (C = 1; ridge with alpha = 1 for a regression head) on three
standardised inputs: the approach-signed distance in ATR, the ATR, and their product. On labels whose
barriers depend on the distance, that alone can look like skill (04 section 6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from spymaster_lake.features.model_matrix import direction_signs
from spymaster_lake.training.dataset import TrainingData
from spymaster_lake.training.heads import Head
from spymaster_lake.training.splits import Split

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Baselines:
    """Fitted baselines of some heads.

    Attributes:
        rates: B0 by head: base rate, or mean of a regression target, in the training rows.
        fitted: B1 by head.
        binary: names of the heads that give a probability.
    """

    rates: Mapping[str, float]
    fitted: Mapping[str, Pipeline]
    binary: frozenset[str]

    def predict_b0(self, rows: Rows) -> dict[str, FloatArray]:
        """By head the same number for every row: float64[len(rows)]."""
        return {name: np.full(len(rows), rate) for name, rate in self.rates.items()}

    def predict_b1(self, data: TrainingData, rows: Rows) -> dict[str, FloatArray]:
        """By head: probability of class 1, or the value, float64[len(rows)]."""
        inputs = distance_inputs(data)[rows]
        with threadpool_limits(limits=1):
            return {
                name: np.asarray(
                    model.predict_proba(inputs)[:, 1]
                    if name in self.binary
                    else model.predict(inputs),
                    dtype=np.float64,
                )
                for name, model in self.fitted.items()
            }


def distance_inputs(data: TrainingData) -> FloatArray:
    """Signed distance in ATR, ATR, and their product: float64[n, 3]."""
    sign = direction_signs(data.columns["direction"])
    distance, atr = data.columns["distance_signed_atr"] * sign, data.columns["atr"]
    return np.column_stack([distance, atr, atr * distance])


def fit_baselines(data: TrainingData, split: Split, heads: Sequence[Head]) -> Baselines:
    """Fit B0 and B1 on the training rows of each head, those the model is fitted on."""
    inputs, rates, fitted = distance_inputs(data), {}, {}
    with threadpool_limits(limits=1):
        for head in heads:
            target = head.truth(data.labels)[split.train]
            known = ~np.isnan(target)
            rates[head.name] = float(target[known].mean())
            estimator = (
                LogisticRegression(C=1.0, solver="lbfgs", tol=1e-8, max_iter=1000)
                if head.task == "binary"
                else Ridge(alpha=1.0)
            )
            pipeline = make_pipeline(StandardScaler(), estimator)
            fitted[head.name] = pipeline.fit(inputs[split.train][known], target[known])
    binary = frozenset(head.name for head in heads if head.task == "binary")
    return Baselines(rates, fitted, binary)
