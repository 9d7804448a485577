"""The bounds hold the true offset, whatever the store's stamps and the network do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from function.store.port import Stored
from function.store_clock import StoreClock

MS = 1_000_000
OFFSETS = st.integers(-3600_000 * MS, 3600_000 * MS)
WRITES = st.lists(
    st.tuples(st.integers(0, 10_000 * MS), st.integers(0, 500 * MS), st.integers(0, 500 * MS), st.integers(0, 20 * MS)),
    min_size=1,
    max_size=20,
)


def observe(clock: StoreClock, offset_ns: int, write: tuple[int, int, int, int], resolution_ns: int = 20 * MS) -> None:
    """A write at wall time `at`, that took `there` to arrive and `back` to be answered, stamped `early`."""
    at, there, back, early = write
    stamp_ns = at + there + offset_ns - min(early, resolution_ns)
    clock.observe(at, Stored("v", stamp_ns, resolution_ns), at + there + back)


@given(OFFSETS, WRITES)
def test_the_true_offset_lies_within_the_error(offset_ns: int, writes: list[tuple[int, int, int, int]]) -> None:
    clock, last_error = StoreClock(), None
    for write in writes:
        observe(clock, offset_ns, write)
        estimate_ns, error_ns = clock.offset()
        assert abs(estimate_ns - offset_ns) <= error_ns
        assert last_error is None or error_ns <= last_error, "bounds only tighten"
        last_error = error_ns


@given(WRITES)
def test_clocks_that_agree_are_not_moved(writes: list[tuple[int, int, int, int]]) -> None:
    clock = StoreClock()
    for write in writes:
        observe(clock, 0, write)
        assert clock.offset()[0] == 0


def test_a_stepped_clock_begins_anew() -> None:
    clock = StoreClock()
    observe(clock, 0, (0, MS, MS, 0), MS)
    observe(clock, 5_000 * MS, (10, MS, MS, 0), MS)
    estimate_ns, error_ns = clock.offset()
    assert abs(estimate_ns - 5_000 * MS) <= error_ns <= 3 * MS


def test_a_wall_clock_stepped_back_during_a_write_says_nothing() -> None:
    clock = StoreClock()
    clock.observe(1_000 * MS, Stored("v", 1_000 * MS, 1), 0)
    assert clock.offset() == (0, 0)


def test_planted_bounds_from_the_answer_alone_would_be_wrong() -> None:
    """Taking the middle of a lopsided write for the instant of it errs by half of it; the bounds say so."""
    clock = StoreClock()
    observe(clock, 0, (0, 0, 400 * MS, 0), 0)
    middle_ns = 0 - 200 * MS
    assert abs(middle_ns) > 100 * MS
    assert clock.offset() == (0, 400 * MS)
