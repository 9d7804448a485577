from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.metrics.dist import EMPTY, PERCENTILES, SECONDS, describe, dist_of, name_of, quantiles, read_at

KEYS = ["count", "mean", "std", "min", "max", "p0.1", "p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99",
        "p99.9", "ci95"]  # fmt: skip

values = st.lists(st.integers(0, 2**40), min_size=1, max_size=200)


@given(values)
@settings(max_examples=200)
def test_percentiles_are_numpys_bit_for_bit(raw: list[int]) -> None:
    found = quantiles(np.sort(np.array(raw)), [p / 100 for p in PERCENTILES])
    assert found.tolist() == np.percentile(raw, PERCENTILES).tolist()


@given(values)
@settings(max_examples=50)
def test_small_integers_and_floats_alike(raw: list[int]) -> None:
    gaps = np.array(raw, np.uint64).astype(np.uint32)
    ratios = np.array(raw) / 7
    for array in (gaps, ratios):
        found = quantiles(np.sort(array), [p / 100 for p in PERCENTILES])
        assert found.tolist() == np.percentile(array, PERCENTILES).tolist()


def test_the_whole_distribution_in_seconds() -> None:
    rng = np.random.default_rng(1)
    raw = rng.integers(1, 10**10, 1000)
    dist = dist_of(raw, SECONDS)
    assert dist.count == 1000
    assert dist.mean == pytest.approx(raw.mean() / 1e9, rel=1e-12)
    assert dist.std == pytest.approx(raw.std() / 1e9, rel=1e-12)  # numpy's default: divided by n
    assert (dist.min, dist.max) == (raw.min() / 1e9, raw.max() / 1e9)
    assert dist.at(99.0) == float(np.percentile(raw, 99)) / 1e9


def test_nothing_is_count_zero_and_nulls() -> None:
    found = dist_of(np.empty(0, np.int64)).as_dict()
    assert list(found) == KEYS
    assert found.pop("count") == 0
    assert found.pop("ci95") == {"p50": None, "p90": None, "p99": None}
    assert set(found.values()) == {None}


def test_the_names_are_the_contract() -> None:
    found = describe(np.array([1.0, 2.0]), 1.0, {50.0: (1.0, 2.0), 99.0: None}).as_dict()
    assert list(found) == KEYS
    assert found["ci95"] == {"p50": [1.0, 2.0], "p90": None, "p99": None}
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [name_of(p) for p in (0.1, 1.0, 99.9)] == ["p0.1", "p1", "p99.9"]


def test_one_value_is_all_percentiles() -> None:
    dist = dist_of(np.array([7]))
    assert set(dist.values) == {7.0}
    assert dist.std == 0.0
    assert EMPTY.interval(99.0) is None


def test_places_between_values_are_interpolated() -> None:
    assert read_at(np.array([0.0, 10.0]), np.array([0.25])).tolist() == [2.5]


def test_std_of_more_values_than_one_piece() -> None:
    raw = np.tile(np.array([1, 3], np.uint32), 3_000_000)
    assert dist_of(raw).std == pytest.approx(1.0)
