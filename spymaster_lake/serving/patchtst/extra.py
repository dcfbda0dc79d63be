"""The optional dependencies of sequence models: one clear error where they are missing."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from spymaster_lake.contracts.errors import ConfigError

EXTRA = "sequence"
TRAINING: tuple[str, ...] = ("jax", "optax", "safetensors")
SERVING: tuple[str, ...] = ("safetensors",)


def require_extra(packages: Sequence[str], *, what: str) -> None:
    """Stop if packages of the extra `sequence` are not installed.

    Args:
        packages: those that are needed.
        what: what needs them, for the message.

    Raises:
        ConfigError: naming what is missing and the extra that brings it.
    """
    if missing := [name for name in packages if find_spec(name) is None]:
        raise ConfigError(
            f"{what} needs {', '.join(missing)}, not installed here; "
            f"the extra {EXTRA!r} brings it: pip install '.[{EXTRA}]'"
        )
