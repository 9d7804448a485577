from __future__ import annotations

import numpy as np

from function.contract.plan import StagePlan
from orchestrator.metrics.requests import NEVER
from orchestrator.metrics.window import NOTHING, Counts, Rates, Window, counts_of, drain_s, window_of
from tests.emulators.tables import S, answered, ns

TIMED = StagePlan(1, 0, "constant", "2/s", 10.0, 5.0, 10, 2.0)
COUNTED = StagePlan(0, 0, "concurrent", "2 users", 0.0, None, 4, None, 2)


def test_a_timed_stage_is_measured_over_its_planned_time() -> None:
    requests = answered(np.arange(10, 15, 0.5), 0.2)
    window = window_of(TIMED, 3 * S, requests)
    assert (window.start_ns, window.end_ns) == (13 * S, 18 * S)


def test_an_abort_ends_the_window() -> None:
    requests = answered(np.arange(10, 15, 0.5), 0.2)
    assert window_of(TIMED, 0, requests, stopped_ns=12 * S).end_ns == 12 * S
    assert window_of(TIMED, 0, requests, stopped_ns=1 * S).seconds == 0
    assert window_of(TIMED, 0, requests, stopped_ns=99 * S).end_ns == 15 * S


def test_by_count_from_the_first_send_to_the_last() -> None:
    requests = answered([0.0, 0.0, 1.0, 2.0], 0.5)
    window = window_of(COUNTED, 0, requests)
    assert window.seconds == 2.0
    counts = counts_of(requests, window)
    assert (counts.offered, counts.achieved) == (3, 3)  # of n sends n - 1 gaps
    assert counts.rates == Rates(1.5, 1.5, 1.5)


def test_by_count_below_two_requests_there_is_no_rate() -> None:
    requests = answered([0.0], 0.5)
    assert counts_of(requests, window_of(COUNTED, 0, requests)) == NOTHING
    assert NOTHING.rates == Rates(None, None, None)
    nothing_sent = answered([0.0, 1.0], 0.5, sent_ns=np.full(2, NEVER))
    assert window_of(COUNTED, 7, nothing_sent).seconds == 0


def test_an_answer_counts_when_it_is_complete() -> None:
    """20/s for 10 s, answers take 1 s: 180 of 200 are complete within the window, the rest is the drain."""
    requests = answered(np.arange(0, 10, 0.05), 1.0)
    window = Window(0, 10 * S)
    assert counts_of(requests, window).rates == Rates(20.0, 20.0, 18.0)
    assert drain_s(requests, window) == 0.95
    assert drain_s(answered([], 1.0), window) is None


def test_rates_of_several_stages_are_sums_over_sums() -> None:
    assert (Counts(10.0, 100, 100, 90) + Counts(30.0, 900, 900, 900)).rates == Rates(25.0, 25.0, 24.75)


def test_what_never_happened_lies_in_no_window() -> None:
    window = Window(NEVER, 10 * S)
    assert window.holds(ns([np.nan, 1.0])).tolist() == [True, True]
    assert Window(0, 10 * S).holds(ns([np.nan, 1.0])).tolist() == [False, True]
