from __future__ import annotations

from typing import Any

import pytest

from orchestrator.datasets.turns import Turn, Unfit, text_of, turn


@pytest.mark.parametrize(
    ("said", "role"),
    [(word, "user") for word in ("human", "user", "User", "prompter", " HUMAN ")]
    + [(word, "assistant") for word in ("gpt", "assistant", "bot", "chatgpt", "model", "Assistant")]
    + [("system", "system"), ("developer", "developer"), ("observation", "tool")],
)
def test_every_spelling_of_a_role_is_read(said: str, role: str) -> None:
    assert turn({"from": said, "value": "x"}) == Turn(role, "x")


@pytest.mark.parametrize(
    "value",
    [{"from": "human", "value": "x"}, {"role": "user", "content": "x"}, {"speaker": "human", "text": "x"}],
)
def test_every_pair_of_keys_is_read(value: dict[str, str]) -> None:
    assert turn(value) == Turn("user", "x")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("text", "malformed"),
        (None, "malformed"),
        (7, "malformed"),
        ({}, "malformed"),
        ({"value": "x"}, "malformed"),
        ({"from": "human"}, "malformed"),
        ({"from": 3, "value": "x"}, "malformed"),
        ({"from": "human", "value": 7}, "malformed"),
        ({"from": "narrator", "value": "x"}, "unknown_role"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, "not_text"),
    ],
)
def test_what_cannot_be_read_says_why(value: Any, reason: str) -> None:
    with pytest.raises(Unfit) as unfit:
        turn(value)
    assert unfit.value.reason == reason


def test_text_is_text_null_is_none_and_parts_are_joined() -> None:
    assert (text_of("a"), text_of(None)) == ("a", "")
    assert text_of([{"type": "text", "text": "a"}, "b"]) == "ab"
