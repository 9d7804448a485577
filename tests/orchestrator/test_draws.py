from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.draws import Stream, at, new_seed, unit


@settings(deadline=None)
@given(start=st.integers(0, 10_000), count=st.integers(0, 300))
def test_any_block_of_a_stream_can_be_drawn_alone(start: int, count: int) -> None:
    whole = Stream(7, "x").words(0, start + count)
    assert np.array_equal(Stream(7, "x").words(start, count), whole[start:])


def test_words_are_pinned() -> None:
    assert Stream(7, "gaps/0").words(5, 2).tolist() == [8335004493735730173, 5376165477510163756]


def test_streams_of_other_names_and_seeds_share_nothing() -> None:
    drawn = [Stream(*key).words(0, 1000).tolist() for key in ((1, "a"), (1, "b"), (2, "a"), (12, "a"))]
    assert len({word for words in drawn for word in words}) == 4000


def test_uniforms_stay_inside_both_ends() -> None:
    extremes = unit(np.array([0, 2**64 - 1], dtype=np.uint64))
    assert extremes[0] > 0.0 and extremes[1] < 1.0


def test_below_is_even_and_never_reaches_its_limit() -> None:
    counts = np.bincount(Stream(3, "b").below(10, 0, 100_000), minlength=10)
    assert counts.size == 10 and abs(counts - 10_000).max() < 500  # 5 standard deviations are 474


@settings(deadline=None)
@given(ks=st.lists(st.integers(0, 1 << 40), max_size=30))
def test_a_k_draws_the_same_however_it_is_asked(ks: list[int]) -> None:
    stream = Stream(9, "at")
    together = at(stream, np.array(sorted(ks), dtype=np.int64)).tolist()
    assert together == [float(stream.uniforms(k, 1)[0]) for k in sorted(ks)]


def test_new_seeds_differ_and_survive_a_json_reader_with_doubles() -> None:
    seeds = {new_seed() for _ in range(100)}
    assert len(seeds) == 100 and all(0 <= seed < 2**53 for seed in seeds)
