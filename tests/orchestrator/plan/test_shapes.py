from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.plan.shapes import count_even, even_ns
from tests.orchestrator.plan.planned import shape

SHAPES: dict[str, dict[str, Any]] = {
    "constant": {"rate": 30, "duration": 30},
    "ramp up": {"rate": 1, "rate_end": 25, "duration": 30},
    "ramp down to nothing": {"rate": 7, "rate_end": 0, "duration": 11},
    "ramp from nothing": {"rate": 0, "rate_end": 7, "duration": 11},
    "steps": {"rate": 10, "rate_end": 50, "steps": 5, "duration": 60},
    "spike": {"rate": 10, "spike": {"rate": 200, "at": 20, "for": 5}, "duration": 60},
    "spike at the start": {"rate": 3, "spike": {"rate": 9, "at": 0, "for": 1}, "duration": 4},
    "spike out of nothing": {"rate": 0, "spike": {"rate": 200, "at": 20, "for": 5}, "duration": 60},
    "sine": {"rate": 50, "sine": {"amplitude": 30, "period": 20}, "duration": 65},
    "sine down to nothing": {"rate": 50, "sine": {"amplitude": 50, "period": 20}, "duration": 65},
}


@pytest.mark.parametrize("keys", SHAPES.values(), ids=SHAPES)
def test_when_is_the_inverse_of_expected(keys: dict[str, Any]) -> None:
    load = shape(**keys)
    n = np.linspace(0, float(load.total), 5001)[:-1]
    t = load.when(n)
    assert np.allclose(load.expected(t), n, rtol=1e-11, atol=1e-9)
    assert (np.diff(t) >= 0).all() and t[0] >= 0 and t[-1] <= float(load.duration_s)


@pytest.mark.parametrize("keys", SHAPES.values(), ids=SHAPES)
def test_rate_is_the_slope_of_expected(keys: dict[str, Any]) -> None:
    load = shape(**keys)
    t = np.linspace(0, float(load.duration_s), 4001)[1:-1] + 1e-4
    slope = (load.expected(t + 1e-6) - load.expected(t - 1e-6)) / 2e-6
    assert np.allclose(slope, load.rate(t), rtol=1e-4, atol=1e-3)
    assert load.rate(t).max() <= load.peak_rate * (1 + 1e-12)


@pytest.mark.parametrize("keys", SHAPES.values(), ids=SHAPES)
def test_total_is_expected_at_the_end(keys: dict[str, Any]) -> None:
    load = shape(**keys)
    assert float(load.expected(np.array([float(load.duration_s)]))[0]) == pytest.approx(float(load.total), rel=1e-12)


def test_counts_are_rate_times_duration_as_written() -> None:
    counts = {(30, 30): 900, (0.425, 40): 17, (38, 150): 5700, (0.1, 30): 3, (33.333, 3): 100, (1, 0.5): 1}
    for (rate, duration), count in counts.items():
        load = shape(rate=rate, duration=duration)
        assert count_even(load) == count == even_ns(load).size


def test_even_arrivals_are_k_over_rate_rounded_to_the_nanosecond() -> None:
    assert even_ns(shape(rate=30, duration=30)).tolist() == [round(k * 1e9 / 30) for k in range(900)]
    assert even_ns(shape(rate=0.425, duration=40)).tolist() == [round(Fraction(k * 40 * 10**9, 17)) for k in range(17)]


def test_a_ramp_offers_one_arrival_in_its_first_second_and_fifteen_in_five() -> None:
    due = even_ns(shape(rate=1, rate_end=25, duration=30))
    assert due.size == 390
    assert (due < 1e9).sum() in (1, 2) and abs((due < 5e9).sum() - 15) <= 1 and due[-1] < 30e9


def test_steps_hold_each_rate_for_an_equal_time() -> None:
    due = even_ns(shape(rate=10, rate_end=50, steps=5, duration=60))
    counts, _ = np.histogram(due / 1e9, bins=[0, 12, 24, 36, 48, 60])
    assert counts.tolist() == [120, 240, 360, 480, 600]


def test_nothing_is_due_while_the_rate_is_nothing() -> None:
    due = even_ns(shape(**SHAPES["spike out of nothing"]))
    assert (due.size, due[0], due[-1]) == (1000, 20_000_000_000, 24_995_000_000)


def test_labels_say_the_shape() -> None:
    labels = [shape(**SHAPES[name]).label for name in ("constant", "ramp up", "steps", "spike", "sine")]
    assert labels == ["30/s", "1 -> 25/s", "10 -> 50/s, 5 steps", "10/s, spike 200/s", "50 +- 30/s sine"]


rates = st.decimals("0.01", 500, places=3).map(float)


@settings(max_examples=60, deadline=None)
@given(rate=rates, last=rates, duration=st.decimals("0.1", 20, places=2).map(float), steps=st.integers(2, 7))
def test_even_arrivals_ascend_and_each_is_due_where_expected_says(
    rate: float, last: float, duration: float, steps: int
) -> None:
    for keys in ({}, {"rate_end": last}, {"rate_end": last, "steps": steps}):
        load = shape(rate=rate, duration=duration, **keys)
        due = even_ns(load)
        assert (np.diff(due) >= 0).all()
        at = load.expected(due / 1e9)
        assert np.allclose(at, np.arange(due.size), atol=1e-6 + 1e-9 * load.peak_rate)
        assert due.size - 1 < load.total <= due.size
