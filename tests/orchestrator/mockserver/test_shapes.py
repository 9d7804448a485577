"""Key sets equal those of captured vLLM chunks, and pieces put together say the same as the whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mockserver.ask import Ask, read_chat, read_completion
from orchestrator.mockserver.config import MockConfig
from orchestrator.mockserver.shapes import Shape, error_body, error_event, malformed_event, unauthorised_body

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "vllm_shapes.json").read_text())


def keys(value: Any) -> Any:
    """The nested key structure, in order."""
    if isinstance(value, dict):
        return [(key, keys(inner)) for key, inner in value.items()]
    return [keys(inner) for inner in value] if isinstance(value, list) else None


def ask_for(chat: bool, tokens: int, usage: bool = False, n: int = 1, config: MockConfig | None = None) -> Ask:
    body = {"max_tokens": tokens, "n": n, "model": "m", "stream": True, "stream_options": {"include_usage": usage}}
    body |= {"messages": [{"role": "user", "content": "a b c"}]} if chat else {"prompt": "a b c"}
    return (read_chat if chat else read_completion)(json.dumps(body).encode(), config or MockConfig())


def shape_of(ask: Ask, config: MockConfig | None = None, cached: int = 0) -> Shape:
    return Shape(ask, config or MockConfig(), "0123456789abcdef", 1_700_000_000, cached)


def parsed(event: bytes) -> dict[str, Any]:
    assert event.startswith(b"data: ") and event.endswith(b"\n\n") and event.count(b"\n") == 2
    value: dict[str, Any] = json.loads(event[6:])
    return value


def test_chat_chunks_have_vllms_keys() -> None:
    shape = shape_of(ask_for(True, 3, usage=True))
    assert keys(parsed(shape.opening()[0])) == keys(GOLDEN["chat_role"])
    assert keys(parsed(shape.token(1)[0])) == keys(GOLDEN["chat_token"])
    assert keys(parsed(shape.token(2)[0])) == keys(GOLDEN["chat_last"])
    assert keys(parsed(shape.closing()[0])) == keys(GOLDEN["chat_usage"])
    assert shape.closing()[1] == b"data: [DONE]\n\n"
    bare = shape_of(ask_for(True, 3))
    assert keys(parsed(bare.token(2)[0])) == keys(GOLDEN["chat_last_without_usage"])
    assert bare.closing() == [b"data: [DONE]\n\n"]
    assert keys(json.loads(bare.whole())) == keys(GOLDEN["chat_whole"])


def test_completion_chunks_have_vllms_keys() -> None:
    shape = shape_of(ask_for(False, 3, usage=True))
    assert shape.opening() == []
    assert keys(parsed(shape.token(0)[0])) == keys(GOLDEN["completion_token"])
    assert keys(parsed(shape.token(2)[0])) == keys(GOLDEN["completion_last"])
    assert keys(parsed(shape.closing()[0])) == keys(GOLDEN["completion_usage"])


def test_reasoning_has_vllms_keys() -> None:
    config = MockConfig(reasoning_tokens=2, reasoning_field="reasoning")
    shape = shape_of(ask_for(True, 4, usage=True), config)
    assert keys(parsed(shape.token(0)[0])) == keys(GOLDEN["chat_reasoning"])
    assert keys(parsed(shape.token(2)[0])) == keys(GOLDEN["chat_token"])
    usage = parsed(shape.closing()[0])
    assert keys(usage) == keys(GOLDEN["chat_usage_reasoning"])
    assert usage["usage"]["completion_tokens_details"] == {"reasoning_tokens": 2}


def test_errors_have_vllms_keys_and_openais_401_says_no_key() -> None:
    assert keys(json.loads(error_body(400, "m", "BadRequestError", "max_tokens"))) == keys(GOLDEN["bad_request"])
    assert keys(parsed(error_event(500, "m"))) == keys(GOLDEN["bad_request"])
    assert json.loads(unauthorised_body(given=True))["error"]["code"] == "invalid_api_key"
    assert json.loads(unauthorised_body(given=False))["error"]["code"] is None


def test_a_malformed_event_is_no_json() -> None:
    with pytest.raises(ValueError, match="Invalid control character"):
        parsed(malformed_event("chatcmpl-1"))


def test_cached_tokens_are_told_when_there_is_a_cache() -> None:
    config = MockConfig(prefix_cache=True)
    shape = shape_of(ask_for(True, 2, usage=True), config, cached=1)
    assert parsed(shape.closing()[0])["usage"]["prompt_tokens_details"] == {"cached_tokens": 1}
    assert json.loads(shape.whole())["usage"]["prompt_tokens_details"] == {"cached_tokens": 1}


modes = st.sampled_from(
    [
        MockConfig(),
        MockConfig(reasoning_tokens=3),
        MockConfig(reasoning_tokens=99, reasoning_field="reasoning"),
        MockConfig(tool_calls=True),
    ]
)


@given(modes, st.booleans(), st.integers(1, 20), st.integers(1, 3))
def test_the_stream_says_what_the_whole_says(config: MockConfig, chat: bool, tokens: int, n: int) -> None:
    shape = shape_of(ask_for(chat, tokens, True, n, config), config)
    streamed: list[dict[str, str]] = [{} for _ in range(n)]
    finishes = []
    for step in range(tokens):
        events = shape.token(step)
        assert len(events) == n
        for event in events:
            choice = parsed(event)["choices"][0]
            _collect(streamed[choice["index"]], choice)
            finishes.append(choice["finish_reason"])
    whole = json.loads(shape.whole())
    assert finishes[:-n] == [None] * (n * (tokens - 1))
    assert finishes[-n:] == [choice["finish_reason"] for choice in whole["choices"]]
    for pieces, choice in zip(streamed, whole["choices"], strict=True):
        assert pieces == _told(choice)
    streamed_usage = parsed(shape.closing()[0])["usage"]
    assert streamed_usage.items() <= {**whole["usage"]}.items()
    assert streamed_usage["completion_tokens"] == n * tokens
    assert streamed_usage["prompt_tokens"] == 3


@given(modes, st.integers(1, 40))
def test_between_the_marks_events_differ_in_their_word_only(config: MockConfig, tokens: int) -> None:
    shape = shape_of(ask_for(True, tokens, True, 1, config), config)
    step = 1
    while step < tokens:
        until = shape.uniform_until(step)
        assert step <= until <= tokens - 1
        kinds = {str(keys(parsed(shape.token(k)[0]))) for k in range(step, until)}
        assert len(kinds) <= 1
        assert all(shape.token(k) == shape.token(k + 8) for k in range(step, until - 8))
        step = until + 1


@pytest.mark.parametrize("tokens", [2, 3, 4, 12])
def test_arguments_of_a_tool_call_are_json(tokens: int) -> None:
    config = MockConfig(tool_calls=True)
    whole = json.loads(shape_of(ask_for(True, tokens), config).whole())
    call = whole["choices"][0]["message"]["tool_calls"][0]
    assert isinstance(json.loads(call["function"]["arguments"]), dict)
    assert whole["choices"][0]["finish_reason"] == "tool_calls"


def _collect(pieces: dict[str, str], choice: dict[str, Any]) -> None:
    delta = choice.get("delta", {"text": choice.get("text")})
    if "tool_calls" in delta:
        delta = {"arguments": delta["tool_calls"][0]["function"]["arguments"]}
    for name, text in delta.items():
        pieces[name] = pieces.get(name, "") + text


def _told(choice: dict[str, Any]) -> dict[str, str]:
    if "text" in choice:
        return {"text": choice["text"]}
    message = choice["message"]
    if "tool_calls" in message:
        return {"arguments": message["tool_calls"][0]["function"]["arguments"]}
    names = ("content", "reasoning", "reasoning_content")
    return {name: message[name] for name in names if message.get(name)}
