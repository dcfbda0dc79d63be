"""Upside down, a session tells the same story (02 10.4-3, 08 A35).

The whole pipeline runs on the mirrored ticks of two sessions; every event has its image with the
opposite direction at the opposite kind, and every column reacts as its contract's frame says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from spymaster_lake.contracts.features import FEATURES, MIRROR_EXEMPT
from spymaster_lake.contracts.labels import LABELS
from spymaster_lake.contracts.state_table import STATE_TABLE
from spymaster_lake.contracts.table import Column, Role
from spymaster_lake.stages.tables import array_of, objects
from tests.proof.futures_apart import WholeSession
from tests.proof.mirror import OPPOSITE_DIRECTION, Mirror, law_fault, paired
from tests.proof.simulated_lake import SimulatedLake

_TIDES = ("call_tide", "put_tide")
EXEMPT = tuple(name for name in MIRROR_EXEMPT if name not in _TIDES)
"""No identity under reflection; the tides are one, as premiums are kept."""

TESTED = [c for c in FEATURES if c.name not in EXEMPT]
STATE_TESTED = [c for c in STATE_TABLE.of_role(Role.FEATURE) if c.name not in EXEMPT]
CONTEXT_OF_LABELS = [c for c in LABELS.columns if c.role is Role.LABEL]


@dataclass(frozen=True)
class Images:
    """Rows of all sessions and, in the same order, their mirror images.

    Attributes:
        expected: level price and spot of all events as the mirrors show them.
    """

    signals: tuple[pa.Table, pa.Table]
    labels: tuple[pa.Table, pa.Table]
    state: tuple[pa.Table, pa.Table]
    expected: dict[str, np.ndarray]


@pytest.fixture(scope="module")
def images(lake: SimulatedLake, whole: tuple[WholeSession, ...]) -> Images:
    """Both sessions and their mirror images."""
    pairs: dict[str, list[tuple[pa.Table, pa.Table]]] = {"signals": [], "labels": [], "state": []}
    expected: dict[str, list[np.ndarray]] = {"level_price": [], "spot": []}
    for session in whole:
        tables, mirror = session.tables, Mirror.of(lake.setup, session)
        scans = mirror.bronze(session.bronze).scans()
        image = lake.pipeline.run(session.day, scans, history=session.history)
        assert image["signals"].num_rows == tables["signals"].num_rows
        for name, values in expected.items():
            values.append(mirror.prices(array_of(tables["signals"], name)))
        pairs["signals"].append(
            (tables["signals"], paired(tables["signals"], image["signals"], "anchor_ts_ns"))
        )
        mine, theirs = (_with_kind(t["labels"], t["signals"]) for t in (tables, image))
        pairs["labels"].append((mine, paired(mine, theirs, "anchor_ts_ns")))
        rows = tables["state_table"]
        off_level = pc.not_equal(rows.column("spot"), rows.column("level_price"))
        rows = rows.filter(pc.fill_null(off_level, pa.scalar(value=True)))
        pairs["state"].append((rows, paired(rows, image["state_table"], "ts_ns")))
    return Images(**{
        name: (pa.concat_tables(p[0] for p in some), pa.concat_tables(p[1] for p in some))
        for name, some in pairs.items()
    }, expected={name: np.concatenate(values) for name, values in expected.items()})  # fmt: skip


def _with_kind(labels: pa.Table, signals: pa.Table) -> pa.Table:
    assert labels.column("event_id").equals(signals.column("event_id"))
    return labels.append_column("level_kind", signals.column("level_kind"))


def test_mirror__events(images: Images) -> None:
    """Levels and spots are reflected, directions are opposite, zones are as wide."""
    events, image = images.signals
    assert events.num_rows > 100
    opposite = [OPPOSITE_DIRECTION[d] for d in objects(events, "direction")]
    assert objects(image, "direction").tolist() == opposite
    for name, expected in images.expected.items():
        np.testing.assert_allclose(array_of(image, name), expected)
    for name in ("bar_start_ns", "first_touch_ts_ns", "zone_half_width", "src_max_ts_ns"):
        assert image.column(name).to_pylist() == events.column(name).to_pylist()


@pytest.mark.parametrize("column", TESTED, ids=lambda c: c.name)
def test_mirror__event_feature(images: Images, column: Column) -> None:
    """An event feature reacts as its frame says."""
    fault = law_fault(column, *images.signals)
    assert not fault, f"{column.name} ({column.frame}): {fault}"


@pytest.mark.parametrize("column", STATE_TESTED, ids=lambda c: c.name)
def test_mirror__state_feature(images: Images, column: Column) -> None:
    """A feature of the state table reacts as its frame says."""
    fault = law_fault(column, *images.state)
    assert not fault, f"{column.name} ({column.frame}): {fault}"


@pytest.mark.parametrize("column", CONTEXT_OF_LABELS, ids=lambda c: c.name)
def test_mirror__label(images: Images, column: Column) -> None:
    """A label is the same upside down."""
    fault = law_fault(column, *images.labels)
    assert not fault, f"{column.name}: {fault}"


def test_mirror__law_can_fail(images: Images) -> None:
    """Without the reflection market-frame columns break the law: it is no tautology."""
    events, _ = images.signals
    broken = [c.name for c in TESTED if law_fault(c, events, events)]
    assert {"distance_signed", "ofi_60s", "tape_velocity", "dist_to_sma_90"} <= set(broken)
