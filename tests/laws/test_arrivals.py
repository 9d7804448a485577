"""Law 2, the plan's half: arrivals are a pure function of (seed, k). Lanes, slices and block sizes change none of them,
an even load has no variation over the whole however many lanes carry it, and its counts are the decimals written.

The planted violations are the ways in which load generators drift: each must be seen by the same check.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.plan import arrivals
from orchestrator.plan.exact import fraction
from orchestrator.plan.shapes import Shape
from tests.orchestrator.plan.planned import built, outlined, shape, table

RAMP = {"rate": 1, "rate_end": 25, "duration": 30}

decimals = st.decimals("0.05", 300, places=3).map(float)
durations = st.decimals("0.5", 40, places=2).map(float)


def merged_ns(load: dict[str, Any], **fanout: Any) -> np.ndarray:
    """scheduled_ns of all shards, in order of k."""
    tables = [table(files.workload_bytes) for files in built(load, fanout=fanout).shards]
    ks = np.concatenate([one.column("request_index").to_numpy() for one in tables])
    due = np.concatenate([one.column("scheduled_ns").to_numpy() for one in tables])
    return due[np.argsort(ks)]


def uneven(due_ns: np.ndarray, rate: float, duration: float) -> list[str]:
    """By what an even load differs from k/rate, rounded once, for every k with k/rate < duration."""
    exact = fraction(rate)
    count = -(-(exact * fraction(duration)).numerator // (exact * fraction(duration)).denominator)
    found = [] if due_ns.size == count else [f"{due_ns.size} arrivals instead of {count}"]
    expected = [round(k / exact * 10**9) for k in range(count)]
    return found + [f"{k} moved" for k, (a, b) in enumerate(zip(due_ns.tolist(), expected)) if a != b]


@settings(max_examples=40, deadline=None)
@given(rate=decimals, duration=durations, lanes=st.integers(1, 9), slice_s=st.floats(1, 50))
def test_an_even_load_is_even_over_any_lanes(rate: float, duration: float, lanes: int, slice_s: float) -> None:
    due_ns = merged_ns({"stages": [{"rate": rate, "duration": duration}]}, lanes=lanes, slice=slice_s)
    assert uneven(due_ns, rate, duration) == []


def test_thirty_a_second_for_thirty_seconds_is_900_every_time() -> None:
    arrays = [merged_ns({"stages": [{"rate": 30, "duration": 30}]}, lanes=1) for _ in range(5)]
    assert arrays[0].tolist() == [round(k * 1e9 / 30) for k in range(900)]
    assert all(np.array_equal(arrays[0], other) for other in arrays)


def test_a_ramp_over_more_lanes_than_its_first_rate_begins_with_one_arrival() -> None:
    seven, one = (merged_ns({"stages": [RAMP]}, lanes=lanes) for lanes in (7, 1))
    assert np.array_equal(seven, one) and seven.size == 390
    assert (seven < 10**9).sum() in (1, 2) and abs((seven < 5 * 10**9).sum() - 15) <= 1
    assert seven[-1] < 30 * 10**9


def test_counts_are_those_of_the_decimals() -> None:
    for rate, duration, count in ((38, 150, 5700), (0.425, 40, 17), (30, 30, 900), (0.1, 3, 1), (2.2, 10, 22)):
        assert outlined({"stages": [{"rate": rate, "duration": duration}]}).requests == count


def lanes_each_round_up(rate: float, duration: float, lanes: int) -> np.ndarray:
    """Every lane at rate/N, with its own count rounded up and its own zero."""
    share = Fraction(fraction(rate), lanes)
    count = -(-int(share * fraction(duration) * 10**6) // 10**6)
    return np.sort(np.concatenate([[round(k / share * 10**9) for k in range(count)] for _ in range(lanes)]))


def sleeps_an_interval(rate: float, duration: float, lanes: int) -> np.ndarray:
    """Adds a rounded interval instead of rounding a multiple."""
    return np.arange(int(rate * duration)) * round(1e9 / rate)


@pytest.mark.parametrize("drifts", [lanes_each_round_up, sleeps_an_interval], ids=lambda f: f.__name__)
def test_planted_drifts_are_seen(drifts: Any) -> None:
    assert uneven(drifts(30.0, 30.0, 7), 30.0, 30.0) != []


SPACINGS = [("poisson", 1.0), ("gamma", 0.3), ("gamma", 4.0)]


def due(spacing: str, burstiness: float, load: Shape, seed: int) -> np.ndarray:
    return arrivals.arrivals_ns(load, spacing, burstiness, seed, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(("spacing", "burstiness"), SPACINGS)
def test_block_sizes_leave_no_trace(spacing: str, burstiness: float, monkeypatch: pytest.MonkeyPatch) -> None:
    load = shape(rate=50, sine={"amplitude": 40, "period": 7}, duration=60)
    whole = due(spacing, burstiness, load, 7)
    for size in (1, 33, 1000):
        monkeypatch.setattr(arrivals, "BLOCK", size)
        assert np.array_equal(due(spacing, burstiness, load, 7), whole)


def test_a_planted_sum_of_floats_does_leave_one() -> None:
    """Why positions are integers: float sums depend on where the blocks begin."""
    gaps = arrivals.Exponential(7, 0).block(0, 4096)
    summed = [float(np.cumsum(gaps)[-1])]
    for size in (33, 1000):
        total = 0.0
        for start in range(0, 4096, size):
            total += float(np.sum(gaps[start : start + size]))
        summed.append(total)
    assert len(set(summed)) > 1


@settings(max_examples=30, deadline=None)
@given(
    spacing=st.sampled_from(SPACINGS),
    seed=st.integers(0, 2**48),
    rate=decimals,
    longer=durations,
    more=durations,
)
def test_a_longer_stage_begins_as_the_shorter_one(
    spacing: tuple[str, float], seed: int, rate: float, longer: float, more: float
) -> None:
    """Arrival k depends on the seed and k: not on how many follow it."""
    short = due(*spacing, shape(rate=rate, duration=longer), seed)
    long = due(*spacing, shape(rate=rate, duration=longer + more), seed)
    assert np.array_equal(long[: short.size], short)
