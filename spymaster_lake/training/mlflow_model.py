"""The bundle as an MLflow pyfunc, with a signature from the feature set (04 section 1.1).

For people who browse the tracking store. Serving does not use it: it loads the bundle from the lake,
by registry, under the strict contract of 04 section 2.3. Nothing of this package is pickled: MLflow
calls `_load_pyfunc` on a copy of the bundle.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

from spymaster_lake.contracts.bundle import BUNDLE_FILE, FEATURE_SET_FILE, Bundle
from spymaster_lake.contracts.feature_set import FeatureSet
from spymaster_lake.features.model_matrix import model_matrix

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "model"
"""Where the tracking run keeps it."""


class JoblibHeads:
    """Heads of joblib files behind the shared transform."""

    def __init__(self, bundle: Bundle, feature_set: FeatureSet, heads: Mapping[str, Any]) -> None:
        self.bundle, self.feature_set, self.heads = bundle, feature_set, dict(heads)

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A column per head: probability of class 1, or the value; the frame's index."""
        import pandas as pd

        columns = {
            c.name: frame[c.name].astype(object).where(frame[c.name].notna(), None).to_numpy()
            if c.kind == "cat"
            else frame[c.name].to_numpy(dtype=np.float64)
            for c in self.feature_set.columns
        }
        matrix = model_matrix(self.feature_set, columns)
        found = {
            name: head.predict_proba(matrix)[:, 1]
            if self.bundle.heads[name].task == "binary"
            else head.predict(matrix)
            for name, head in self.heads.items()
        }
        return pd.DataFrame(found, index=frame.index)


def _load_pyfunc(path: str) -> JoblibHeads:
    """What MLflow calls to load the model; `path` holds a copy of the bundle."""
    folder = Path(path)
    bundle = Bundle.model_validate_json((folder / BUNDLE_FILE).read_bytes())
    feature_set = FeatureSet.model_validate_json((folder / FEATURE_SET_FILE).read_bytes())
    heads = {
        name: joblib.load(io.BytesIO((folder / head.file).read_bytes()))
        for name, head in bundle.heads.items()
        if head.file is not None
    }
    return JoblibHeads(bundle, feature_set, heads)


def save_pyfunc(folder: Path, copy: Path, feature_set: FeatureSet) -> None:
    """Write the MLflow model of a bundle.

    Args:
        folder: where; it must not exist.
        copy: a folder with the bundle's files.
        feature_set: the signature's source.
    """
    bundle = Bundle.model_validate_json((copy / BUNDLE_FILE).read_bytes())
    fitted = [name for name, head in bundle.heads.items() if head.status == "OK"]
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's about its own type hints, on import
        import mlflow.pyfunc

        mlflow.pyfunc.save_model(
            path=folder,
            loader_module=__name__,
            data_path=str(copy),
            signature=_signature(feature_set, fitted),
            pip_requirements=["spymaster-lake", "scikit-learn", "joblib", "pandas"],
        )


def _signature(feature_set: FeatureSet, heads: list[str]) -> Any:
    """Inputs by name and type, one double per head; nullable integers are doubles (NaN)."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    kinds = {
        "double": DataType.double,
        "int8": DataType.integer,
        "int32": DataType.integer,
        "int64": DataType.long,
        "string": DataType.string,
    }
    inputs = [
        ColSpec(kinds["double" if c.nullable and c.kind == "num" else c.dtype], name=c.name)
        for c in feature_set.columns
    ]
    outputs = [ColSpec(DataType.double, name=name) for name in heads]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))
