"""Answers that are not streamed: their time, their usage, and the faults' counterparts."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.emulators.mock import threaded_mock
from tests.emulators.plain_client import PlainClient, Reply, chat

FAST = {"ttft_s": 0.02, "itl_s": 0.01}
MS = 1_000_000


def one(config: dict[str, Any], body: dict[str, Any], path: str = "/v1/chat/completions") -> tuple[Reply, Any, float]:
    with threaded_mock({**FAST, **config}) as mock:
        with PlainClient(mock.port) as client:
            begun = time.monotonic()
            reply = client.post(body, path)
            took = time.monotonic() - begun
        mock.stop()
        return reply, mock.completions()[0], took


def test_all_comes_after_the_last_tokens_time() -> None:
    reply, record, took = one({}, chat(9, stream=False))
    assert reply.json()["usage"] == {
        "prompt_tokens": 3,
        "total_tokens": 12,
        "completion_tokens": 9,
        "prompt_tokens_details": None,
        "completion_tokens_details": None,
    }
    assert reply.json()["choices"][0]["finish_reason"] == "length"
    assert 0.1 <= took < 1.0
    assert 100 * MS <= record.end_offset_ns < 1000 * MS
    assert (record.stream, record.output_tokens, record.token_offset_ns) == (False, 9, [])


def test_completions_and_choices() -> None:
    body = {"prompt": ["a b", "c"], "n": 2, "max_tokens": 2}
    reply, record, _ = one({}, body, "/v1/completions")
    assert [choice["index"] for choice in reply.json()["choices"]] == [0, 1, 2, 3]
    assert reply.json()["usage"]["completion_tokens"] == record.output_tokens == 8


def test_a_model_that_stops_by_itself_says_so() -> None:
    reply, record, _ = one({"stop_after": 3}, chat(9, stream=False))
    assert reply.json()["choices"][0]["finish_reason"] == "stop"
    assert (record.asked_tokens, record.output_tokens) == (9, 3)


@pytest.mark.parametrize(
    ("fault", "status", "complete", "outcome", "tokens"),
    [
        ("cut", 200, False, "cut", 0),
        ("error_event", 500, True, "error_event", 0),
        ("malformed", 200, True, "done", 8),
        ("stall", 200, True, "done", 8),
        ("zombie", 0, False, "zombie", 0),
    ],
)
def test_faults(fault: str, status: int, complete: bool, outcome: str, tokens: int) -> None:
    config = {"faults": {fault: 1.0}, "stall_s": 0.2, "zombie_max_s": 0.2}
    reply, record, took = one(config, chat(8, stream=False))
    assert (reply.status, reply.complete) == (status, complete)
    assert (record.fault, record.outcome, record.output_tokens) == (fault, outcome, tokens)
    if fault == "malformed":
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            reply.json()
    if fault in ("stall", "zombie"):
        assert took >= 0.2
    if fault == "error_event":
        assert reply.json()["error"]["code"] == 500
