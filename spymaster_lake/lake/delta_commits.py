"""Commits to Delta tables that several runs may write at the same time.

A commit is computed from one version of the table and is valid on no other: two runs that replace
the same date, each blind to the other, would leave two copies of it. So a commit that another
writer overtook is not rebased but computed again from the version that won.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from spymaster_lake.contracts.errors import PublishError

ATTEMPTS = 30
"""More writers than this at one table at the same time is a mistake in the schedule."""


def commit_facts(facts: Mapping[str, str]) -> deltalake.CommitProperties:
    """Properties of a commit that fails if the table has moved on: `facts`, and no rebase."""
    return deltalake.CommitProperties(custom_metadata=dict(facts), max_commit_retries=0)


def repeat(path: str, change: Callable[[deltalake.DeltaTable], None]) -> None:
    """Apply `change` to the newest version of a table; again if another writer was faster.

    Args:
        path: table location.
        change: computes and commits one change with `commit_facts`; must have no other effect.

    Raises:
        PublishError: other writers were faster every time.
    """
    for _ in range(ATTEMPTS):
        try:
            change(deltalake.DeltaTable(path))
        except CommitFailedError as exc:
            overtaken = exc
        else:
            return
    raise PublishError(
        f"{path}: {ATTEMPTS} attempts to commit were overtaken by other writers: {overtaken}"
    ) from overtaken


def create(path: str, make: Callable[[], None]) -> None:
    """Create a table unless another writer does so at the same time."""
    try:
        make()
    except DeltaError:
        if not deltalake.DeltaTable.is_deltatable(path):
            raise
