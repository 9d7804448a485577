from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from function.ceiling import WINDOW_S, Ceiling

WINDOW_NS = int(WINDOW_S * 1e9)


@given(st.integers(1, 20), st.lists(st.integers(0, WINDOW_NS // 2), max_size=200))
def test_no_window_ever_holds_too_many(most: int, gaps: list[int]) -> None:
    ceiling, now_ns, allowed = Ceiling(most), 0, []
    for gap in gaps:
        now_ns += gap
        if ceiling.allows(now_ns):
            allowed.append(now_ns)
    step = WINDOW_NS // 20
    for first in allowed:
        assert sum(first <= one < first + WINDOW_NS - step for one in allowed) <= most


@given(st.integers(1, 50))
def test_a_steady_rate_below_it_is_never_stopped(per_window: int) -> None:
    ceiling = Ceiling(per_window + per_window // 10 + 1)
    assert all(ceiling.allows(number * WINDOW_NS // per_window) for number in range(8 * per_window))


def test_one_too_many_is_not_counted_and_the_window_empties() -> None:
    ceiling = Ceiling(2)
    assert [ceiling.allows(0) for _ in range(4)] == [True, True, False, False]
    assert ceiling.allows(WINDOW_NS)
