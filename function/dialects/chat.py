"""`/v1/chat/completions`: messages in; deltas, or a message, out.

Knows every place where chat servers put what a model said: content (text or parts), reasoning under either of its two
names, tool calls and the older function_call, refusals. Types are declared where a wrong one makes a chunk unreadable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from function.arrival import Piece
from function.contract.errors import ContractError
from function.contract.workload import CONTINUE, ROLES
from function.dialects.port import Buffer, Dialect


class Function(msgspec.Struct):
    name: str | None = None
    arguments: Any = None  # a string in pieces; some servers send the whole object


class Custom(msgspec.Struct):
    name: str | None = None
    input: Any = None


class ToolCall(msgspec.Struct):
    function: Function | None = None
    custom: Custom | None = None


class Delta(msgspec.Struct):
    content: str | list[Any] | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | ToolCall | None = None  # one alone where a gateway unwraps it
    function_call: Function | None = None


class Choice(msgspec.Struct):
    index: int | None = 0
    delta: Delta | None = None
    finish_reason: Any = None
    error: Any = None

    def content(self) -> str:
        delta = self.delta
        if delta is None:
            return ""
        text = delta.content
        if not isinstance(text, str):
            text = _parts(text, "text") if text else ""
        if delta.refusal or delta.tool_calls or delta.function_call:
            text += _calls(delta)
        return text

    def reasoning(self) -> str:
        delta = self.delta
        if delta is None:
            return ""
        text = delta.reasoning or delta.reasoning_content or ""
        if isinstance(delta.content, list):
            text += _parts(delta.content, "thinking")
        return text


class WholeChoice(Choice, rename={"delta": "message"}):
    """The same, where the answer is not streamed."""

    delta: Delta | None = None  # declared again: a rename covers a class's own fields only


class Chunk(msgspec.Struct):
    choices: list[Choice] | None = None
    usage: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw = msgspec.Raw(b"")
    timings: msgspec.Raw = msgspec.Raw(b"")


class Body(msgspec.Struct):
    choices: list[WholeChoice] | None = None
    usage: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw = msgspec.Raw(b"")
    timings: msgspec.Raw = msgspec.Raw(b"")


def _parts(parts: Any, key: str) -> str:
    """Content given as parts: `{"text": "..."}`, or `{"thinking": [{"text": "..."}]}` (Mistral's reasoning)."""
    said = ""
    for part in parts:
        value = part.get(key) if isinstance(part, dict) else None
        if isinstance(value, str):
            said += value
        elif isinstance(value, list):
            said += _parts(value, "text")
    return said


def _calls(delta: Delta) -> str:
    said = delta.refusal or ""
    called = delta.tool_calls or ()
    for call in called if isinstance(called, (list, tuple)) else (called,):
        if call.function is not None:
            said += _call(call.function.name, call.function.arguments)
        if call.custom is not None:
            said += _call(call.custom.name, call.custom.input)
    if delta.function_call is not None:
        said += _call(delta.function_call.name, delta.function_call.arguments)
    return said


def _call(name: str | None, given: Any) -> str:
    if given and not isinstance(given, str):
        given = msgspec.json.encode(given).decode()
    return (name or "") + (given or "")


_OPEN = tuple(b'{"role":"' + role.encode() + b'","content":"' for role in ROLES)


def _said(pieces: Sequence[Piece], texts: Sequence[memoryview], before: bytes) -> list[Buffer]:
    """The inside of the array of messages."""
    parts: list[Buffer] = [before]
    closing = b""
    for role, text, start, size in pieces:
        if role != CONTINUE:
            parts.append(closing + (b"," if closing or before else b"") + _OPEN[role])
            closing = b'"}'
        elif not closing:
            raise ContractError("a prompt's first piece continues a message that was never opened", path="workload")
        parts.append(texts[text][start : start + size])
    parts.append(closing)
    return parts


def _answered(content: str) -> bytes:
    return b"," + _OPEN[ROLES.index("assistant")][:-1] + msgspec.json.encode(content) + b"}"


CHAT = Dialect(
    path="/v1/chat/completions",
    prompt_key="messages",
    opening=b'"messages":[',
    closing=b"]",
    said=_said,
    answered=_answered,
    decode_chunk=msgspec.json.Decoder(Chunk).decode,
    decode_body=msgspec.json.Decoder(Body).decode,
)
