"""What sessions had started, told from what was seen; checked against users played by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from function.contract.spec import ShardSpec
from orchestrator.merge.planned import NO_REQUESTS, Planned
from orchestrator.merge.turns import begun, untold
from tests.function.made import spec_for

STRIDE, LANE = 3, 1


def planned(turns: Sequence[int], index: np.ndarray) -> Planned:
    count = index.size
    session = np.repeat(np.arange(len(turns)), turns).astype(np.int32)
    zero, words = np.zeros(count, np.int32), tuple(f"s{number}" for number in range(len(turns)))
    return Planned(index, zero, np.zeros(count, np.int64), zero, zero, zero, session, words)


def shard(count: int) -> ShardSpec:
    """Its rows have every number but multiples of 5, say; rows used again begin well behind."""
    spec = msgspec.structs.replace(spec_for(), kind="closed_time", index_stride=STRIDE, history="received")
    return msgspec.structs.replace(spec, next_index=2 * count + 10 + LANE, index_limit=1000)


def numbers(count: int, place: int) -> int:
    return place + place // 4 + 1 if place < count else 2 * count + 10 + LANE + STRIDE * (place - count)


def played(turns: Sequence[int], users: int, sends: int, drawn: random.Random) -> list[int]:
    """Places of the rows, laid end to end, in the order in which users who are free at random start them."""
    order: list[int] = []
    nexts, begun_ = 0, 0
    talking: list[list[int] | None] = [None] * users
    while len(order) < sends:
        user = drawn.randrange(users)
        left = talking[user]
        if not left:
            length = turns[begun_ % len(turns)]
            left = talking[user] = list(range(nexts, nexts + length))
            nexts, begun_ = nexts + length, begun_ + 1
        order.append(left.pop(0))
    return order


@settings(max_examples=200, deadline=None)
@given(
    turns=st.lists(st.integers(1, 6), min_size=1, max_size=8),
    users=st.integers(1, 5),
    sends=st.integers(0, 60),
    seed=st.integers(0, 10**6),
)
def test_what_was_seen_is_planned_whatever_was_used_again(turns: list[int], users: int, sends: int, seed: int) -> None:
    count = sum(turns)
    order = played(turns, users, sends, random.Random(seed))
    index = np.array([numbers(count, place) for place in range(count)])
    seen = np.array([numbers(count, place) for place in order], np.int64)
    found = begun(planned(turns, index), shard(count), seen, 0)
    assert found.index.tolist() == sorted(seen.tolist())
    words = [found.session_words[code] for code in found.session.tolist()]
    starts = np.cumsum([0, *turns])
    for place, word in zip(sorted(order), words):
        row, times = place % count, place // count
        number = int(np.searchsorted(starts, row, side="right")) - 1
        assert word == f"s{number}" + (f".{times}" if times else "")


def test_a_gap_in_a_session_or_in_their_order_was_started_and_what_lies_behind_was_not() -> None:
    turns = [3, 2, 4, 5]
    index = np.arange(sum(turns))
    found = begun(planned(turns, index), shard(sum(turns)), np.array([1, 7]), 0)
    assert found.index.tolist() == [0, 1, 3, 5, 6, 7]
    counted = begun(planned(turns, index), shard(sum(turns)), np.array([1, 7]), 8)
    assert counted.index.tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_foreign_numbers_and_nothing_at_all() -> None:
    index = np.arange(0, 20, 2)
    one = planned([4, 6], index)
    assert begun(one, shard(10), np.array([3, 5, 32, 1003, 10**12]), 0).index.tolist() == []
    assert begun(one, shard(10), np.empty(0, np.int64), 0).index.tolist() == []
    assert begun(NO_REQUESTS, shard(10), np.array([3]), 5) is NO_REQUESTS


def test_without_the_sessions_names_only_what_was_seen_was_started() -> None:
    one = planned([10], np.arange(10))
    nameless = Planned(one.index, one.stage, one.scheduled_ns, one.stage, one.stage, one.stage, one.stage - 1, ())
    assert begun(nameless, shard(10), np.array([2, 7]), 0).index.tolist() == [2, 7]
    assert begun(nameless, shard(10), np.array([2, 7]), 4).index.tolist() == [0, 1, 2, 7]


def test_a_damaged_part_is_what_the_others_leave() -> None:
    own = np.array([2, 3, 7, 8, 9])
    (only,) = untold(own, [5], [np.array([8])])
    assert only.tolist() == own.tolist()
    first, second = untold(own, [2, 3], [np.array([9, 40]), np.array([3])])
    assert first.tolist() == [2, 9] and second.tolist() == [3, 7, 8]
