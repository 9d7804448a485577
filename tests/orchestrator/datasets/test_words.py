from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from orchestrator.datasets.tokens import open_tokenizer
from orchestrator.datasets.words import FEWEST, invented, single_tokens
from tests.orchestrator.plan.planned import TOKENIZER


class Vocabulary:
    """Every word is a token, but those that begin with x are two."""

    def __init__(self, words: list[str]) -> None:
        self._words = words

    def words(self) -> list[str]:
        return self._words

    def count(self, texts: Sequence[str]) -> Any:
        return np.array([sum(1 + word.startswith("x") for word in text.split()) for text in texts])


def test_words_are_one_token_at_the_start_and_behind_a_space() -> None:
    tokenizer = open_tokenizer(TOKENIZER)
    words = single_tokens(tokenizer)
    assert len(words) >= FEWEST and len(set(words)) == len(words)
    assert set(tokenizer.count(words).tolist()) == {1}
    assert tokenizer.count([" ".join(words)]).tolist() == [len(words)]


def test_words_of_more_tokens_are_left_out() -> None:
    good = [f"good{index}" for index in range(FEWEST)]
    assert single_tokens(Vocabulary(["xtra", *good])) == good


def test_too_few_are_none() -> None:
    assert single_tokens(Vocabulary([f"good{index}" for index in range(FEWEST - 1)])) == []


def test_invented_words_are_many_and_all_different() -> None:
    words = invented()
    assert len(set(words)) == len(words) >= 255 and all(word.isascii() and word.isalpha() for word in words)
