"""The kernel's stamps on the worker's clock, and what is believed when the wall clock is set."""

from __future__ import annotations

import socket
import struct
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.clock import SystemClock
from function.transport.native_stamps import ANCILLARY_BYTES, STEP_NS, KernelStamps
from function.transport.port import Stamping

MS, SECOND = 1_000_000, 1_000_000_000
WALL = 1_700_000_000 * SECOND


class Clocks:
    """A monotonic and a wall clock that pass together until one is set; each reading costs 100 ns."""

    def __init__(self) -> None:
        self.mono_ns, self.offset_ns, self.stalls = 50 * SECOND, WALL, [0]

    def now_ns(self) -> int:
        self.mono_ns += 100 + (self.stalls.pop(0) if self.stalls else 0)
        return self.mono_ns

    def awake_ns(self) -> int:
        return self.mono_ns

    def wall_ns(self) -> int:
        self.mono_ns += 100
        return self.mono_ns + self.offset_ns

    def arrives(self) -> list[tuple[int, int, bytes]]:
        """The kernel stamps something now."""
        return [(1, 35, struct.pack("@qq", *divmod(self.mono_ns + self.offset_ns, SECOND)))]


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def stamps(clocks: Clocks) -> KernelStamps:
    return KernelStamps(clocks, clocks.wall_ns)


def test_a_stamp_is_the_arrival_however_late_the_read(clocks: Clocks, stamps: KernelStamps) -> None:
    for late_ns in (0, MS, 3 * SECOND):
        came_ns, ancillary = clocks.mono_ns, clocks.arrives()
        clocks.mono_ns += late_ns
        stamps.sample()
        assert abs(stamps.of(ancillary) - came_ns) <= 200
    assert stamps.stamping == Stamping(kernel=True, clock_steps=0)


def test_what_comes_while_a_batch_is_read_is_stamped_by_the_kernel_too(clocks: Clocks, stamps: KernelStamps) -> None:
    stamps.sample()
    clocks.mono_ns += MS
    came_ns, ancillary = clocks.mono_ns, clocks.arrives()
    clocks.mono_ns += MS
    assert abs(stamps.of(ancillary) - came_ns) <= 200


@pytest.mark.parametrize("step_ns", [2 * STEP_NS, SECOND, 3600 * SECOND, -2 * STEP_NS, -SECOND, -3600 * SECOND])
def test_a_step_is_counted_and_older_stamps_are_not_believed(
    clocks: Clocks, stamps: KernelStamps, step_ns: int
) -> None:
    stamps.sample()
    before = clocks.arrives()
    clocks.mono_ns += MS
    clocks.offset_ns += step_ns
    stamps.sample()
    assert abs(stamps.of(before) - clocks.mono_ns) <= 200, "the instant of the read"
    assert stamps.stamping.clock_steps == 1
    clocks.mono_ns += MS
    came_ns, ancillary = clocks.mono_ns, clocks.arrives()
    clocks.mono_ns += MS
    stamps.sample()
    assert abs(stamps.of(ancillary) - came_ns) <= 400, "what came after it is believed again"
    assert stamps.stamping == Stamping(kernel=True, clock_steps=1)


def test_a_small_step_is_followed_and_not_counted(clocks: Clocks, stamps: KernelStamps) -> None:
    for step_ns in (STEP_NS // 2, -STEP_NS // 2, 7_000):
        clocks.offset_ns += step_ns
        stamps.sample()
        came_ns, ancillary = clocks.mono_ns, clocks.arrives()
        clocks.mono_ns += MS
        assert abs(stamps.of(ancillary) - came_ns) <= 400
    assert stamps.stamping.clock_steps == 0


def test_an_interruption_between_two_readings_is_no_step(clocks: Clocks, stamps: KernelStamps) -> None:
    for stalls in ([5 * MS], [5 * MS, 3 * MS, 0], [50_000]):
        clocks.stalls = list(stalls)
        came_ns, ancillary = clocks.mono_ns, clocks.arrives()
        stamps.sample()
        assert abs(stamps.of(ancillary) - came_ns) <= 400
    assert stamps.stamping.clock_steps == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0, 0, 0, 50_000, SECOND, -SECOND]), st.integers(0, 20 * MS)), max_size=30))
def test_no_stamp_lies_in_the_future_whatever_is_set(turns: list[tuple[int, int]]) -> None:
    clocks = Clocks()
    stamps = KernelStamps(clocks, clocks.wall_ns)
    waiting = clocks.arrives()
    for step_ns, passes_ns in turns:
        clocks.offset_ns += step_ns
        clocks.mono_ns += passes_ns
        stamps.sample()
        assert stamps.of(waiting) <= clocks.mono_ns
        waiting = clocks.arrives()
    assert stamps.stamping.clock_steps == sum(abs(step_ns) > STEP_NS for step_ns, _ in turns)


def test_without_stamps_the_read_is_the_stamp_and_it_says_so(clocks: Clocks, stamps: KernelStamps) -> None:
    assert stamps.stamping.kernel is False, "before anything was read"
    assert stamps.of([]) == clocks.mono_ns
    assert stamps.stamping.kernel is False
    for _ in range(2000):
        stamps.of(clocks.arrives())
    assert stamps.stamping.kernel is True, "one of two thousand"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux stamps")
def test_this_kernel_stamps_between_the_write_and_a_late_read() -> None:
    clock = SystemClock()
    stamps = KernelStamps(clock)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as mine:
        stamps.ask(mine)
        mine.connect(listener.getsockname())
        peer, _ = listener.accept()
        with peer:
            for _ in range(200):  # it switches stamping on a moment after it was asked to
                peer.send(b"x")
                if mine.recvmsg(10, ANCILLARY_BYTES)[1]:
                    break
                time.sleep(0.01)
            for _ in range(3):
                before_ns = clock.now_ns()
                peer.send(b"x")
                after_ns = clock.now_ns()
                time.sleep(0.02)
                stamps.sample()
                _, ancillary, _, _ = mine.recvmsg(10, ANCILLARY_BYTES)
                assert before_ns - 20_000 <= stamps.of(ancillary) <= after_ns + MS
    assert stamps.stamping == Stamping(True, 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3 * MS), min_size=1, max_size=40), st.sampled_from([0, 0, -SECOND, SECOND, 50_000]))
def test_many_at_once_are_what_each_is(passed: list[int], step_ns: int) -> None:
    found = []
    for together in (True, False):
        clocks = Clocks()
        stamps = KernelStamps(clocks, clocks.wall_ns)
        ancillaries = []
        for number, gap_ns in enumerate(passed):
            clocks.mono_ns += gap_ns
            if number == len(passed) // 2:
                clocks.offset_ns += step_ns
                stamps.sample()
            ancillaries.append(clocks.arrives())
        clocks.mono_ns += MS
        stamps.sample()
        clocks.now_ns = lambda at_ns=clocks.mono_ns: at_ns  # type: ignore[method-assign, misc]
        stamps._now = clocks.now_ns
        found.append(stamps.of_all(ancillaries) if together else [stamps.of(one) for one in ancillaries])
    assert found[0] == found[1]


def test_before_the_wall_clocks_offset_changes_older_stamps_are_asked_for(clocks: Clocks, stamps: KernelStamps) -> None:
    came_ns, ancillary = clocks.mono_ns, clocks.arrives()
    clocks.mono_ns += MS
    stamps.sample()
    asked: list[int] = []
    stamps.changing = lambda: asked.extend(stamps.of_all([ancillary]))
    stamps.sample()
    assert asked == []
    clocks.offset_ns -= 40 * MS
    stamps.sample()
    assert len(asked) == 1 and abs(asked[0] - came_ns) <= 200
    assert stamps.stamping.clock_steps == 1
