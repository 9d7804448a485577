"""Loop lag as it was, seconds that add up, and a process that knows its age."""

from __future__ import annotations

import asyncio
import time

import pytest

from function.clock import SystemClock
from function.contract.receipt import Health
from function.health import SAMPLE_NS, HealthProbe, process_started_ns
from function.transport.port import Stamping
from tests.function.virtual import SECOND, VirtualClock, run, virtual_rim

MS = 1_000_000
BY_THE_LOOP = Stamping()


def observe(
    stalls: list[tuple[float, float]],
    seconds: float = 10,
    slept_s: float = 0.0,
    stamping: Stamping = BY_THE_LOOP,
) -> Health:
    """Health of a loop that was away at each (when, how long), over `seconds`; 10 requests are sent each second."""
    clock = VirtualClock()

    async def main() -> Health:
        begun_ns = clock.now_ns()
        probe = HealthProbe(virtual_rim(clock), 77, lambda: (3, 10 * round((clock.now_ns() - begun_ns) / SECOND)))
        probe.start(begun_ns + SECOND)
        for at, length in stalls:
            asyncio.get_running_loop().call_later(at, clock.advance, length)
        await asyncio.sleep(seconds)
        clock.suspend(slept_s)
        return probe.close(stamping)

    return run(clock, main())


def test_an_undisturbed_loop_has_no_lag() -> None:
    health = observe([])
    assert health.loop_lag_p99_ns <= 10_000 and health.loop_lag_max_ns <= 1000
    assert (health.cold_start_ns, health.suspended_ns, health.kernel_stamps) == (77, 0, False)


def test_a_stall_is_counted_for_as_long_as_it_was() -> None:
    """40 ms away in each 100 ms: 30 % of all instants find the loop more than 10 ms late. Counting only the first timer
    after each stall would say 10 %."""
    health = observe([(0.1 * i, 0.04) for i in range(1, 90)], seconds=13)
    assert 30 * MS < health.loop_lag_p99_ns < 41 * MS
    assert 30 * MS < health.loop_lag_max_ns <= 40 * MS
    seconds = [second for second in health.seconds if second.loop_lag_p99_ns > 0]
    assert len(seconds) == 9


def test_planted_one_long_stall_would_vanish_if_it_counted_once() -> None:
    """3 s of 10 s: p99 must see it; one late timer in 700 would not reach it."""
    health = observe([(2, 3.0)], seconds=10)
    assert health.loop_lag_p99_ns > 2_000 * MS
    assert 1 / (10 * SECOND / SAMPLE_NS - 300) < 0.01


def test_seconds_carry_what_was_sent_and_count_from_t0() -> None:
    health = observe([], seconds=5.0)
    assert [second.at_s for second in health.seconds[:4]] == pytest.approx([-1, 0.0, 1.0, 2.0], abs=0.1)
    assert sum(second.sent for second in health.seconds) == 50
    assert {second.in_flight for second in health.seconds} == {3}


def test_suspension_is_what_the_awake_clock_lacks() -> None:
    assert observe([], slept_s=4.5).suspended_ns == 4_500 * MS


def test_this_process_is_as_old_as_it_is() -> None:
    clock = SystemClock()
    age_ns = clock.now_ns() - process_started_ns(clock)
    assert time.process_time_ns() * 0.5 <= age_ns <= 24 * 3600 * SECOND


def test_it_says_who_stamped_the_reads() -> None:
    health = observe([], seconds=1, stamping=Stamping(True, 3))
    assert (health.kernel_stamps, health.clock_steps) == (True, 3)


def test_memory_is_this_programs_own() -> None:
    assert 10_000_000 < observe([], seconds=1).rss_max_bytes < 4_000_000_000
