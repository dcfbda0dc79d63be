"""Loads feature sets from `conf/feature_sets/`; unknown names list near matches."""

from __future__ import annotations

import json
from pathlib import Path

from spymaster_lake.contracts.errors import ConfigError, UnknownNameError
from spymaster_lake.contracts.feature_set import FeatureSet, check_feature_set

FOLDER = "feature_sets"


def feature_set_ids(conf_dir: Path) -> list[str]:
    """Ids of all feature sets in `conf/feature_sets`, sorted."""
    return sorted(path.name.removesuffix(".json") for path in (conf_dir / FOLDER).glob("*.json"))


def load_feature_set(conf_dir: Path, feature_set_id: str) -> FeatureSet:
    """One feature set, checked against the contract of its table.

    Args:
        conf_dir: `conf/`.
        feature_set_id: such as "stage_b_full@v1".

    Raises:
        UnknownNameError: there is no such set; lists near matches.
        ConfigError: the file is malformed, its id is not its name, or a column breaks a rule.
    """
    known = feature_set_ids(conf_dir)
    if feature_set_id not in known:
        raise UnknownNameError("feature set", feature_set_id, known)
    source = f"{FOLDER}/{feature_set_id}.json"
    try:
        data = json.loads((conf_dir / source).read_text(encoding="utf-8"))
    except ValueError as exc:
        raise ConfigError(f"{source}: no JSON: {exc}") from exc
    feature_set = FeatureSet.parse(data, source=source)
    if feature_set.id != feature_set_id:
        raise ConfigError(f"{source}: id is {feature_set.id!r}; it must be the file's name")
    check_feature_set(feature_set)
    return feature_set
