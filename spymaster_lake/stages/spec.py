"""What a stage is: a declaration of what it reads and writes, and a pure function (00 section 4).

Two kinds exist. A `SessionStage` is a function of one session date; the runtime runs it in Spark
workers, one task a date, one job for many dates. A `CorpusStage` reads whole tables on the driver
and makes an artefact (FAISS indices). Neither sees a path: the runtime resolves, reads, checks the
result against the contracts and publishes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

import pyarrow as pa

from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.sessions.calendar import SessionCalendar, SessionClock


class History(StrEnum):
    """Which earlier sessions of an input a session date needs beside its own.

    NONE: the session itself only.
    BRONZE: raw ticks from the roll look-back and the warm-up sessions on, cut by the stage.
    PRESENT: the newest `calibration_sessions` sessions before it that exist in the table (08 A14).
    REFERENCE: raw rows of some days before it too: exchanges publish definitions about once a week,
        and vendors repeat them daily with the old event time.
    """

    NONE = "none"
    BRONZE = "bronze"
    PRESENT = "present"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Source:
    """One declared input.

    Attributes:
        alias: the name by which the stage finds it in `SessionInputs`.
        layer: "bronze", "silver" or "gold".
        dataset: dataset name, such as "work/trades".
        product: for Bronze.
        pipeline_id: for Silver and Gold; the version comes from the manifest.
        columns: columns to read, in any order; empty means all of the contract.
        history: earlier sessions to hand over too.
        required: absent data is an error; otherwise the stage gets an empty table (08 A22).
    """

    alias: str
    layer: str
    dataset: str
    product: str = ""
    pipeline_id: str = ""
    columns: tuple[str, ...] = ()
    history: History = History.NONE
    required: bool = True


class BronzeScan(Protocol):
    """Lazy Bronze rows of one dataset around one session; reads its own Parquet columns."""

    def contracts(self) -> tuple[str, ...]:
        """Partition values (contract codes, underlyings, symbols) present in the scanned span."""

    def read(
        self, columns: tuple[str, ...], *, start_ns: int, end_ns: int, contract: str | None = None
    ) -> pa.Table:
        """Rows with start_ns <= ts_event_ns < end_ns in total order, snapshots included."""

    def chunks(
        self, columns: tuple[str, ...], *, start_ns: int, end_ns: int, contract: str | None = None
    ) -> Iterator[pa.Table]:
        """The same rows in time order, one hour at a time, in bounded memory."""


@dataclass(frozen=True)
class StageContext:
    """What a stage may know beside its inputs; picklable, the same on every worker.

    Attributes:
        config: DATA_ROOT, INSTRUMENT, PIPELINE_ID, PIPELINE_VERSION.
        profile: the instrument's facts.
        params: the stage's parameters from the manifest, overrides applied.
    """

    config: Mapping[str, str]
    profile: InstrumentProfile
    params: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def calendar(self) -> SessionCalendar:
        """The instrument's sessions."""
        return SessionCalendar(self.profile.calendar)

    def param(self, name: str) -> Any:
        """A declared parameter; an unknown one lists near matches."""
        if name not in self.params:
            raise UnknownNameError("stage parameter", name, self.params)
        return self.params[name]


@dataclass(frozen=True, slots=True)
class SessionInputs:
    """The inputs of one session date.

    Attributes:
        clock: bounds of the session.
        tables: rows by alias; with history, earlier sessions are told apart by `date`.
        scans: Bronze inputs by alias.
        history_days: the earlier sessions that inputs with history PRESENT hold, oldest first; the
            same for all of them, and there even if a session has no rows.
    """

    clock: SessionClock
    tables: Mapping[str, pa.Table]
    scans: Mapping[str, BronzeScan] = field(default_factory=dict)
    history_days: tuple[date, ...] = ()

    def scan(self, alias: str) -> BronzeScan:
        """One Bronze input."""
        if alias not in self.scans:
            raise UnknownNameError("Bronze input", alias, self.scans)
        return self.scans[alias]

    @property
    def day(self) -> date:
        """The session date."""
        return self.clock.day

    def table(self, alias: str) -> pa.Table:
        """The rows of one input."""
        if alias not in self.tables:
            raise UnknownNameError("stage input", alias, self.tables)
        return self.tables[alias]


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What a stage made of one session date.

    Attributes:
        tables: rows by dataset name, one entry per declared output.
        metrics: counts worth keeping in stage.json (JSON values).
        warnings: sentences for stage.json; bounds of 08 A16 that were passed.
    """

    tables: Mapping[str, pa.Table]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SessionStage:
    """A stage that works one session date at a time.

    Attributes:
        stage_id: its id in manifests.
        sources: declared inputs.
        outputs: contracts of the datasets it writes, in order of publication.
        run: the pure function.
        defaults: its parameters and their default values; a manifest may set only these.
        output_layer: "silver" or "gold" by dataset name; Silver where not named.
    """

    stage_id: str
    sources: tuple[Source, ...]
    outputs: tuple[TableContract, ...]
    run: Callable[[SessionInputs, StageContext], SessionResult]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    output_layer: Mapping[str, str] = field(default_factory=dict)

    def layer_of(self, dataset: str) -> str:
        """Layer of one of its outputs."""
        return self.output_layer.get(dataset, "silver")


@dataclass(frozen=True)
class CorpusStage:
    """A stage that reads whole tables on the driver and makes an artefact.

    Attributes:
        stage_id: its id in manifests.
        sources: declared inputs, read over the whole requested range.
        artifact: dataset name of what it publishes, such as "indices".
        run: pure function of (tables by alias, context, as-of date) to an artefact object that the
            lake knows how to publish.
        defaults: its parameters and their default values.
    """

    stage_id: str
    sources: tuple[Source, ...]
    artifact: str
    run: Callable[[Mapping[str, pa.Table], StageContext, date], Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)


Stage = SessionStage | CorpusStage
