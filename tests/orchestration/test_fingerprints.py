"""Canonical JSON and dataset fingerprints: equal content, equal hash; any change, another hash."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spymaster_lake.orchestration.fingerprints import (
    canonical_json,
    dataset_fingerprint,
    partition_hash,
    sha256_json,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FILES = st.lists(
    st.tuples(st.text(min_size=1), st.integers(0, 10**12)), unique_by=lambda f: f[0], max_size=6
)
BASE = {
    "layer": "silver", "owner": "fe", "dataset": "signals", "pipeline_version": "4.5.0",
    "manifest_hash": "m", "schema_version": "v1", "dates": [date(2025, 12, 15), date(2025, 12, 16)],
    "files": [("a", 1), ("b", 2)], "table_version": 7,
}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [1.5, None, True]}, '{"a":[1.5,null,true],"b":1}'),
        ({"day": date(2025, 12, 16)}, '{"day":"2025-12-16"}'),
        ({date(2025, 12, 16): 1}, '{"2025-12-16":1}'),
        (("é", 1), '["é",1]'),
    ],
)
def test_canonical_json__one_spelling(value, expected):
    """Keys are sorted, nothing is padded, dates are ISO text."""
    assert canonical_json(value) == expected


def test_sha256_json__known_digest():
    """sha256 of '{}' as published everywhere."""
    assert sha256_json({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize("value", [{1, 2}, Path("x"), {1: "x"}, object(), b"x"], ids=repr)
def test_canonical_json__refuses_what_has_no_form(value):
    """A value without a canonical form is an error, not its repr."""
    with pytest.raises(TypeError):
        canonical_json(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_canonical_json__refuses_nan(value):
    """JSON has no NaN."""
    with pytest.raises(ValueError, match="no canonical JSON"):
        canonical_json([value])


@given(JSON)
def test_canonical_json__is_json_and_a_fixed_point(value):
    """It decodes to the value, and encoding that again gives the same text."""
    text = canonical_json(value)
    assert canonical_json(json.loads(text)) == text


@given(st.dictionaries(st.text(), JSON, max_size=5), st.randoms(use_true_random=False))
def test_sha256_json__ignores_key_order(value, random):
    """The order of keys does not count."""
    items = list(value.items())
    random.shuffle(items)
    assert sha256_json(dict(items)) == sha256_json(value)


@given(FILES, st.randoms(use_true_random=False))
def test_fingerprint__ignores_listing_order(files, random):
    """The order in which a file system lists files and dates does not count."""
    shuffled, dates = list(files), list(BASE["dates"])
    random.shuffle(shuffled)
    random.shuffle(dates)
    one = dataset_fingerprint(**{**BASE, "files": files})
    two = dataset_fingerprint(**{**BASE, "files": shuffled, "dates": [*dates, dates[0]]})
    assert one == two
    assert partition_hash(files) == partition_hash(shuffled)


@pytest.mark.parametrize(
    "change",
    [
        {"manifest_hash": "n"}, {"schema_version": "v2"}, {"dates": [date(2025, 12, 15)]},
        {"files": [("a", 1), ("b", 3)]}, {"files": [("a", 1), ("c", 2)]}, {"files": [("a", 1)]},
        {"table_version": 8}, {"table_version": None}, {"pipeline_version": "4.5.1"},
    ],
    ids=str,
)  # fmt: skip
def test_fingerprint__every_part_counts(change):
    """Manifest, schema, dates, names, sizes and version each change the fingerprint."""
    assert dataset_fingerprint(**{**BASE, **change}).sha256 != dataset_fingerprint(**BASE).sha256


def test_fingerprint__counts_files_and_bytes():
    """The record says how many files and bytes it stands for."""
    made = dataset_fingerprint(**BASE)
    assert (made.n_files, made.n_bytes, made.table_version) == (2, 3, 7)
