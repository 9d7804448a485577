"""The store's clock: what one write proves about it, and no more."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from function.store.port import Stored
from orchestrator.launch.clock import asleep_ns, boot_ns, store_clock

S = 1_000_000_000


def wall_at(boot: int) -> int:
    return time.time_ns() - boot_ns() + boot


@given(st.integers(-5 * S, 5 * S), st.integers(0, S), st.integers(0, S), st.integers(1, S))
def test_the_true_offset_is_within_the_error(offset: int, took_before: int, took_after: int, resolution: int) -> None:
    asked = boot_ns()
    landed, answered = asked + took_before, asked + took_before + took_after
    true_stamp = wall_at(landed) + offset
    clock = store_clock(Stored("v", true_stamp // resolution * resolution, resolution), asked, answered)
    found = clock.unix_at_boot_ns - wall_at(0)
    slack = 2_000_000  # the wall is read again here
    assert abs(found - offset) <= clock.error_ns + slack
    assert clock.error_ns <= took_before + took_after + resolution + slack


def test_a_machine_with_a_right_clock_is_believed_within_a_coarse_stamp() -> None:
    asked = boot_ns()
    stamp = wall_at(asked) // S * S
    clock = store_clock(Stored("v", stamp, S), asked, asked + 1000)
    assert abs(clock.now_ns() - time.time_ns()) < 50_000_000


def test_sleep_is_none_of_what_passes_awake() -> None:
    before = asleep_ns()
    time.sleep(0.05)
    assert abs(asleep_ns() - before) < 20_000_000
