from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.datasets.entry import Entry, Use
from orchestrator.datasets.sessions import Sessions
from orchestrator.datasets.turns import Turn
from tests.orchestrator.datasets.drawn import ask, messages

COUNTS = st.lists(st.integers(1, 6), min_size=1, max_size=8)


def as_it_is(entries: Sequence[Entry]) -> Sequence[Entry]:
    return entries


def talk(number: int, turns: int, tokens: int = -1) -> tuple[Entry, ...]:
    system = (Turn("system", f"rules {number}"),)
    return tuple(
        Entry((*(system if turn == 0 else ()), Turn("user", f"{number}.{turn}")), None, turn + 1, tokens)
        for turn in range(turns)
    )


def made(counts: Sequence[int], recorded: bool = False, tokens: int = -1, **use: Any) -> Sessions:
    talks = [talk(number, turns, tokens) for number, turns in enumerate(counts)]
    return Sessions(talks, Use(**{"seed": 7, "chat": True, "unique": False, **use}), as_it_is, recorded)


def places(one: Sessions, ks: Sequence[int]) -> list[tuple[int, int, int]]:
    """(session, talk, turn) of each k, from what is drawn."""
    drawn = one.draw(np.array(ks, dtype=np.int64))
    assert drawn.session is not None
    spoken = [said[-1][1].split()[-1].split(".") for said in messages(one, drawn)]
    return [(session, int(number), int(turn)) for session, (number, turn) in zip(drawn.session.tolist(), spoken)]


@settings(max_examples=80, deadline=None)
@given(counts=COUNTS, start=st.integers(0, 10**6), length=st.integers(1, 60))
def test_sessions_are_laid_end_to_end_and_every_talk_is_played_before_any_is_again(
    counts: list[int], start: int, length: int
) -> None:
    one = made(counts)
    total = sum(counts)
    start = start // total * total
    found = places(one, range(start, start + max(length, total)))
    for (session, number, turn), (later, other, following) in pairwise(found):
        if later == session:
            assert (other, following) == (number, turn + 1)
        else:
            assert later == session + 1 and turn == counts[number] - 1 and following == 0
    assert Counter(number for _, number, _ in found[:total]) == Counter(dict(enumerate(counts)))
    assert found[0][2] == 0 and found[0][0] == start // total * len(counts)


@settings(max_examples=80, deadline=None)
@given(counts=COUNTS, k=st.integers(0, 10**7))
def test_the_opening_is_the_first_turn_from_there_on(counts: list[int], k: int) -> None:
    one = made(counts)
    opening = one.opening(k)
    found = places(one, range(k, opening + 1))
    assert found[-1][2] == 0 and all(turn > 0 for _, _, turn in found[:-1])


@settings(max_examples=40, deadline=None)
@given(counts=COUNTS, ks=st.lists(st.integers(0, 10**7), min_size=1, max_size=20, unique=True), at=st.integers(0, 20))
def test_draws_do_not_depend_on_how_ks_are_batched(counts: list[int], ks: list[int], at: int) -> None:
    one, ks = made(counts, unique=True), sorted(ks)
    parts = [part for part in (ks[:at], ks[at:]) if part]
    assert [said for part in parts for said in ask(one, part)] == ask(one, ks)
    assert [place for part in parts for place in places(one, part)] == places(one, ks)


def test_a_session_played_again_is_led_by_its_number_once() -> None:
    one = made([2, 1], unique=True)
    said = ask(one, range(6))
    assert [len(each) for each in said[:3]].count(2) == 2
    assert not any(text[0].isdigit() and " " in text for each in said[:3] for _, text in each)
    again = sorted(text for each in said[3:] for _, text in each)
    assert [text for text in again if "rules" in text] == ["0002 0000 rules 0", "0003 0000 rules 1"] or [
        text for text in again if "rules" in text
    ] == ["0002 0000 rules 1", "0003 0000 rules 0"]
    assert "0.1" in again and sum("0000" in text for text in again) == 2


def test_only_whole_sessions_below_the_limit_are_packed_and_a_little_more() -> None:
    one = made([3] * 100, limit=10)
    assert ask(one, range(10)) == ask(made([3] * 100), range(10))
    assert one.opening(10) == 12 and len(ask(one, range(12, 13))) == 1
    with pytest.raises(ValueError, match="limit"):
        ask(one, [13 + 3])


def test_whole_prompts_are_counted_where_the_answers_are_known() -> None:
    ks = np.arange(3)
    assert made([3], recorded=True, tokens=5).draw(ks).prompt_tokens.tolist() == [5, 10, 15]
    assert made([3], recorded=False, tokens=5).draw(ks).prompt_tokens.tolist() == [-1, -1, -1]
    assert made([3], recorded=True).draw(ks).prompt_tokens.tolist() == [-1, -1, -1]


def test_on_completions_a_joint_stands_before_all_messages_but_the_first() -> None:
    said = ask(made([2], chat=False), range(2))
    assert said == [[("system", "rules 0"), ("user", "\n\n0.0")], [("user", "\n\n0.1")]]
