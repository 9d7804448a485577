from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.datasets import packing
from orchestrator.datasets.corpus import Corpus
from orchestrator.datasets.entry import Entry, Use
from orchestrator.datasets.turns import Turn
from tests.orchestrator.datasets.drawn import ask, messages, prompts


def as_it_is(entries: Sequence[Entry]) -> Sequence[Entry]:
    return entries


def made(texts: Sequence[str], chat: bool = True, seed: int = 7, **more: Any) -> Corpus:
    entries = [Entry((Turn("user", text),), output_tokens=index) for index, text in enumerate(texts)]
    return Corpus(entries, Use(seed, chat, **more), as_it_is)


FIVE = ["alpha", "beta", "gamma", "delta", "epsilon"]


def test_every_entry_is_asked_once_before_any_is_asked_again() -> None:
    one = made(FIVE, unique=False)
    for start in (0, 5, 500, 5_000_000):
        assert Counter(prompts(one, range(start, start + 5))) == Counter(FIVE)
    orders = {tuple(prompts(one, range(start, start + 5))) for start in range(0, 200, 5)}
    assert len(orders) > 20  # of 120: each pass has an order of its own


def test_an_entry_asked_again_is_led_by_its_number() -> None:
    said = prompts(made(FIVE), range(12))
    assert set(said[:5]) == set(FIVE)
    assert all(text.startswith(f"{k:04d} 0000 ") and text[10:] in FIVE for k, text in enumerate(said) if k >= 5)
    assert len(set(said)) == 12


def test_entries_of_the_same_words_are_led_from_the_second_on() -> None:
    said = prompts(made(["same", "same", "other"]), range(3))
    assert len(set(said)) == 3 and sorted(text[-4:] for text in said) == ["same", "same", "ther"]
    assert sorted(prompts(made(["same", "same"], unique=False), range(2))) == ["same", "same"]


def test_the_lead_stands_in_the_first_message() -> None:
    entry = Entry((Turn("system", "Be brief."), Turn("user", "Why?")))
    one = Corpus([entry], Use(7, chat=True), as_it_is)
    assert ask(one, [0, 3]) == [
        [("system", "Be brief."), ("user", "Why?")],
        [("system", "0003 0000 Be brief."), ("user", "Why?")],
    ]


def test_on_completions_the_messages_are_one_prompt() -> None:
    entry = Entry((Turn("system", "Be brief."), Turn("user", "Why?")))
    assert ask(Corpus([entry], Use(7, chat=False), as_it_is), [0]) == [[("user", "Be brief.\n\nWhy?")]]


def test_texts_are_escaped_and_read_back() -> None:
    odd = 'line\nbreak "quoted" \\ tab\t \u2028 é 😀 \x01'
    assert prompts(made([odd]), [0]) == [odd]


def test_equal_messages_are_stored_once(monkeypatch: pytest.MonkeyPatch) -> None:
    system = Turn("system", "s" * 1000)
    entries = [Entry((system, Turn("user", f"q{index}"))) for index in range(100)]
    one = Corpus(entries, Use(7, chat=True), as_it_is)
    assert sum(map(len, one.texts[:-1])) < 1000 + 100 * 4


def test_only_entries_below_the_limit_are_packed_and_measured() -> None:
    asked: list[int] = []

    def measure(entries: Sequence[Entry]) -> Sequence[Entry]:
        asked.append(len(entries))
        return entries

    texts = [f"entry {index:03d}" for index in range(200)]
    entries = [Entry((Turn("user", text),)) for text in texts]
    one = Corpus(entries, Use(7, chat=True, limit=10), measure)
    assert asked == [10] and len(one.texts[0]) == 10 * len("entry 000")
    assert prompts(one, range(10)) == prompts(made(texts), range(10))
    with pytest.raises(ValueError, match="limit"):
        prompts(one, [10])


def test_long_corpora_are_cut_into_texts_in_the_order_of_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "CHUNK_BYTES", 100)
    one = made([f"entry number {index:03d}" for index in range(60)])
    assert len(one.texts) == 60 * 16 // 112 + 2
    texts = one.draw(np.arange(60)).text
    assert (np.diff(texts) >= 0).all()
    assert set(prompts(one, range(60))) == {f"entry number {index:03d}" for index in range(60)}


def test_lengths_stand_in_where_an_entry_has_none_and_leads_are_counted() -> None:
    class Nine:
        def draw(self, ks: Any) -> Any:
            return np.full_like(ks, 9)

    entries = [Entry((Turn("user", "a"),), output_tokens=3, prompt_tokens=1), Entry((Turn("user", "b"),))]
    one = Corpus(entries, Use(7, chat=True), as_it_is, Nine(), np.full(10_000, 2))
    drawn = one.draw(np.array([0, 1, 2, 3, 10**8]))
    rows = sorted(zip(drawn.output_tokens.tolist()[:2], drawn.prompt_tokens.tolist()[:2]))
    assert rows == [(3, 1), (9, -1)]
    assert sorted(zip(drawn.output_tokens.tolist()[2:4], drawn.prompt_tokens.tolist()[2:4])) == [(3, 5), (9, -1)]
    assert drawn.prompt_tokens[4] in (7, -1)  # the third group counts as well


@settings(max_examples=40, deadline=None)
@given(ks=st.lists(st.integers(0, 10**9), min_size=1, max_size=20, unique=True), cut=st.integers(0, 20))
def test_draws_do_not_depend_on_how_ks_are_batched(ks: list[int], cut: int) -> None:
    one = made(FIVE)
    ks = sorted(ks)
    whole = ask(one, ks)
    parts = [one.draw(np.array(part, dtype=np.int64)) for part in (ks[:cut], ks[cut:]) if part]
    assert [said for part in parts for said in messages(one, part)] == whole
