"""Slots never overfill, keep order, and lose nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mockserver.slots import Slots


def test_the_queue_is_served_in_order() -> None:
    slots: Slots[str] = Slots(1)
    assert [slots.enter(who) for who in "abc"] == [True, False, False]
    assert (slots.running(), slots.waiting()) == ({"a"}, 2)
    assert [slots.leave("a"), slots.leave("b"), slots.leave("c")] == ["b", "c", None]


def test_who_gives_up_waiting_frees_no_slot() -> None:
    slots: Slots[str] = Slots(1)
    for who in "abc":
        slots.enter(who)
    assert slots.leave("b") is None
    assert slots.leave("a") == "c"


@pytest.mark.parametrize("limit", [None, 1, 2, 3])
@given(moves=st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=60))
def test_books_balance(limit: int | None, moves: list[tuple[bool, int]]) -> None:
    slots: Slots[int] = Slots(limit)
    running: set[int] = set()
    waiting: list[int] = []
    for enters, who in moves:
        if enters and who not in running and who not in waiting:
            started = slots.enter(who)
            assert started == (limit is None or len(running) < limit)
            (running.add if started else waiting.append)(who)
        elif not enters:
            following = slots.leave(who)
            expected = waiting[0] if who in running and waiting else None
            assert following == expected
            if who in waiting:
                waiting.remove(who)
            running.discard(who)
            if following is not None:
                running.add(waiting.pop(0))
        assert (slots.running(), slots.waiting()) == (running, len(waiting))
