"""Every error the lake raises, under one root, carrying its facts as attributes.

A message names the thing (file, table, field), the rule, what was found and what is allowed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence


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


class ArtifactIntegrityError(LakeError):
    """A file of a model bundle that is missing, unlisted, or has another hash than recorded.

    Attributes:
        path: the file or directory.
    """

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        super().__init__(f"{path}: {problem}")


class RegistryError(LakeError):
    """A registry operation that a rule forbids; the registry is as it was."""


class RegistryConflictError(RegistryError):
    """Somebody else changed the registry since it was read.

    Attributes:
        expected: revision the caller had read.
        found: revision that stands there now.
    """

    def __init__(self, model_id: str, expected: int, found: int) -> None:
        self.expected, self.found = expected, found
        super().__init__(
            f"Registry of {model_id!r} is at revision {found}, expected {expected}: somebody else "
            "changed it; read it again"
        )


class PromotionRefusedError(RegistryError):
    """A version does not pass the gates of promotion.

    Attributes:
        model_version: the version.
        refusals: gate to what was found and what is required.
    """

    def __init__(self, model_version: str, refusals: Mapping[str, str]) -> None:
        self.model_version, self.refusals = model_version, dict(refusals)
        listing = "\n  ".join(f"{gate}: {why}" for gate, why in self.refusals.items())
        super().__init__(
            f"Promotion of {model_version} refused by {len(self.refusals)} gate(s)\n  {listing}"
        )


class BundleSchemaError(LakeError):
    """`bundle.json` or `feature_set.json` breaks its schema, or contradicts another file."""


class BundleIdentityError(LakeError):
    """A bundle of another instrument, model or pipeline version than the caller's.

    Attributes:
        field, expected, found: what differs.
    """

    def __init__(self, field: str, expected: str, found: str) -> None:
        self.field, self.expected, self.found = field, expected, found
        super().__init__(f"Model bundle: {field} is {found!r}, the caller needs {expected!r}")


class EnvironmentMismatchError(LakeError):
    """A library or Python differs in major.minor from the one the heads were made with.

    Attributes:
        differences: name to (in the bundle, here).
    """

    def __init__(self, differences: Mapping[str, tuple[str, str]]) -> None:
        self.differences = dict(differences)
        listing = "; ".join(f"{n} {a}, here {b}" for n, (a, b) in self.differences.items())
        super().__init__(f"Model bundle was made with {listing}; allowed: equal major.minor")


class HeadError(LakeError):
    """A required head is absent, not OK, or no estimator of its task.

    Attributes:
        heads: head to what is wrong with it.
    """

    def __init__(self, heads: Mapping[str, str]) -> None:
        self.heads = dict(heads)
        listing = "; ".join(f"{name}: {why}" for name, why in self.heads.items())
        super().__init__(f"Model bundle: {listing}; required heads must be OK")


class PredictionInputError(DataError):
    """Root of what `predict` refuses (04 2.3)."""


class MissingColumnsError(PredictionInputError):
    """Declared columns are absent; `names` sorted."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(sorted(names))
        super().__init__(f"Frame lacks declared columns: {', '.join(self.names)}")


class UnexpectedColumnsError(PredictionInputError):
    """Undeclared columns are present; `names` sorted."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(sorted(names))
        super().__init__(f"Frame has undeclared columns: {', '.join(self.names)}")


class DTypeError(PredictionInputError):
    """A column has another type than declared: `name`, `expected`, `got`."""

    def __init__(self, name: str, expected: str, got: str) -> None:
        self.name, self.expected, self.got = name, expected, got
        super().__init__(
            f"Column {name!r} is {got}, declared is {expected}; allowed besides: integers that a "
            "double holds exactly"
        )


class NullPolicyError(PredictionInputError):
    """Null, NaN or infinity where the bundle forbids it: `name`, `count`, first `keys`."""

    def __init__(self, name: str, found: str, count: int, keys: Sequence[str]) -> None:
        self.name, self.found, self.count, self.keys = name, found, count, tuple(keys)
        super().__init__(
            f"Column {name!r}: {found} in {count} row(s), such as {', '.join(map(str, keys))}"
        )


class CategoryError(PredictionInputError):
    """A category outside its closed enumeration: `name`, `value`, `allowed`."""

    def __init__(self, name: str, value: str, allowed: Sequence[str]) -> None:
        self.name, self.value, self.allowed = name, value, tuple(allowed)
        super().__init__(f"Column {name!r}: category {value!r}; allowed: {', '.join(allowed)}")


class FrameError(PredictionInputError):
    """A frame that is empty, too long, or repeats a key or a column; `problem` says which."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"Frame: {problem}")


class VersionMismatchError(PredictionInputError):
    """The frame was made for another bundle: `field`, `expected`, `got` (None: not stated)."""

    def __init__(self, field: str, expected: str, got: str | None) -> None:
        self.field, self.expected, self.got = field, expected, got
        super().__init__(f"Frame metadata {field!r} is {got!r}, the bundle needs {expected!r}")


class AsOfError(PredictionInputError):
    """Rows that could not be known at their anchor, or lie outside the session; carries `keys`."""

    def __init__(self, problem: str, keys: Sequence[str]) -> None:
        self.problem, self.keys = problem, tuple(keys)
        super().__init__(f"{problem}: {len(self.keys)} row(s), such as {', '.join(self.keys[:3])}")


class StageFailedError(LakeError):
    """A stage ended in an error; names the run, the stage and how to resume."""

    exit_code = 1
