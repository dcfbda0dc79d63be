"""Every error the lake raises, under one root, carrying its facts as attributes.

A message names the thing (file, table, field), the rule, what was found and what is allowed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LakeError(Exception):
    """Root of all errors of this package; a job that ends in one exits with `exit_code`."""

    exit_code = 2


class ConfigError(LakeError):
    """A setting, profile, manifest or command-line value is missing or not allowed."""


class UnknownNameError(ConfigError):
    """A name that is not registered; carries what is known and the near matches.

    Attributes:
        kind: what was looked up, such as "stage" or "instrument".
        name: the unknown name.
        known: the names that exist.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, tuple(sorted(known))
        near = difflib.get_close_matches(name, self.known, n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
        listing = ", ".join(self.known) if self.known else "none is registered"
        super().__init__(f"Unknown {kind} {name!r}.{hint} Known: {listing}.")


class AmbiguousNameError(ConfigError):
    """A stage id that several manifest entries share; the message lists their names."""


class ManifestError(ConfigError):
    """A manifest that is malformed, cyclic, or asks for what nobody produces."""


class PathError(LakeError):
    """A missing or malformed path segment (instrument, product, version, partition value)."""


class SymbolError(LakeError):
    """A raw symbol that no instrument claims, or that belongs to another instrument."""


class RawFileError(LakeError):
    """A vendor file that cannot be read: names the file and the cause; nothing was written."""


class MissingInputError(LakeError):
    """An input dataset, or some of its dates, do not exist or hold no rows."""


class DataError(LakeError):
    """Data that break a rule: names the table, the rule, the count and a few offending rows."""


class ContractError(DataError):
    """A table whose schema, keys or values differ from its contract; lists every discrepancy."""


class PublishError(LakeError):
    """A table that cannot be committed to; it is as it was before."""


class SessionError(LakeError):
    """A date that is not a session, is excluded, or lacks the sessions it needs before it."""


class InsufficientHistoryError(SessionError):
    """Too few earlier sessions or rows for what was asked."""


class IndexArtifactError(LakeError):
    """An index file that is missing, has another hash, dimension or version than its manifest."""


class StageFailedError(LakeError):
    """A stage ended in an error; names the run, the stage and how to resume."""

    exit_code = 1
