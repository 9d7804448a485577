"""Bodies are read as OpenAI clients send them, and refused as vLLM refuses them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.mockserver.ask import Ask, AskError, read_chat, read_completion
from orchestrator.mockserver.config import MockConfig

CONFIG = MockConfig(max_model_len=1000)


def chat(config: MockConfig = CONFIG, **more: Any) -> Ask:
    return read_chat(json.dumps({"messages": [{"role": "user", "content": "one two"}], **more}).encode(), config)


def completion(config: MockConfig = CONFIG, **more: Any) -> Ask:
    return read_completion(json.dumps({"prompt": "one two", **more}).encode(), config)


def test_defaults_are_vllms() -> None:
    ask = chat()
    assert (ask.stream, ask.include_usage, ask.choices, ask.tokens, ask.finish) == (False, False, 1, 16, "length")
    assert ask.model == CONFIG.model
    assert ask.prompt_tokens == 2


def test_nulls_mean_absent() -> None:
    assert chat(max_tokens=None, n=None, stream=None, stream_options=None, model=None, ignore_eos=None) == chat()


def test_the_newer_limit_wins() -> None:
    assert chat(max_tokens=5, max_completion_tokens=7).tokens == 7
    assert chat(max_tokens=5).tokens == 5


def test_usage_and_model_are_taken() -> None:
    ask = chat(stream=True, stream_options={"include_usage": True}, model="llama")
    assert (ask.stream, ask.include_usage, ask.model) == (True, True, "llama")


@pytest.mark.parametrize(
    ("messages", "tokens"),
    [
        ([{"role": "user", "content": ""}], 1),
        ([{"role": "user", "content": None}], 1),
        ([{"role": "system", "content": " a  b\n"}, {"role": "user", "content": "c\td"}], 4),
        ([{"role": "user", "content": [{"type": "text", "text": "a b"}, {"type": "image_url", "image_url": {}}]}], 2),
    ],
)
def test_prompt_tokens_are_the_words_of_all_messages(messages: list[dict[str, Any]], tokens: int) -> None:
    assert chat(messages=messages).prompt_tokens == tokens


@pytest.mark.parametrize(
    ("prompt", "tokens", "choices"),
    [("a b c", 3, 2), (["a b", "c"], 3, 4), ([5, 6, 7], 3, 2), ([[5, 6], [7]], 3, 4), ("", 1, 2)],
)
def test_every_form_of_prompt(prompt: Any, tokens: int, choices: int) -> None:
    ask = completion(prompt=prompt, n=2)
    assert (ask.prompt_tokens, ask.choices) == (tokens, choices)


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 1001}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"n": 1000}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages"),
    ],
)
def test_a_bad_field_is_named(more: dict[str, Any], param: str) -> None:
    with pytest.raises(AskError) as refusal:
        chat(**more)
    assert refusal.value.param == param


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"messages": [}', b'"x"', b'{"x":' + b"[" * 100_000]
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(AskError):
        read_chat(body, CONFIG)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(AskError) as refusal:
        read_chat(b"{}", CONFIG)
    assert refusal.value.param == "messages"
    with pytest.raises(AskError) as refusal:
        read_completion(b'{"prompt": [1, "a"]}', CONFIG)
    assert refusal.value.param == "prompt"
    with pytest.raises(AskError):
        read_completion(b'{"prompt": []}', CONFIG)


def test_a_model_that_stops_by_itself() -> None:
    stopping = MockConfig(stop_after=3)
    assert (chat(stopping, max_tokens=9).tokens, chat(stopping, max_tokens=9).finish) == (3, "stop")
    assert (chat(stopping, max_tokens=2).tokens, chat(stopping, max_tokens=2).finish) == (2, "length")
    assert chat(stopping, max_tokens=9, ignore_eos=True).tokens == 9
    deaf = MockConfig(stop_after=3, honours_ignore_eos=False)
    assert chat(deaf, max_tokens=9, ignore_eos=True).tokens == 3
    assert chat(deaf, max_tokens=9, ignore_eos=True).asked_tokens == 9
