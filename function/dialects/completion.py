"""`/v1/completions`: one prompt in, text out. Chunks and whole bodies have the same form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from function.arrival import Piece
from function.dialects.port import Buffer, Dialect


class Choice(msgspec.Struct):
    index: int | None = 0
    text: str | None = None
    finish_reason: Any = None
    error: Any = None

    def content(self) -> str:
        return self.text or ""

    def reasoning(self) -> str:
        return ""


class Chunk(msgspec.Struct):
    choices: list[Choice] | None = None
    usage: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw = msgspec.Raw(b"")
    timings: msgspec.Raw = msgspec.Raw(b"")


def _said(pieces: Sequence[Piece], texts: Sequence[memoryview], before: bytes) -> list[Buffer]:
    return [before, *(texts[text][start : start + size] for _, text, start, size in pieces)]


def _answered(content: str) -> bytes:
    """A completion goes on where the prompt ended."""
    return msgspec.json.encode(content)[1:-1]


COMPLETION = Dialect(
    path="/v1/completions",
    prompt_key="prompt",
    opening=b'"prompt":"',
    closing=b'"',
    said=_said,
    answered=_answered,
    decode_chunk=msgspec.json.Decoder(Chunk).decode,
    decode_body=msgspec.json.Decoder(Chunk).decode,
)
