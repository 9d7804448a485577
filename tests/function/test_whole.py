"""Answers that come in one piece."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from function.answer import Answer, Verdict, judge
from function.dialects import DIALECTS
from function.usage import Usage
from function.whole import ErrorBody, WholeBody

LOST = Verdict("failed", "connection_lost", "broke")


def read(body: bytes, piece: int = 7, ended: bool = True, api: str = "chat") -> Answer:
    whole = WholeBody(DIALECTS[api])
    for number, at in enumerate(range(0, len(body), piece)):
        whole.feed(number, body[at : at + piece])
    if ended:
        whole.end(900)
    return whole.answer()


def completion(finish: str | None = "stop", usage: Any = None, **message: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}).encode()


def kind(answer: Answer, asked: int | None = 16) -> str | None:
    return judge(answer, "end", LOST, asked).kind


def test_a_completion_has_an_end_and_no_token_times() -> None:
    answer = read(completion(content="hi there", usage={"prompt_tokens": 4, "completion_tokens": 2}))
    assert (answer.last_token_ns, list(answer.token_ns), answer.events) == (900, [], None)
    assert (answer.usage, answer.finish_reason, answer.text, kind(answer)) == (Usage(4, 2), "stop", "hi there", None)
    assert read(completion(content="hi", reasoning="hm")).content == "hi"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": None, "tool_calls": [{"function": {"name": "look", "arguments": "{}"}}]}, "look{}"),
        ({"content": None, "reasoning_content": "hm"}, "hm"),
        ({"content": "", "reasoning": "hm"}, "hm"),
        ({"content": None, "refusal": "no"}, "no"),
        ({"content": [{"type": "text", "text": "part"}]}, "part"),
    ],
)
def test_null_content_is_no_empty_answer_where_something_else_was_said(message: dict[str, Any], text: str) -> None:
    answer = read(completion(**message))
    assert (answer.text, kind(answer)) == (text, None)


def test_several_choices_are_read_in_their_order() -> None:
    choices = [{"index": index, "message": {"content": str(index)}, "finish_reason": "stop"} for index in (2, 0, 1)]
    assert read(json.dumps({"choices": choices}).encode()).text == "012"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (completion(content=""), "empty_output"),
        (completion(content=None, usage={"completion_tokens": 0}), "empty_output"),
        (b'{"choices":[]}', "empty_output"),
        (b'{"error":{"message":"overloaded"}}', "error_event"),
        (b'{"error":"Unauthorized"}', "error_event"),
        (b'{"choices":[{"message":{"content":""},"finish_reason":"error","error":{"message":"boom"}}]}', "error_event"),
        (b'{"detail":"Not authenticated"}', "error_event"),
        (b'{"object":"error","message":"no such model"}', "error_event"),
        (b'{"status":"ready"}', "protocol"),
        (b"<html><title>Sign in</title></html>", "protocol"),
        (b"OK", "protocol"),
        (completion(content="hi")[:-9], "malformed_event"),
        (b'{"choices":{}}', "malformed_event"),
        (completion(content="a") + b"\n" + completion(content="b"), "malformed_event"),
    ],
)
def test_what_is_no_good_answer(body: bytes, expected: str) -> None:
    assert kind(read(body)) == expected


def test_tokens_counted_but_without_text_are_output() -> None:
    assert kind(read(completion(content="", finish="length", usage={"completion_tokens": 5}))) is None


def test_a_body_that_never_ended_is_lost() -> None:
    assert judge(read(completion(content="hi"), ended=False), "lost", LOST, 16) is LOST


def test_completions_bear_text() -> None:
    body = b'{"choices":[{"index":0,"text":"lo lo","finish_reason":"length"}],"usage":{"completion_tokens":2}}'
    answer = read(body, api="completion")
    assert (answer.text, answer.usage, kind(answer)) == ("lo lo", Usage(None, 2), None)


def test_a_body_too_long_is_refused_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("function.whole.BODY_LIMIT", 50)
    whole = WholeBody(DIALECTS["chat"])
    for _ in range(100):
        whole.feed(1, b"x" * 10)
    whole.end(2)
    assert kind(whole.answer()) == "protocol"
    assert len(whole._parts) < 100


STREAMS = Path(__file__).parents[1] / "golden" / "streams"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ((STREAMS / "vllm_err_noauth.json").read_bytes(), "Unauthorized"),
        ((STREAMS / "vllm_err_toolong.json").read_bytes(), "max_tokens=50000 cannot be greater"),
        (b"<html><title>503 Service Unavailable</title></html>", "503 Service Unavailable"),
        (b"", ""),
    ],
)
def test_an_error_body_gives_its_message(body: bytes, message: str) -> None:
    error = ErrorBody()
    error.feed(1, body[:5])
    error.feed(2, body[5:])
    error.end(3)
    assert error.answer().error is not None
    assert message in str(error.answer().error)
    assert error.settled


def test_an_endless_error_body_is_not_kept() -> None:
    error = ErrorBody()
    for _ in range(100):
        error.feed(1, b"x" * 10_000)
    assert len(error.answer().error or "") <= 1 << 17
