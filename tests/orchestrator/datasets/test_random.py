from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Plain
from tokenizers import models, pre_tokenizers, trainers

from orchestrator.config.distribution import Distribution
from orchestrator.datasets.random import PLACES, Random
from orchestrator.datasets.tokens import Tokenizer, open_tokenizer
from tests.orchestrator.datasets.drawn import ask, prompts
from tests.orchestrator.plan.planned import TOKENIZER

FEW = list(range(40))


def characters() -> Tokenizer:
    """Every character is a token: no word is one."""
    letters = {letter: index for index, letter in enumerate("abcdefghijklmnopqrstuvwxyz ")}
    return Tokenizer(Plain(models.BPE(vocab=letters, merges=[])))


def pairs() -> Tokenizer:
    """Byte-level pairs, trained on too little to have words."""
    plain = Plain(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    plain.train_from_iterator(
        ["the cat sat on the mat"] * 9, trainers.BpeTrainer(vocab_size=264, initial_alphabet=alphabet)
    )
    return Tokenizer(plain)


@cache
def real() -> Tokenizer:
    return open_tokenizer(TOKENIZER)


def made(tokenizer: Any = None, prompt: Any = None, output: Any = None, seed: int = 7) -> Random:
    prompt = prompt or {"min": 1, "max": 400, "mean": 200, "std_dev": 150}
    return Random(
        Distribution(**prompt), Distribution(**(output or {"type": "fixed", "mean": 9})), seed, tokenizer or real()
    )


@pytest.mark.parametrize("tokenizer", [real, characters, pairs])
def test_whole_prompts_count_exactly_what_was_asked(tokenizer: Any) -> None:
    counter = tokenizer()
    one = made(counter)
    drawn = one.draw(np.array(FEW, dtype=np.int64))
    said = prompts(one, FEW)
    assert counter.count(said).tolist() == drawn.prompt_tokens.tolist()
    assert len(set(drawn.prompt_tokens.tolist())) > 20 and len(set(said)) == len(FEW)
    assert bool(one.notes) == (tokenizer is not real)


def test_long_prompts_are_exact_and_two_pieces() -> None:
    one = made(prompt={"type": "fixed", "mean": 20_000})
    drawn = one.draw(np.arange(2))
    assert real().count(prompts(one, [0, 1])).tolist() == [20_000, 20_000]
    assert np.diff(drawn.offsets).tolist() == [2, 2] and set(drawn.prompt_tokens.tolist()) == {20_000}


def test_a_prompt_of_one_token_is_one_word_as_the_user() -> None:
    one = made(prompt={"type": "fixed", "mean": 1})
    [[(role, text)]] = ask(one, [3])
    assert role == "user" and text.isalpha() and real().count([text]).tolist() == [1]


def test_no_two_prompts_share_a_beginning_that_a_cache_could_keep() -> None:
    one = made(prompt={"type": "fixed", "mean": 40})
    ks = [*range(300), *range(PLACES, PLACES + 300), *range(10 * PLACES, 10 * PLACES + 300)]
    beginnings = {" ".join(text.split()[:16]) for text in prompts(one, ks)}
    assert len(beginnings) == len(ks)


def test_short_prompts_differ_as_far_as_they_can() -> None:
    said = prompts(made(prompt={"type": "fixed", "mean": 2}), range(600))
    assert len(set(said)) == 600


def test_another_seed_asks_other_prompts() -> None:
    assert not set(prompts(made(seed=7), FEW)) & set(prompts(made(seed=8), FEW))


def test_output_lengths_follow_their_own_distribution() -> None:
    drawn = made(output={"type": "uniform", "min": 5, "max": 8}).draw(np.arange(200))
    assert set(drawn.output_tokens.tolist()) == {5, 6, 7, 8}


def test_a_tokenizer_that_breaks_its_own_words_is_noticed_by_the_sample() -> None:
    class Sly(Tokenizer):
        """Counts a longer text as one more than its words."""

        def count(self, texts: Any) -> Any:
            counts = super().count(texts)
            return counts + (counts > 3)

    sly = Sly(Plain.from_file(TOKENIZER))
    one = made(sly, prompt={"min": 50, "max": 90, "mean": 70})
    drawn = one.draw(np.arange(20))
    assert one.notes and sly.count(prompts(one, range(20))).tolist() == drawn.prompt_tokens.tolist()
    assert (drawn.prompt_tokens >= 50).all()


@settings(max_examples=25, deadline=None)
@given(ks=st.lists(st.integers(0, 10**8), min_size=1, max_size=12, unique=True), cut=st.integers(0, 12))
def test_draws_do_not_depend_on_how_ks_are_batched(ks: list[int], cut: int) -> None:
    one = _kept()
    ks = sorted(ks)
    parts = [part for part in (ks[:cut], ks[cut:]) if part]
    assert [said for part in parts for said in ask(one, part)] == ask(one, ks)


@cache
def _kept() -> Random:
    return made()
