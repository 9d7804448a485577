from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.metrics.requests import MISSED, OK, Coded
from tests.emulators.tables import answered, table, tokens_at

times = st.lists(st.lists(st.integers(0, 10**9), max_size=6).map(sorted), min_size=1, max_size=20)


@given(times, st.randoms())
@settings(max_examples=100)
def test_gaps_give_back_the_absolute_times_in_any_order(each: list[list[int]], random: object) -> None:
    sent = np.zeros(len(each), np.int64)
    tokens = tokens_at(sent, each)
    order = np.array(sorted(range(len(each)), key=lambda _: random.random()))  # type: ignore[attr-defined]
    offsets, found = tokens.take(order).absolute(sent[order])
    assert [found[a:b].tolist() for a, b in itertools.pairwise(offsets)] == [each[i] for i in order]


def test_no_tokens_at_all() -> None:
    offsets, found = table(3).tokens.absolute(np.zeros(3, np.int64))
    assert offsets.tolist() == [0, 0, 0, 0]
    assert found.size == 0


def test_rows_are_chosen_by_mask_by_stage_and_by_status() -> None:
    requests = answered([0.0, 1.0, 2.0], 0.1, stage=np.array([0, 1, 1], np.int32), status=np.array([0, 3, 0], np.int8))
    assert requests.of_stage(1).request_index.tolist() == [1, 2]
    assert requests.where(np.ones(3, np.bool_)) is requests
    assert requests.ok.tolist() == [True, False, True]
    assert requests.with_status(OK, MISSED).all()


def test_prompt_tokens_are_the_servers_else_the_plans() -> None:
    requests = table(3, prompt_tokens=np.array([9, -1, -1], np.int32), planned_tokens=np.array([5, 5, -1], np.int32))
    assert requests.prompt_counts.tolist() == [9, 5, -1]


def test_lane_and_slice_come_from_the_shard() -> None:
    requests = table(3, shard_ids=("0-0-0", "0-7-3"), shard=np.array([0, 1, 1], np.int32))
    assert requests.lane.tolist() == [0, 7, 7]
    assert requests.slice.tolist() == [0, 3, 3]


def test_a_word_that_is_not_there_matches_nothing() -> None:
    kinds = Coded(np.array([0, -1], np.int32), ("late",))
    assert kinds.is_word("late").tolist() == [True, False]
    assert not kinds.is_word("dns").any()
