"""Driftless Gaussian walks toward a level, labelled by the rules of 01 section 2.7: no skill in them.

Prices are x = sigma (p - L) in points, one step a second, so that a race cannot tie.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.enums import HORIZONS
from spymaster_lake.contracts.labels import LABELS
from spymaster_lake.sessions.calendar import NS
from tests.training.samples import signals_table

SEARCH = 480


def walk_tables(days, per_day, *, seed, step=0.12, atr=2.0):
    """Signals whose distance is real and whose other features are noise, and their labels."""
    signals = signals_table(days, per_day, seed)
    rng, n = np.random.default_rng([seed, 1]), signals.num_rows
    x0 = -rng.uniform(0.1, 2.0, n)
    sign = np.where(np.array(signals["direction"].to_pylist()) == "UP", 1.0, -1.0)
    path = x0[:, None] + np.cumsum(rng.normal(0, step, (n, SEARCH + 480)), axis=1)
    touched = path[:, :SEARCH] >= 0
    tested, tau = touched.any(axis=1), touched.argmax(axis=1)
    x_tau = path[np.arange(n), tau]
    anchor = signals["anchor_ts_ns"].to_numpy()
    given = {name: signals[name].combine_chunks() for name in ("event_id", "date", "anchor_ts_ns")}
    given |= {
        "tested": pa.array(tested),
        "x_tau": pa.array(x_tau, mask=~tested),
        "rw_p_break": pa.array(np.clip((x_tau + atr) / (2 * atr), 0, 1), mask=~tested),
        "resolved_before_anchor": pa.array(np.zeros(n, dtype=bool)),
        "label_status": pa.array(["COMPLETE"] * n),
        "entry_status": pa.array(["COMPLETE"] * n),
        "entry_x0": pa.array(x0),
    }
    for h, span in HORIZONS.items():
        given |= _race(path, tau, tested, atr, h, span)
        end = np.where(tested, tau + span, SEARCH)
        given[f"label_end_ns_{h}"] = pa.array(anchor + end * NS)
    arrays = [
        given.get(c.name, pa.nulls(n, c.arrow_field.type)).cast(c.arrow_field.type)
        for c in LABELS.columns
    ]
    for name, values in (("distance_signed_atr", x0 * sign / atr), ("atr", np.full(n, atr))):
        at = signals.schema.get_field_index(name)
        signals = signals.set_column(at, signals.schema.field(name), pa.array(values))
    return signals, pa.table(arrays, schema=LABELS.arrow_schema)


def _race(path, tau, tested, atr, h, span):
    second = np.arange(path.shape[1])
    inside = (second >= tau[:, None]) & (second < tau[:, None] + span)
    up, down = inside & (path >= atr), inside & (path <= -atr)
    first = [
        np.where(hit.any(axis=1), hit.argmax(axis=1).astype(float), np.inf) for hit in (up, down)
    ]
    outcome = np.where(first[0] < first[1], "BREAK", "REJECT").astype(object)
    outcome[~np.isfinite(np.minimum(*first))] = "CHOP"
    outcome[~tested] = "NO_TEST"
    far = np.where(inside, path, np.nan)
    far[~tested] = 0
    return {
        f"outcome_{h}": pa.array(outcome.tolist()),
        f"t_break_s_{h}": pa.array(first[0], mask=~(tested & np.isfinite(first[0]))),
        f"t_reject_s_{h}": pa.array(first[1], mask=~(tested & np.isfinite(first[1]))),
        f"mfe_atr_{h}": pa.array(np.maximum(0, np.nanmax(far, axis=1)) / atr, mask=~tested),
        f"mae_atr_{h}": pa.array(np.maximum(0, -np.nanmin(far, axis=1)) / atr, mask=~tested),
    }
