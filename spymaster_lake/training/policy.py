"""The promotion policy: how many test rows a verdict needs (08 B11), `conf/promotion.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.contracts.model import FrozenModel

DEFAULT_POLICY = "default"


class PromotionPolicy(FrozenModel):
    """`conf/promotion.yaml`: minimum test rows by policy name."""

    n_min: dict[str, Annotated[int, Field(ge=1)]]


def load_n_min(conf_dir: Path, policy: str) -> int:
    """Test rows that the policy asks for.

    Raises:
        UnknownNameError: there is no such policy; lists near matches.
        ConfigError: the file is malformed.
    """
    known = PromotionPolicy.from_yaml(conf_dir / "promotion.yaml").n_min
    if policy not in known:
        raise UnknownNameError("promotion policy", policy, known)
    return known[policy]
