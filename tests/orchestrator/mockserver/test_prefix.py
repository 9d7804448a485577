"""The prefix cache counts common beginnings in whole blocks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mockserver.prefix import PrefixCache

prompts = st.lists(st.sampled_from("ab"), max_size=30)


def test_a_repeated_prompt_hits_all_but_its_last_word() -> None:
    cache = PrefixCache(block_words=4, blocks=100)
    words = [str(k) for k in range(8)]
    assert [cache.take(words), cache.take(words), cache.take([*words, "x"])] == [0, 7, 8]


def test_a_common_middle_is_no_hit() -> None:
    cache = PrefixCache(block_words=2, blocks=100)
    cache.take(["a", "b", "c", "d"])
    assert cache.take(["x", "y", "c", "d"]) == 0
    assert cache.take(["a", "b", "x", "y"]) == 2


def test_a_full_cache_forgets_the_oldest_and_ends_before_beginnings() -> None:
    cache = PrefixCache(block_words=1, blocks=3)
    cache.take(["a", "b", "c"])
    cache.take(["z"])
    assert cache.take(["a", "b", "c", "d"]) == 2


@given(st.lists(prompts, max_size=8), prompts)
def test_hits_are_the_longest_common_beginning_seen(earlier: list[list[str]], words: list[str]) -> None:
    size = 3
    cache = PrefixCache(block_words=size, blocks=1000)
    for other in earlier:
        cache.take(other)
    common = max((_common(other, words) for other in earlier), default=0) // size * size
    assert cache.take(words) == min(common, max(0, len(words) - 1))


def _common(one: list[str], other: list[str]) -> int:
    length = min(len(one), len(other)) // 3 * 3
    while one[:length] != other[:length]:
        length -= 3
    return length
