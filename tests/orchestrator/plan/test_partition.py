from __future__ import annotations

import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from function.contract.plan import SlicePlan
from orchestrator.plan.partition import lanes_of, partition, share
from orchestrator.plan.phases import Phase


def phase(slice_rows: tuple[int, ...], first_k: int = 0, block: int | None = None, users: int | None = None) -> Phase:
    slices = tuple(SlicePlan(index, index, index + 1) for index in range(len(slice_rows)))
    kind = "open" if users is None else "closed_time"
    steps = slice_rows if block is None else (block,) * len(slice_rows)
    first_ks = tuple(first_k + sum(steps[:index]) for index in range(len(steps)))
    return Phase(0, kind, (0,), slices, 0.0, first_ks, sum(slice_rows), slice_rows, (0,), None, users, block)


def owners(one: Phase, lanes: int) -> dict[int, list[tuple[int, int]]]:
    """k -> the (lane, slice) that own it."""
    found: dict[int, list[tuple[int, int]]] = {}
    for part in partition(one, lanes):
        for row in range(part.first, part.stop, part.step):
            found.setdefault(one.first_ks[part.slice] + row, []).append((part.lane, part.slice))
    return found


@settings(deadline=None)
@given(rows=st.lists(st.integers(0, 40), min_size=1, max_size=6), first_k=st.integers(0, 50), lanes=st.integers(1, 12))
def test_every_k_has_one_owner_and_its_lane_is_k_mod_n(rows: list[int], first_k: int, lanes: int) -> None:
    one = phase(tuple(rows), first_k)
    found = owners(one, lanes)
    assert sorted(found) == list(range(first_k, first_k + sum(rows)))
    assert all(len(who) == 1 and who[0][0] == k % lanes for k, who in found.items())
    edges = np.cumsum([first_k, *rows])
    assert all(edges[who[0][1]] <= k < edges[who[0][1] + 1] for k, who in found.items())


def test_every_lane_of_every_slice_is_a_shard_also_without_rows() -> None:
    shares = list(partition(phase((3, 0, 1)), 4))
    assert [(part.slice, part.lane) for part in shares] == [(s, lane) for s in range(3) for lane in range(4)]
    assert [part.rows for part in shares] == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]


def test_slices_of_a_closed_loop_by_time_own_blocks_that_do_not_touch() -> None:
    one = phase((6, 6), first_k=5, block=100, users=3)
    assert sorted(owners(one, 3)) == [*range(5, 11), *range(105, 111)]
    assert one.past_k == 205


@settings(deadline=None)
@given(total=st.integers(0, 5000), lanes=st.integers(1, 60))
def test_shares_add_up_and_differ_by_one_at_most(total: int, lanes: int) -> None:
    shares = [share(total, lane, lanes) for lane in range(lanes)]
    assert sum(shares) == total and max(shares) - min(shares) <= 1


def test_fewer_users_than_lanes_leave_lanes_out() -> None:
    assert lanes_of(phase((9,), users=3), 7) == 3
    assert lanes_of(phase((9,)), 7) == 7


def test_ten_million_arrivals_make_2500_shards_in_under_a_second() -> None:
    one = phase((1_000_000,) * 10)
    started = time.perf_counter()
    shares = list(partition(one, 250))
    assert time.perf_counter() - started < 1.0  # measured: 0.005 s
    assert len(shares) == 2500 and sum(part.rows for part in shares) == 10_000_000
