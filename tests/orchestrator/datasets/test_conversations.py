"""ShareGPT conversations and rows of a file, turn by turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from function.contract.errors import UsageError
from orchestrator.datasets.conversations import Conversations
from orchestrator.datasets.opening import open_dataset
from tests.orchestrator.datasets.drawn import Words, ask, write
from tests.orchestrator.plan.planned import config

CLOSED = {"type": "concurrent", "stages": [{"concurrency_level": 1, "num_requests": 9}]}


def share(*said: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"conversations": [{"from": who, "value": text} for who, text in said], **more}


LONG = share(
    ("system", "Be kind."), ("human", "one two"), ("gpt", "a b c"), ("human", "three"), ("gpt", "d"), ("human", "four")
)


def opened(path: str, counter: Any = None, api: str = "chat", **data: Any) -> Conversations:
    asked = {"type": "shareGPT", "path": path, "enable_multi_turn_chat": True, "unique": False, **data}
    made = open_dataset(config(CLOSED, data=asked, api={"type": api}), 7, None, counter)
    assert isinstance(made, Conversations)
    return made


def test_each_turn_of_a_conversation_is_a_request(tmp_path: Path) -> None:
    made = opened(write(tmp_path / "c.json", [LONG]), Words())
    assert ask(made, range(3)) == [
        [("system", "Be kind."), ("user", "one two")],
        [("user", "three")],
        [("user", "four")],
    ]
    drawn = made.draw(np.arange(3))
    assert drawn.output_tokens.tolist() == [3, 1, 128] and drawn.prompt_tokens.tolist() == [-1, -1, -1]
    assert made.usable == 1 and made.opening(1) == 3
    assert "1 conversations of 3 turns in all" in made.notes[0] and "answers that came" in made.notes[0]
    assert "1 of 3 turns have no answer: 128 output tokens" in made.notes[1]


def test_recorded_answers_come_with_the_turn_after_them(tmp_path: Path) -> None:
    made = opened(write(tmp_path / "c.json", [LONG]), Words(), disable_output_substitution=True)
    assert ask(made, range(3)) == [
        [("system", "Be kind."), ("user", "one two")],
        [("assistant", "a b c"), ("user", "three")],
        [("assistant", "d"), ("user", "four")],
    ]
    assert made.draw(np.arange(3)).prompt_tokens.tolist() == [4, 8, 10]


def test_odd_conversations_are_played_or_counted_by_reason(tmp_path: Path) -> None:
    odd = [
        share(("gpt", "I open"), ("human", "hi"), ("gpt", "yes")),
        share(("human", "q"), system="From the side."),
        share(("human", ""), ("gpt", "x"), ("human", "y")),
        share(("gpt", "only me")),
        share(),
        share(("human", "call"), ("function_call", "f()")),
        share(("human", "call"), ("gpt", "f()"), ("observation", "42"), ("gpt", "it is 42")),
        "text",
    ]
    made = opened(write(tmp_path / "c.json", odd))
    assert made.usable == 2
    assert sorted(map(str, ask(made, range(2)))) == sorted(
        map(str, ([("user", "hi")], [("system", "From the side."), ("user", "q")]))
    )
    reasons = ["empty_prompt", "malformed", "no_turns", "no_user_turn", "tool_turn", "unknown_role"]
    assert [reason for reason, _ in made.skipped] == reasons


def test_bounds_end_a_session_before_the_turn_that_is_outside(tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", [LONG, share(("human", "w " * 50), ("gpt", "x"))])
    made = opened(path, Words(), input_distribution={"min": 1, "max": 8})
    assert [said[-1][1] for said in ask(made, range(2))] == ["one two", "three"] and made.opening(1) == 2
    assert made.skipped == [("prompt_too_long", 1)]
    assert any("1 conversations end before a turn that is outside" in note for note in made.notes)
    shorter = opened(path, Words(), output_distribution={"min": 2, "max": 8})
    assert shorter.opening(1) == 1 and shorter.skipped == [("output_too_short", 1)]


def test_rows_of_a_file_are_played_and_say_how_much_to_ask(tmp_path: Path) -> None:
    talk = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b c d"},
        {"role": "user", "content": "e"},
    ]
    rows = [{"messages": talk}, {"messages": talk, "output_tokens": 9}, {"prompt": "alone"}]
    path = write(tmp_path / "c.jsonl", "\n".join(map(_json, rows)))
    made = opened(path, Words(), type="file")
    drawn = made.draw(np.arange(5))
    assert sorted(drawn.output_tokens.tolist()) == [-1, -1, 3, 9, 9]
    assert "2 of 5 turns have no answer: the model decides" in made.notes[-1]
    drawn = opened(path, Words(), type="file", output_tokens=5).draw(np.arange(5))
    assert sorted(drawn.output_tokens.tolist()) == [5, 5, 5, 9, 9]


def _json(row: Any) -> str:
    import json

    return json.dumps(row)


def test_nothing_to_play_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no usable entry") as caught:
        opened(write(tmp_path / "c.json", [share(("gpt", "x"))]))
    assert caught.value.code == "data_empty"
