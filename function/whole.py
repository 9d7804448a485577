"""Answers that come in one piece: a JSON completion, an error body, or something that is neither. Pure.

A whole body has no token times: it arrives as one, so its last token is its end and its first token is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from function.answer import Answer
from function.dialects.port import NOTHING, Chunk, Dialect
from function.error_text import error_text
from function.in_stream_error import is_error
from function.plain import UNREADABLE
from function.stream import mended
from function.usage import Usage, read_usage

BODY_LIMIT = 64 << 20
ERROR_LIMIT = 1 << 16  # bytes of an error body that are kept


class WholeBody:
    """The body of a 2xx answer that is not an event stream."""

    complete = False
    waits_for_token = False
    settled_ns = None
    patient = False

    def __init__(self, dialect: Dialect) -> None:
        self._decode = dialect.decode_body
        self._parts = bytearray()
        self._end_ns: int | None = None
        self.settled = False
        self.last_data_ns: int | None = None

    def feed(self, stamp_ns: int, data: bytes) -> None:
        self.last_data_ns = stamp_ns
        if len(self._parts) <= BODY_LIMIT:
            self._parts += data

    def feed_all(self, stamps: Sequence[int], reads: Sequence[bytes]) -> None:
        for stamp_ns, data in zip(stamps, reads):
            self.feed(stamp_ns, data)

    def end(self, stamp_ns: int) -> None:
        self._end_ns = stamp_ns
        self.settled = True

    def answer(self) -> Answer:
        if self._end_ns is None:
            return Answer(finished=False, spoke=False)
        body = bytes(self._parts)
        if len(body) > BODY_LIMIT:
            return _faulty("protocol", f"a body of more than {BODY_LIMIT >> 20} MiB")
        if body.lstrip()[:1] not in (b"{", b"["):
            return _faulty("protocol", "the answer is neither JSON nor an event stream: " + error_text(body))
        try:
            whole: Chunk | None = self._decode(body)
        except UNREADABLE:
            whole = mended(body, self._decode)
        if whole is None:
            return _faulty("malformed_event", "the answer's JSON cannot be read: " + error_text(body))
        if bytes(whole.error) not in NOTHING or (not whole.choices and is_error(body)):
            return Answer(finished=True, spoke=False, error=error_text(body))
        if whole.choices is None:
            return _faulty("protocol", "the answer has no choices: " + error_text(body))
        return _completion(whole, self._end_ns)


class ErrorBody:
    """The body of an answer that failed by its HTTP status: nothing in it matters but the message."""

    settled = True
    settled_ns = None
    patient = False
    complete = False
    waits_for_token = False
    last_data_ns = None

    def __init__(self) -> None:
        self._parts = bytearray()

    def feed(self, stamp_ns: int, data: bytes) -> None:
        if len(self._parts) < ERROR_LIMIT:
            self._parts += data

    def feed_all(self, stamps: Sequence[int], reads: Sequence[bytes]) -> None:
        for stamp_ns, data in zip(stamps, reads):
            self.feed(stamp_ns, data)

    def end(self, stamp_ns: int) -> None:
        return

    def answer(self) -> Answer:
        return Answer(finished=True, spoke=False, error=error_text(bytes(self._parts)))


def _faulty(kind: str, message: str) -> Answer:
    return Answer(finished=False, spoke=False, fault=(kind, message))


def _completion(whole: Chunk, end_ns: int) -> Answer:
    choices = sorted(whole.choices or (), key=lambda choice: choice.index or 0)
    failed = next((choice.error for choice in choices if choice.error), None)
    if failed is not None:
        return Answer(finished=True, spoke=False, error=error_text(msgspec.json.encode(failed)))
    text = "".join(choice.reasoning() + choice.content() for choice in choices)
    reasons = [str(choice.finish_reason) for choice in choices if choice.finish_reason]
    usage = read_usage([bytes(whole.usage)], bytes(whole.timings))
    if usage is not None and usage.output == 0 and text:
        usage = Usage(usage.prompt, None, usage.cached, usage.reasoning)
    return Answer(
        finished=True,
        spoke=bool(text),
        last_token_ns=end_ns,
        finish_reason=reasons[0] if reasons else None,
        usage=usage,
        text=text,
        content=choices[0].content() if choices else "",
    )
