"""Engine time: it stands still in pauses, never runs back, and work due falls outside them."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mockserver.clock import Pauses, boot_ns, ns
from orchestrator.mockserver.config import Pause

BASE = 1_000 * 10**9
times = st.integers(min_value=0, max_value=60 * 10**9).map(lambda t: BASE - 5 * 10**9 + t)
pauses = st.one_of(
    st.builds(lambda f, a: Pauses(Pause(f, at_s=a), BASE), st.floats(0, 5), st.floats(0, 20)),
    st.builds(lambda f, g: Pauses(Pause(f, every_s=f + g), BASE), st.floats(0, 5), st.floats(0.01, 5)),
)


def test_boot_time_runs_at_the_pace_of_real_time() -> None:
    before, mono = boot_ns(), time.monotonic_ns()
    time.sleep(0.02)
    assert abs((boot_ns() - before) - (time.monotonic_ns() - mono)) < 5_000_000


def test_seconds_become_whole_nanoseconds() -> None:
    assert ns(0.1 + 0.2) == 300_000_000


def test_one_pause_moves_everything_after_it() -> None:
    pause = Pauses(Pause(for_s=2, at_s=10), BASE)
    s = 10**9
    assert [pause.engine(BASE + t * s) - BASE for t in (0, 9, 10, 11, 12, 13)] == [
        0,
        9 * s,
        10 * s,
        10 * s,
        10 * s,
        11 * s,
    ]
    assert [pause.boot(BASE + t * s) - BASE for t in (9, 10, 11)] == [9 * s, 12 * s, 13 * s]
    assert [pause.held(BASE + t * s) for t in (9, 10, 11, 12)] == [False, True, True, False]


def test_a_repeated_pause_comes_every_period() -> None:
    pause = Pauses(Pause(for_s=1, every_s=4), BASE)
    s = 10**9
    held = [t for t in range(14) if pause.held(BASE + t * s)]
    assert held == [4, 8, 12]
    assert pause.engine(BASE + 13 * s) - BASE == 10 * s


@given(pauses, times)
def test_work_is_done_outside_pauses_and_at_its_engine_time(pause: Pauses, due: int) -> None:
    at = pause.boot(due)
    assert at >= due
    assert not pause.held(at)
    assert pause.engine(at) == due


@given(pauses, times, times)
def test_engine_time_never_runs_back_nor_faster(pause: Pauses, one: int, other: int) -> None:
    one, other = sorted((one, other))
    assert 0 <= pause.engine(other) - pause.engine(one) <= other - one
