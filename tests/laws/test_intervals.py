"""Intervals cover what they say, or are withheld; drifts, overloads and cold servers are flagged, steady runs are not.

The server is simulated: one queue, first come first served, lognormal service with a coefficient of variation of 1
(Lindley's recursion in closed form), after a warm-up that is thrown away. Everything is seeded.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from orchestrator.metrics.dist import SECONDS, quantiles
from orchestrator.metrics.intervals import Sureness, batch_of, n_eff, order_statistics, sureness
from orchestrator.metrics.latency import Measured
from orchestrator.metrics.steadiness import backlog_of, is_steady, trend_of, warm_up_of
from orchestrator.metrics.thresholds import (
    SATURATED_SHARE,
    SATURATED_SIGMAS,
    TREND_RATIO,
    TREND_TAU,
    WARM_UP_CUT_S,
    WARM_UP_FROM,
    WARM_UP_RATIO,
)
from orchestrator.metrics.window import Window
from tests.emulators.tables import answered

PS = (50.0, 90.0, 99.0)
RATE = 300.0


def service(rng: np.random.Generator, shape: tuple[int, ...], mean: float) -> np.ndarray:
    return mean * np.exp(rng.normal(-np.log(2) / 2, np.log(2) ** 0.5, shape))


def lindley(gaps: np.ndarray, services: np.ndarray) -> np.ndarray:
    steps = services[..., :-1] - gaps[..., 1:]
    walk = np.concatenate([np.zeros((*steps.shape[:-1], 1)), steps.cumsum(-1)], -1)
    return walk - np.minimum.accumulate(walk, -1) + services


def warm(load: float) -> int:
    return int(min(25 * load / (1 - load**0.5) ** 2, 12_000) + 500)


def simulate(rng: np.random.Generator, runs: int, n: int, load: float, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """(arrival times from 0, latencies) of steady runs with about n requests each, as (runs, n) arrays."""
    w = warm(load)
    gaps = rng.exponential(1 / rate, (runs, w + n))
    latency = lindley(gaps, service(rng, (runs, w + n), load / rate))[:, w:]
    return gaps[:, w:].cumsum(1), latency


@cache
def truth(load: float, rate: float) -> np.ndarray:
    rng = np.random.default_rng([99, int(load * 10)])
    values = [simulate(rng, 40, 60_000, load, rate)[1][:, ::3].ravel() for _ in range(4)]
    return np.quantile(np.concatenate(values), [p / 100 for p in PS])


def judged(at: np.ndarray, latency: np.ndarray, seconds: float) -> tuple[Sureness, np.ndarray]:
    """The intervals of one run, in s, and its latencies in order."""
    window = Window(0, round(seconds * 1e9))
    inside = at < seconds
    values = (latency[inside] * 1e9).astype(np.int64)
    batch = batch_of((at[inside] * 1e9).astype(np.int64), window)
    ordered = np.sort(values)
    return sureness(ordered, Measured(values, np.arange(values.size)), batch, SECONDS), ordered


@cache
def coverage(load: float, n: int, runs: int) -> tuple[dict[float, float], dict[float, float], dict[float, float]]:
    """Per percentile: share of runs that publish, share of those that cover, and coverage of the usual interval."""
    rng = np.random.default_rng([7, int(load * 10), n])
    real = truth(load, RATE)
    published: dict[float, list[bool]] = {p: [] for p in PS}
    usual: dict[float, list[bool]] = {p: [] for p in PS}
    for _ in range(runs):
        at, latency = simulate(rng, 1, n + 6 * int(n**0.5), load, RATE)
        sure, ordered = judged(at[0], latency[0], n / RATE)
        for p, value in zip(PS, real):
            if (found := sure.ci95[p]) is not None:
                published[p].append(found[0] <= value <= found[1])
            low, high = order_statistics(ordered, float(ordered.size), p / 100)
            usual[p].append(low / 1e9 <= value <= high / 1e9)
    return (
        {p: len(hits) / runs for p, hits in published.items()},
        {p: float(np.mean(hits)) if hits else float("nan") for p, hits in published.items()},
        {p: float(np.mean(hits)) for p, hits in usual.items()},
    )


CELLS = [(0.3, 90_000, 700), (0.7, 90_000, 700), (0.9, 180_000, 700)]  # seeded: 1,200 runs lie in 95.3-97.3 %


@pytest.mark.parametrize(("load", "n", "runs"), CELLS)
def test_published_intervals_cover_where_they_usually_publish(load: float, n: int, runs: int) -> None:
    share, covered, _ = coverage(load, n, runs)
    cells = [p for p in PS if share[p] >= 0.8]
    assert 50.0 in cells
    for p in cells:
        assert 0.93 <= covered[p] <= 0.98, (p, share, covered)


def test_planted_the_usual_interval_on_the_same_data_does_not_cover() -> None:
    _, covered, usual = coverage(*CELLS[1])
    assert usual[90.0] < 0.75
    assert covered[90.0] > 0.9


def test_p99_of_1200_requests_at_load_09_is_withheld_and_names_what_it_would_take() -> None:
    rng = np.random.default_rng(11)
    at, latency = simulate(rng, 200, 1_300, 0.9, 20.0)
    needed = []
    for run in range(len(at)):
        sure, _ = judged(at[run], latency[run], 60.0)
        if 99.0 in sure.requests_needed:
            needed.append(sure.requests_needed[99.0])
    assert len(needed) >= 0.99 * len(at)
    assert 290_000 / 3 <= np.median(needed) <= 290_000 * 3


def test_independent_requests_are_worth_nearly_themselves() -> None:
    rng = np.random.default_rng(3)
    ratios = []
    for _ in range(200):
        below = rng.binomial(100, 0.5, 20).astype(float)
        ratios.append(n_eff(below, np.full(20, 100.0), 0.5) / 2000)
    assert 0.4 < np.median(ratios) < 1.0


def test_two_stages_add_their_variances() -> None:
    """As good as their halves: two equal stages are worth twice one."""
    rng = np.random.default_rng(4)
    one = rng.binomial(100, 0.5, 20).astype(float)
    total = np.full(20, 100.0)
    both = n_eff(np.concatenate([one, one]), np.full(40, 100.0), 0.5)
    assert both == pytest.approx(min(4000.0, 2 * n_eff(one, total, 0.5)), rel=1e-9)


# Steadiness: 300 s at 20/s, as a share of runs flagged.

SECONDS_LONG, SLOW_RATE, TRIES = 300.0, 20.0, 200


def flags(load: float, cold: float = 0.0, drift: float = 0.0, empty: bool = False) -> np.ndarray:
    """Shares of runs flagged as (trend, saturated, warm-up)."""
    rng = np.random.default_rng([2, int(load * 100), int(cold), int(drift * 10)])
    found = []
    for _ in range(TRIES):
        w = 0 if empty else warm(load)
        n = int(SLOW_RATE * SECONDS_LONG * 1.1) + w
        gaps = rng.exponential(1 / SLOW_RATE, n)
        at = gaps.cumsum()
        at -= at[w - 1] if w else 0.0
        slower = 1 + cold * np.exp(-np.maximum(at, 0) / 15) + drift * np.clip(at, 0, None) / SECONDS_LONG
        latency = lindley(gaps, service(rng, (n,), load / SLOW_RATE) * slower)
        keep = (at >= 0) & (at < SECONDS_LONG)
        found.append(flagged(at[keep], latency[keep], SECONDS_LONG))
    return np.mean(found, axis=0)


def flagged(at: np.ndarray, latency: np.ndarray, seconds: float) -> tuple[bool, bool, bool]:
    window = Window(0, round(seconds * 1e9))
    requests = answered(at, latency)
    values = requests.first_token_ns - requests.sent_ns
    trend, backlog = trend_of(values), backlog_of(requests, window)
    warm_up = warm_up_of(values, requests.scheduled_ns, window)
    assert is_steady(requests.scheduled_ns, window)
    limit = 0.0 if backlog is None else max(SATURATED_SHARE * backlog.sent, SATURATED_SIGMAS * backlog.expected**0.5)
    return (
        trend is not None and trend.tau > TREND_TAU and trend.ratio > TREND_RATIO,
        backlog is not None and backlog.excess > limit,
        warm_up is not None
        and warm_up.cut_s >= WARM_UP_CUT_S
        and warm_up.ratio > WARM_UP_RATIO
        and min(warm_up.head, warm_up.tail) >= WARM_UP_FROM,
    )


@pytest.mark.parametrize(("load", "most_warm_up"), [(0.7, 0.06), (0.9, 0.10)])
def test_a_steady_server_is_left_alone(load: float, most_warm_up: float) -> None:
    trend, saturated, warm_up = flags(load)
    assert trend <= 0.01
    assert saturated <= 0.01
    assert warm_up <= most_warm_up


def test_a_drift_and_an_overload_are_found() -> None:
    drifted, overloaded = flags(0.5, drift=0.5), flags(1.05, empty=True)
    assert drifted[0] >= 0.95
    assert max(overloaded[0], overloaded[1]) >= 0.95


def test_a_cold_server_is_found() -> None:
    assert flags(0.5, cold=4.0, empty=True)[2] >= 0.99


def test_quantiles_of_one_value() -> None:
    assert quantiles(np.array([7.0]), (0.0, 0.5, 1.0)).tolist() == [7.0, 7.0, 7.0]
