"""Everybody is held back by a throttle, and let go as calls are accepted."""

from __future__ import annotations

from orchestrator.providers.pace import LEAST_S, MOST_S, Pace


def test_nobody_waits_before_a_throttle() -> None:
    assert Pace().wait_s(0.0, 0.99) == 0.0


def test_throttles_double_the_pause_up_to_a_bound_and_calls_under_way_count_once() -> None:
    pace, now = Pace(), 0.0
    pauses = []
    for _ in range(8):
        pace.throttled(now)
        pace.throttled(now)  # was under way at the first one
        pauses.append(pace.wait_s(now, 0.0))
        now += pauses[-1]
    assert pauses[:3] == [LEAST_S, 2 * LEAST_S, 4 * LEAST_S] and pauses[-1] == MOST_S


def test_draws_spread_those_who_wait() -> None:
    pace = Pace()
    pace.throttled(0.0)
    waits = [pace.wait_s(0.0, draw / 10) for draw in range(10)]
    assert waits == sorted(waits) and LEAST_S == waits[0] < waits[-1] < 2 * LEAST_S


def test_what_is_accepted_lets_go() -> None:
    pace = Pace()
    pace.throttled(0.0)
    for _ in range(4):
        pace.accepted()
    assert pace.wait_s(LEAST_S, 0.99) == 0.0
