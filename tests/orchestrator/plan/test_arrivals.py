"""The processes a plan offers, proven once: runs are judged against their plan, not against a distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from orchestrator.plan.arrivals import POSITION, Exponential, Gamma, arrivals_ns, gamma, positions
from tests.orchestrator.plan.planned import shape

CONSTANT = {"rate": 200, "duration": 200}
RAMP = {"rate": 50, "rate_end": 350, "duration": 200}
SINE = {"rate": 200, "sine": {"amplitude": 150, "period": 20}, "duration": 200}


def gaps(spacing: str, burstiness: float = 1.0, seed: int = 7, **keys: object) -> np.ndarray:
    """Between arrivals, in units of expected arrivals: the shape taken out, the spacing left."""
    load = shape(**keys)
    due = arrivals_ns(load, spacing, burstiness, seed, 0)
    return np.diff(load.expected(due / 1e9))


@pytest.mark.parametrize("keys", [CONSTANT, RAMP, SINE])
def test_poisson_gaps_are_exponential_and_independent(keys: dict[str, object]) -> None:
    between = gaps("poisson", **keys)
    assert stats.kstest(between, "expon").pvalue > 0.01
    lag1 = np.corrcoef(between[:-1], between[1:])[0, 1]
    assert abs(lag1) < 3 / math.sqrt(between.size)
    counts = np.bincount(np.cumsum(between).astype(int) // 10)[:-1]  # ten expected in each bin
    dispersion = counts.var(ddof=1) / counts.mean()
    assert abs(dispersion - 1) < 3 * math.sqrt(2 / counts.size)


@pytest.mark.parametrize("burstiness", [0.25, 0.5, 3.0])
def test_gamma_gaps_have_the_shape_asked_for(burstiness: float) -> None:
    drawn = Gamma(burstiness, 7, 0).block(1, 40_000)
    assert stats.kstest(drawn, "gamma", args=(burstiness, 0, 1 / burstiness)).pvalue > 0.01
    between = gaps("gamma", burstiness, **RAMP)  # whose smallest gaps the nanosecond swallows
    cv = between.std() / between.mean()
    assert cv == pytest.approx(1 / math.sqrt(burstiness), rel=0.05)
    assert abs(np.corrcoef(between[:-1], between[1:])[0, 1]) < 3 / math.sqrt(between.size)


@pytest.mark.parametrize(("spacing", "burstiness"), [("poisson", 1.0), ("gamma", 0.2), ("gamma", 5.0)])
def test_as_many_arrivals_are_offered_as_the_rate_says_however_bursty(spacing: str, burstiness: float) -> None:
    load = shape(rate=20, duration=10)
    counts = [arrivals_ns(load, spacing, burstiness, seed, 0).size for seed in range(400)]
    error = math.sqrt(200 / burstiness / 400)
    assert abs(np.mean(counts) - 200) < 3.5 * error


def test_even_spacing_has_no_variation() -> None:
    assert gaps("uniform", **CONSTANT).std() < 1e-6


def test_gamma_of_burstiness_one_is_the_poisson_process_itself() -> None:
    load = shape(**CONSTANT)
    assert np.array_equal(arrivals_ns(load, "gamma", 1.0, 7, 0), arrivals_ns(load, "poisson", 1.0, 7, 0))


def test_every_stage_and_seed_has_arrivals_of_its_own() -> None:
    load = shape(**CONSTANT)
    drawn = [arrivals_ns(load, "poisson", 1.0, *which)[:50].tolist() for which in ((7, 0), (7, 1), (8, 0))]
    assert len({tuple(each) for each in drawn}) == 3


def test_a_gap_is_a_function_of_its_number_alone() -> None:
    for process in (Exponential(3, 0), Gamma(0.4, 3, 0), Gamma(2.5, 3, 0)):
        whole = process.block(0, 3000)
        assert np.array_equal(process.block(1234, 99), whole[1234 : 1234 + 99])


def test_the_first_gap_of_a_bursty_stage_is_what_is_left_of_a_gap_under_way() -> None:
    first = [Gamma(0.25, seed, 0).block(0, 1)[0] for seed in range(2000)]
    left = (1 + 1 / 0.25) / 2  # mean residual life of a renewal process: (1 + cv^2) / 2
    assert np.mean(first) == pytest.approx(left, rel=0.1)


def test_positions_end_where_the_shape_ends() -> None:
    found = positions(Exponential(3, 0), 1000 * POSITION)
    assert (np.diff(found) >= 0).all() and found[-1] < 1000 * POSITION
    assert positions(Exponential(3, 0), 0).size == 0


def test_arrivals_never_reach_the_end_of_their_stage() -> None:
    load = shape(rate=1_000_000, duration=0.02)
    due = arrivals_ns(load, "poisson", 1.0, 5, 0)
    assert due.max() < 20_000_000 and (np.diff(due) >= 0).all()


def test_gamma_agrees_with_scipy_also_for_shapes_below_one() -> None:
    for alpha in (0.1, 0.9, 1.0, 7.5):
        assert stats.kstest(gamma(alpha, 11, "test", 0, 20_000), "gamma", args=(alpha,)).pvalue > 0.01


def test_arrivals_are_pinned_so_that_a_seed_means_the_same_for_ever() -> None:
    assert arrivals_ns(shape(rate=10, duration=1), "poisson", 1.0, 7, 0).tolist() == [
        146419781,
        167795799,
        253553252,
        367665028,
        480961335,
        560403718,
        683694968,
        737537760,
        956692523,
        985980830,
    ]
    assert arrivals_ns(shape(rate=10, duration=1), "gamma", 0.5, 7, 0).tolist() == [
        33205583,
        80091400,
        167621018,
        244593950,
        661623074,
        667368433,
        678000942,
        828463691,
        894727584,
        923141521,
        934996424,
        983140820,
        992122964,
    ]
