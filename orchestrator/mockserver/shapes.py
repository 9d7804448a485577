"""Response bodies that look like vLLM's: JSON objects, rendered to bytes once per request.

Pure. Key names and their order follow streams captured from vLLM 0.32; the words are a fixed cycle, each a single token
with its leading space in common vocabularies. It knows nothing of time and of HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from orchestrator.mockserver.ask import Ask
from orchestrator.mockserver.config import MockConfig

WORDS = (" the", " of", " and", " to", " in", " is", " for", " with")
FINGERPRINT = "benchctl-mock"
DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"

encode = msgspec.json.Encoder().encode


def event(value: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + encode(value) + b"\n\n"


def word(step: int) -> str:
    """The text of token `step`."""
    return WORDS[step % len(WORDS)]


def error_body(status: int, message: str, kind: str, param: str | None = None) -> bytes:
    """vLLM's error object."""
    return encode({"error": {"message": message, "type": kind, "param": param, "code": status}})


def error_event(status: int, message: str) -> bytes:
    return event({"error": {"message": message, "type": "InternalServerError", "param": None, "code": status}})


def malformed_event(answer_id: str) -> bytes:
    """A data line that is the beginning of a chunk and no JSON."""
    return b'data: {"id":"%b","object":"chat.completion.ch\n\n' % answer_id.encode()


def unauthorised_body(given: bool) -> bytes:
    """OpenAI's 401; the key that was given is not repeated."""
    missing = "You didn't provide an API key. Provide it in an Authorization header using Bearer auth."
    message = "Incorrect API key provided." if given else missing
    code = "invalid_api_key" if given else None
    return encode({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}})


def models_body(config: MockConfig, created: int) -> bytes:
    card = {
        "id": config.model,
        "object": "model",
        "created": created,
        "owned_by": "benchctl",
        "root": config.model,
        "parent": None,
        "max_model_len": config.max_model_len,
        "permission": [],
    }
    return encode({"object": "list", "data": [card]})


class Shape:
    """The body of one request's answer, piece by piece. `step` counts tokens from 0; each step has all choices."""

    __slots__ = ("_ask", "_cached", "_config", "_created", "_id", "_reasoning", "_tools")

    def __init__(self, ask: Ask, config: MockConfig, answer_id: str, created: int, cached_tokens: int) -> None:
        self._ask, self._config, self._created, self._cached = ask, config, created, cached_tokens
        self._id = f"{'chatcmpl' if ask.chat else 'cmpl'}-{answer_id}"
        self._tools = ask.chat and config.tool_calls
        self._reasoning = min(config.reasoning_tokens, ask.tokens) if ask.chat and not self._tools else 0

    @property
    def answer_id(self) -> str:
        return self._id

    def uniform_until(self, step: int) -> int:
        """The first step at or after `step` that differs from its predecessor in more than the word."""
        last = self._ask.tokens - 1
        marks = (1, 2) if self._tools else (self._reasoning,)
        return min((mark for mark in marks if step <= mark < last), default=last)

    def opening(self) -> list[bytes]:
        """What precedes the first token: one role-only chunk per choice of a chat."""
        if not self._ask.chat:
            return []
        more = {"prompt_token_ids": None, "prompt_text": None}
        delta = {"role": "assistant", "content": ""}
        return [
            self._chunk([{"index": i, "delta": delta, "logprobs": None, "finish_reason": None}], more)
            for i in range(self._ask.choices)
        ]

    def token(self, step: int) -> list[bytes]:
        """The events of one token, one per choice; the last ones carry the finish reason."""
        return [self._token(step, index) for index in range(self._ask.choices)]

    def closing(self) -> list[bytes]:
        """Usage, where it was asked for, and the end mark."""
        if not self._ask.include_usage:
            return [DONE]
        usage = {"usage": self._usage(in_stream=True), "system_fingerprint": FINGERPRINT}
        return [self._chunk([], usage), DONE]

    def whole(self) -> bytes:
        """The answer as one JSON object."""
        choices = [self._whole_choice(index) for index in range(self._ask.choices)]
        value = {
            "id": self._id,
            "object": "chat.completion" if self._ask.chat else "text_completion",
            "created": self._created,
            "model": self._ask.model,
            "choices": choices,
            "service_tier": None,
            "system_fingerprint": FINGERPRINT,
            "usage": self._usage(in_stream=False),
        }
        if self._ask.chat:
            value |= {"prompt_logprobs": None, "prompt_token_ids": None, "prompt_text": None}
            value |= {"kv_transfer_params": None, "ec_transfer_params": None, "metrics": None}
        else:
            value["kv_transfer_params"] = None
        return encode(value)

    def _chunk(self, choices: list[dict[str, Any]], more: Mapping[str, Any]) -> bytes:
        kind = "chat.completion.chunk" if self._ask.chat else "text_completion"
        head = {"id": self._id, "object": kind, "created": self._created, "model": self._ask.model}
        return event({**head, "choices": choices, **more})

    def _token(self, step: int, index: int) -> bytes:
        last = step == self._ask.tokens - 1
        choice: dict[str, Any] = {"index": index}
        if self._ask.chat:
            choice["delta"] = self._delta(step, index)
        else:
            choice["text"] = word(step)
        choice |= {"logprobs": None, "finish_reason": self._finish() if last else None}
        if last or not self._ask.chat:
            choice["stop_reason"] = None
        if not self._ask.chat:
            choice["prompt_token_ids"] = None
        choice["token_ids"] = None
        more = {"system_fingerprint": FINGERPRINT} if last and not self._ask.include_usage else {}
        return self._chunk([choice], more)

    def _delta(self, step: int, index: int) -> dict[str, Any]:
        if self._tools:
            return {"tool_calls": [self._tool_delta(step, index)]}
        if step < self._reasoning:
            return {self._config.reasoning_field: word(step)}
        return {"content": word(step)}

    def _tool_delta(self, step: int, index: int) -> dict[str, Any]:
        if step == 0:
            call = {"id": self._call_id(index), "type": "function", "index": 0}
            return {**call, "function": {"name": "lookup", "arguments": ""}}
        return {"index": 0, "function": {"arguments": self._argument(step)}}

    def _argument(self, step: int) -> str:
        """Token `step` of the call's arguments; three or more tokens make the JSON object {"query": "..."}."""
        last = self._ask.tokens - 1
        if last == 1:
            return "{}"
        if step == 1:
            return '{"query": "'
        return '"}' if step == last else word(step)

    def _call_id(self, index: int) -> str:
        return f"chatcmpl-tool-{self._id.rpartition('-')[2]}{index:02x}"

    def _finish(self) -> str:
        return "tool_calls" if self._tools else self._ask.finish

    def _usage(self, in_stream: bool) -> dict[str, Any]:
        ask = self._ask
        done = ask.tokens * ask.choices
        usage: dict[str, Any] = {
            "prompt_tokens": ask.prompt_tokens,
            "total_tokens": ask.prompt_tokens + done,
            "completion_tokens": done,
        }
        if self._config.prefix_cache:
            usage["prompt_tokens_details"] = {"cached_tokens": self._cached}
        elif not in_stream:
            usage["prompt_tokens_details"] = None
        if self._reasoning:
            usage["completion_tokens_details"] = {"reasoning_tokens": self._reasoning * ask.choices}
        elif not in_stream and ask.chat:
            usage["completion_tokens_details"] = None
        return usage

    def _whole_choice(self, index: int) -> dict[str, Any]:
        last = {"logprobs": None, "finish_reason": self._finish(), "stop_reason": None, "token_ids": None}
        if self._ask.chat:
            return {"index": index, "message": self._message(index), **last, "routed_experts": None}
        text = "".join(map(word, range(self._ask.tokens)))
        return {"index": index, "text": text, **last, "prompt_logprobs": None, "prompt_token_ids": None}

    def _message(self, index: int) -> dict[str, Any]:
        tokens, reasoning = self._ask.tokens, self._reasoning
        content = "".join(map(word, range(reasoning, tokens)))
        message: dict[str, Any] = {"role": "assistant", "content": None if self._tools else content, "refusal": None}
        message |= {"annotations": None, "audio": None, "function_call": None}
        if self._tools:
            arguments = "".join(map(self._argument, range(1, tokens)))
            function = {"name": "lookup", "arguments": arguments}
            message["tool_calls"] = [{"id": self._call_id(index), "type": "function", "function": function}]
        message[self._config.reasoning_field if reasoning else "reasoning"] = (
            "".join(map(word, range(reasoning))) if reasoning else None
        )
        return message
