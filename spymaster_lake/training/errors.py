"""What can stop a training before anything is written."""

from __future__ import annotations

from spymaster_lake.contracts.errors import LakeError


class HandOffError(LakeError):
    """The run named by `--run-id` did not hand over the data that lie in the lake now."""


class InsufficientTrainingDataError(LakeError):
    """Too few sessions or rows, or a required head that cannot be fitted; lists every shortfall."""
