from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.datasets.exchanges import exchanges, received, recorded
from orchestrator.datasets.turns import Turn, Unfit

S, U, A = "system", "user", "assistant"


def turns(*said: tuple[str, str]) -> list[Turn]:
    return [Turn(role, text) for role, text in said]


def cut(*said: tuple[str, str]) -> list[tuple[list[str], list[str]]]:
    return [([text for _, text in one.asked], [text for _, text in one.answer]) for one in exchanges(turns(*said))]


def reason(*said: tuple[str, str]) -> str:
    with pytest.raises(Unfit) as caught:
        exchanges(turns(*said))
    return caught.value.reason


def test_every_user_turn_is_an_exchange_with_the_answer_that_followed() -> None:
    found = cut((S, "rules"), (U, "one"), (A, "first"), (U, "two"), (A, "second"), (U, "three"))
    assert found == [(["rules", "one"], ["first"]), (["two"], ["second"]), (["three"], [])]


def test_what_comes_together_is_asked_together() -> None:
    assert cut((U, "one"), (U, "and"), (A, "a"), (A, "b"), (S, "new rules"), (U, "two")) == [
        (["one", "and"], ["a", "b"]),
        (["new rules", "two"], []),
    ]


def test_what_a_model_said_first_is_part_of_what_is_asked() -> None:
    assert cut((A, "hello"), (U, "one"), (A, "first")) == [(["hello", "one"], ["first"])]


def test_where_the_user_says_nothing_more_the_session_is_over() -> None:
    assert cut((U, "one"), (A, "a"), (U, " "), (A, "b"), (U, "three")) == [(["one"], ["a"])]
    assert cut((U, "one"), (A, "a"), (S, "only rules")) == [(["one"], ["a"])]


def test_what_cannot_be_played() -> None:
    assert reason() == reason((A, "x")) == reason((S, "x")) == "no_user_turn"
    assert reason((U, ""), (A, "x"), (U, "y")) == "empty_prompt"
    assert reason((U, "x"), ("tool", "42"), (A, "y")) == "tool_turn"
    assert reason((U, "x"), (A, "\ud800")) == "not_unicode"


def test_an_answer_of_several_messages_is_as_long_as_all_of_them_and_an_empty_one_has_no_length() -> None:
    first, second = received(exchanges(turns((U, "1"), (A, "a"), (A, "b"), (U, "2"), (A, ""))))
    assert (first.answer, second.answer) == ("a\n\nb", None)


MESSAGES = st.lists(
    st.tuples(st.sampled_from([S, U, A, "developer"]), st.sampled_from(["", " ", "text", "more"])), max_size=30
)


@settings(max_examples=300, deadline=None)
@given(said=MESSAGES)
def test_laid_end_to_end_they_are_the_conversation(said: list[tuple[str, str]]) -> None:
    try:
        found = exchanges(turns(*said))
    except Unfit:
        return
    whole = [message for one in found for message in (*one.asked, *one.answer)]
    assert whole == turns(*said)[: len(whole)]
    assert all(any(role == U and text.strip() for role, text in one.asked) for one in found)
    assert all(one.answer for one in found[:-1]) and all(role == A for one in found for role, _ in one.answer)
    assert [message for entry in recorded(found) for message in entry.messages] == [
        *whole[: len(whole) - len(found[-1].answer)]
    ]
    for (one, _), entry in zip(pairwise([*found, found[-1]]), received(found)):
        assert entry.messages == one.asked
