from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from function.contract.errors import UsageError
from orchestrator.datasets.sharegpt import ShareGPT, entries_of, entry_of
from orchestrator.datasets.turns import Turn, Unfit
from tests.orchestrator.datasets.drawn import Words, ask, config, write

USER, BOT = {"from": "human", "value": "Name a river."}, {"from": "gpt", "value": "The Mekong."}
PLAIN = {"conversations": [USER, BOT]}
MIXED: list[Any] = [  # every role spelling, empty turns, strings for turns: shapes that real files have
    PLAIN,
    {"conversations": [{"from": "system", "value": "One word."}, {"from": "human", "value": "Capital?"}, BOT]},
    {"conversations": [{"from": "user", "value": "Two plus three?"}, {"from": "assistant", "value": "Five."}]},
    {"conversations": [BOT, {"from": "human", "value": "What is a kelp forest?"}, {"from": "gpt", "value": "Sea."}]},
    {"conversations": [{"from": "human", "value": ""}, BOT]},
    {"conversations": [{"from": "human", "value": None}, BOT]},
    {"conversations": []},
    {"conversations": ["not an object", USER]},
    {"messages": [{"role": "user", "content": "Boiling point?"}, {"role": "assistant", "content": "100 C."}]},
]


def opened(path: str, counter: Any = None, api: str = "chat", limit: int | None = None, **data: Any) -> ShareGPT:
    return ShareGPT(config({"type": "shareGPT", "path": path, **data}, api), 7, counter, limit)


def test_usable_and_skipped_entries_are_told_apart_and_counted(tmp_path: Path) -> None:
    found = opened(write(tmp_path / "c.json", MIXED))
    assert found.usable == 5
    assert found.skipped == [("empty_prompt", 2), ("malformed", 1), ("no_turns", 1)]
    said = ask(found, range(5))
    assert [("system", "One word."), ("user", "Capital?")] in said
    assert [("user", "What is a kelp forest?")] in said
    assert all(text not in ("The Mekong.", "Hello") for each in said for _, text in each)


@pytest.mark.parametrize("key", ["conversations", "conversation", "messages", "items"])
def test_turns_stand_under_any_of_their_names(key: str) -> None:
    assert entry_of({key: [USER, BOT]}).answer == "The Mekong."


def test_an_entry_may_be_its_turns_or_bring_a_system_prompt() -> None:
    assert entry_of([USER, BOT]).messages == (Turn("user", "Name a river."),)
    assert entry_of({**PLAIN, "system": "Be brief."}).messages[0] == Turn("system", "Be brief.")


@pytest.mark.parametrize(
    ("conversation", "reason"),
    [
        ("text", "malformed"),
        (None, "malformed"),
        ({"conversations": "text"}, "malformed"),
        ({"id": 1}, "no_turns"),
        ({"conversations": None}, "no_turns"),
        ({"conversations": [BOT]}, "no_user_turn"),
        ({"conversations": [{"from": "human", "value": " \n"}, BOT]}, "empty_prompt"),
        ({"conversations": [{"from": "narrator", "value": "x"}, USER]}, "unknown_role"),
        ({"conversations": [{"from": "human", "value": "a\ud83d"}]}, "not_unicode"),
    ],
)
def test_what_cannot_be_asked_says_why(conversation: Any, reason: str) -> None:
    with pytest.raises(Unfit) as unfit:
        entry_of(conversation)
    assert unfit.value.reason == reason


def test_only_the_turn_that_answers_gives_the_length() -> None:
    later = {"conversations": [USER, {"from": "human", "value": "And?"}, BOT]}
    assert entry_of(later).answer is None and entry_of({"conversations": [USER]}).answer is None


def test_lengths_are_counted_with_a_tokenizer(tmp_path: Path) -> None:
    drawn = opened(write(tmp_path / "c.json", [PLAIN]), Words()).draw(np.arange(1))
    assert (drawn.prompt_tokens.tolist(), drawn.output_tokens.tolist()) == ([3], [2])


def test_lengths_are_estimated_without_one_and_that_is_noted(tmp_path: Path) -> None:
    found = opened(write(tmp_path / "c.json", [PLAIN]))
    drawn = found.draw(np.arange(1))
    assert (drawn.prompt_tokens.tolist(), drawn.output_tokens.tolist()) == ([-1], [3])
    assert [note.split(":")[0] for note in found.notes] == ["no tokenizer"]


def test_a_conversation_without_an_answer_asks_the_mean_or_128_and_that_is_noted(tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", [PLAIN, {"conversations": [{"from": "human", "value": "Hm?"}]}])
    found = opened(path, Words())
    assert sorted(found.draw(np.arange(2)).output_tokens.tolist()) == [2, 128]
    assert found.notes == ["1 of 2 conversations have no answer: 128 output tokens are asked for these"]
    asked = opened(path, Words(), output_distribution={"min": 1, "max": 99, "mean": 50})
    assert sorted(asked.draw(np.arange(2)).output_tokens.tolist()) == [2, 50]


def test_bounds_filter_and_what_they_skip_is_counted(tmp_path: Path) -> None:
    long = {"conversations": [{"from": "human", "value": "w " * 50}, {"from": "gpt", "value": "x " * 9}]}
    path = write(tmp_path / "c.json", [PLAIN, long])
    found = opened(path, Words(), input_distribution={"min": 1, "max": 10, "mean": 5})
    assert (found.usable, found.skipped) == (1, [("prompt_too_long", 1)])
    found = opened(path, Words(), output_distribution={"min": 5, "max": 10, "mean": 7})
    assert (found.usable, found.skipped) == (1, [("output_too_short", 1)])


def test_completions_ask_the_texts_joined(tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", MIXED[1:2])
    assert ask(opened(path, api="completion"), [0]) == [[("user", "One word.\n\nCapital?")]]


def test_a_folder_is_read_file_by_file_and_lines_are_read_as_lines(tmp_path: Path) -> None:
    write(tmp_path / "a.json", [PLAIN])
    write(tmp_path / "b.jsonl", '\ufeff{"conversations": [{"from": "human", "value": "B?"}]}\r\n\r\n[]')
    write(tmp_path / "ignored.txt", "nothing")
    found = opened(str(tmp_path))
    assert (found.usable, found.skipped) == (2, [("no_turns", 1)])


@pytest.mark.parametrize("wrapped", [{"data": [PLAIN]}, PLAIN])
def test_a_list_may_be_wrapped_or_single(tmp_path: Path, wrapped: Any) -> None:
    assert opened(write(tmp_path / "c.json", wrapped)).usable == 1


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ('[\n{"conversations": [}]', "data_malformed", "c.json, line 2, column 20"),
        ('"text"', "data_malformed", "not a list of conversations"),
        ("[]", "data_empty", "it holds none"),
        ('[{"conversations": []}, 3]', "data_empty", "1 malformed, 1 no_turns"),
        (b"[\xff]", "data_malformed", "line 1, column 2"),
    ],
)
def test_a_file_without_conversations_is_refused_at_its_key(tmp_path: Path, body: Any, code: str, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        opened(write(tmp_path / "c.json", body))
    assert (refused.value.code, refused.value.path) == (code, "data.path") and words in refused.value.message


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no \.json"):
        opened(str(tmp_path))


def test_entries_and_reasons_add_up() -> None:
    entries, tally = entries_of(MIXED)
    assert len(entries) + sum(tally.values()) == len(MIXED)
