from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from orchestrator.metrics.intervals import (
    BATCHES,
    CYCLES,
    batch_of,
    grade,
    in_flight_seen,
    n_eff,
    order_statistics,
    sureness,
)
from orchestrator.metrics.latency import Measured
from orchestrator.metrics.window import Window
from tests.emulators.tables import S, answered


def test_batches_are_equal_slices_of_scheduled_time() -> None:
    window = Window(10 * S, 30 * S)
    due = np.array([9 * S, 10 * S, 11 * S - 1, 11 * S, 30 * S - 1, 31 * S])
    assert batch_of(due, window).tolist() == [0, 0, 0, 1, 19, 19]
    assert batch_of(due, Window(5, 5)).max() < BATCHES


def test_order_statistics_are_clopper_pearsons_ranks() -> None:
    ordered = np.arange(1001.0)
    low, high = order_statistics(ordered, 400.0, 0.9)
    assert low == pytest.approx(1000 * stats.beta.ppf(0.025, 360, 41))
    assert high == pytest.approx(1000 * stats.beta.ppf(0.975, 361, 40))


def test_n_eff_is_the_rule_written_out() -> None:
    rng = np.random.default_rng(5)
    total = rng.integers(40, 60, 20).astype(float)
    below = rng.binomial(total.astype(int), 0.9).astype(float)
    n, share = total.sum(), below.sum() / total.sum()
    means = (below - share * total) * 20 / n
    means -= means.mean()
    r = min(max(float(means[1:] @ means[:-1] / (means @ means)) + 1 / 20, 0), 0.9)
    se2 = means.var(ddof=1) / 20 * (1 + r) / (1 - r)
    expected = min(n, 0.9 * 0.1 / se2 * (1.96 / stats.t.ppf(0.975, 19)) ** 2)
    assert n_eff(below, total, 0.9) == pytest.approx(expected)


def test_constant_latency_is_worth_all_its_requests_and_no_more() -> None:
    total = np.full(20, 50.0)
    assert n_eff(total, total, 0.5) == 1000.0


def uniform(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    values = np.random.default_rng(seed).integers(1, 10**9, n)
    return values, batch_of(np.arange(n) * S, Window(0, n * S))


def test_enough_requests_publish_and_too_few_say_what_it_takes() -> None:
    values, batch = uniform(100_000)
    sure = sureness(np.sort(values), Measured(values, np.arange(values.size)), batch, 1e9)
    assert all(sure.ci95[p] is not None for p in (50.0, 90.0, 99.0))
    low, high = sure.ci95[50.0] or (1.0, 0.0)
    assert 0.45 < low < 0.5 < high < 0.55
    assert sure.requests_needed == {}
    few, batch = uniform(1000)
    sure = sureness(np.sort(few), Measured(few, np.arange(few.size)), batch, 1e9)
    assert sure.ci95[99.0] is None
    assert sure.requests_needed[99.0] == pytest.approx(20 * 1000 / (sure.n_eff_median * 0.01))
    assert sure.ci95[50.0] is not None


def test_pooled_values_are_batched_by_their_request() -> None:
    """The same values, once as one value a request and once as ten: batches agree, so n_eff does."""
    values, batch = uniform(4000)
    one = sureness(np.sort(values), Measured(values, np.arange(4000)), batch)
    ten = sureness(np.sort(values), Measured(values, np.arange(400) * 10, np.full(400, 10)), batch)
    assert ten.n_eff_median == pytest.approx(one.n_eff_median)
    assert ten.ci95[50.0] == one.ci95[50.0]
    for p, count in ten.requests_needed.items():
        assert count == pytest.approx(one.requests_needed[p] / 10)  # in requests, not in gaps


def test_nothing_is_withheld_of_nothing() -> None:
    sure = sureness(
        np.empty(0, np.int64), Measured(np.empty(0, np.int64), np.empty(0, np.int64)), np.empty(0, np.int64)
    )
    assert set(sure.ci95.values()) == {None}
    assert sure.requests_needed == {}


def test_in_flight_as_each_request_found_it() -> None:
    assert in_flight_seen(answered([0.0, 1.0, 2.0, 5.0], [2.5, 0.5, 1.0, 1.0])).tolist() == [0, 1, 1, 0]


def test_the_grade_counts_busy_spells() -> None:
    def spells(number: int) -> str | None:
        """Each: ten requests alone, then ten together."""
        at, took = [], []
        for spell in range(number):
            for i in range(10):
                at += [100.0 * spell + i]
                took += [0.5]
            at += [100.0 * spell + 20 + i * 0.01 for i in range(10)]
            took += [5.0] * 10
        return grade(answered(at, took))

    assert spells(CYCLES - 20) == "fair"
    assert spells(CYCLES + 5) == "good"
    assert grade(answered(np.arange(100.0), 0.5)) == "good"  # always the same number in flight
    assert grade(answered([], 0.5)) is None
