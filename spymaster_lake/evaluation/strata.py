"""Groups of rows in which every measure is repeated (03 5.3, 04 1.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError

MIN_ROWS = 30


def strata(
    columns: Mapping[str, NDArray[Any] | Sequence[Any]], min_rows: int = MIN_ROWS
) -> dict[str, NDArray[np.bool_]]:
    """Every group of equal labels that is large enough.

    Args:
        columns: labels[n] by column name; None and NaN belong to no group.
        min_rows: smaller groups are left out.

    Returns:
        bool[n] by "column=label", columns in the given order, labels sorted.

    Raises:
        DataError: columns of different lengths.
    """
    arrays = {name: np.asarray(labels, dtype=object) for name, labels in columns.items()}
    lengths = {name: len(labels) for name, labels in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"strata: columns have different lengths: {lengths}")
    found: dict[str, NDArray[np.bool_]] = {}
    for name, labels in arrays.items():
        known = {label for label in labels.tolist() if label is not None and label == label}  # noqa: PLR0124
        for label in sorted(known):
            mask = np.fromiter((x == label for x in labels), dtype=np.bool_, count=len(labels))
            if int(mask.sum()) >= min_rows:
                found[f"{name}={label}"] = mask
    return found
