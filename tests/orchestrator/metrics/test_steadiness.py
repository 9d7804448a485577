from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from orchestrator.metrics.steadiness import backlog_of, is_steady, mser, trend_of, warm_up_of
from orchestrator.metrics.window import Window
from tests.emulators.tables import S, answered, ns

TEN = Window(0, 10 * S)


def test_tau_is_kendalls() -> None:
    values = np.random.default_rng(3).exponential(1.0, 400) + np.linspace(0, 1, 400)
    found = trend_of(values)
    medians = [np.median(batch) for batch in np.array_split(values, 20)]
    assert found is not None
    assert found.tau == pytest.approx(stats.kendalltau(np.arange(20), medians)[0])
    assert found.ratio == pytest.approx(np.median(values[-100:]) / np.median(values[:100]))


def test_too_few_have_no_trend_and_zeros_no_ratio() -> None:
    assert trend_of(np.arange(39.0)) is None
    found = trend_of(np.zeros(100))
    assert found is not None
    assert (found.tau, found.ratio) == (0.0, 1.0)


def test_a_queue_that_keeps_pace_has_no_backlog() -> None:
    backlog = backlog_of(answered(np.arange(0, 10, 0.05), 2.0), TEN)
    assert backlog is not None
    assert backlog.in_flight == backlog.expected == 40
    assert backlog.sent == 200


def test_a_growing_queue_has_one() -> None:
    at = np.arange(0, 10, 0.05)
    backlog = backlog_of(answered(at, 0.1 + at), TEN)  # the last ones wait ten seconds
    assert backlog is not None
    assert backlog.in_flight > 90
    assert backlog.expected < 35


@pytest.mark.parametrize("factor", [1.5, 2, 4, 8, 9, 20])
@pytest.mark.parametrize("seconds", [4, 60])
def test_what_waits_for_a_cap_is_a_backlog_by_whatever_factor_it_is_too_little(factor: float, seconds: int) -> None:
    """One at a time, 0.1 s each, offered `factor` times as fast: the wait before sending expects no longer wait."""
    scheduled = np.arange(0, seconds, 0.1 / factor)
    ended = 0.1 * (1 + np.arange(scheduled.size))
    requests = answered(scheduled, ended - scheduled)
    requests = replace(requests, sent_ns=ns(ended - 0.1))
    backlog = backlog_of(requests, Window(0, seconds * S))
    assert backlog is not None
    assert backlog.expected == pytest.approx(factor, rel=0.1)
    assert backlog.excess > max(0.01 * backlog.sent, 4 * backlog.expected**0.5)


def test_long_answers_in_a_short_stage_are_no_backlog() -> None:
    backlog = backlog_of(answered(np.arange(0, 1, 0.05), 30.0), Window(0, S))
    assert backlog is not None
    assert backlog.excess < 0


def test_where_the_first_quarter_failed_nothing_is_expected() -> None:
    status = np.zeros(200, np.int8)
    status[:60] = 1
    assert backlog_of(answered(np.arange(0, 10, 0.05), 1.0, status=status), TEN) is None


def test_a_ramp_is_not_steady_and_chance_is() -> None:
    at = np.sqrt(np.linspace(0, 1, 400, endpoint=False)) * 10
    assert not is_steady(ns(at), TEN)
    rng = np.random.default_rng(4)
    for _ in range(50):
        assert is_steady(ns(np.sort(rng.random(40) * 10)), TEN)
    assert is_steady(ns(np.arange(0, 10, 0.5)), TEN)
    assert is_steady(ns([]), TEN)


def test_mser_cuts_a_slow_beginning() -> None:
    assert mser(np.concatenate([np.full(5, 9.0), np.ones(45)])) == 5
    assert mser(np.full(50, 0.1)) == 0  # rounding chooses nothing


def test_warm_up_in_seconds_of_the_stage() -> None:
    at = np.arange(0, 10, 0.05)
    slow = np.where(at < 2, 1.0, 0.1)
    warm_up = warm_up_of(ns(slow), ns(at), TEN)
    assert warm_up is not None
    assert (warm_up.cut_s, warm_up.head, warm_up.tail) == (2, 40, 160)
    assert warm_up.ratio == pytest.approx(10)


def test_few_seconds_say_nothing() -> None:
    assert warm_up_of(ns([1.0, 2.0]), ns([0.0, 1.0]), TEN) is None
    assert warm_up_of(ns([]), ns([]), TEN) is None
    level = warm_up_of(ns(np.full(10, 0.1)), ns(np.arange(10.0)), TEN)
    assert level is not None
    assert level.cut_s == 0
