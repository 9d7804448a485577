"""Many plain events of a token stream at once: what differs between them is a text, so one is decoded and the rest cut.

Most servers write every token of an answer with the same bytes around it. `Slot` finds those bytes in one event that
was decoded, and proves by decoding it again with another text that they hold the text and nothing else: in JSON, other
plain characters inside one string change the value of that string alone. An event that begins and ends with the same
bytes is then known without a decoder. Pure; what is not plain beyond doubt is left to the decoder of each event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import NamedTuple

import msgspec

from function.dialects.port import NOTHING, Choice, Chunk

LEAD, TAIL = b"data: ", b"\n\n"
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_TRIES, _LONG_RUN = 2, 4
_PROBE = "benchctl-probe"
_PLACES = 4  # where the text is looked for: it may stand elsewhere too, as a role or a name


class Slot(NamedTuple):
    """`begin` and `end` are what a read of one event has around its text, `data: ` and blank line included."""

    begin: bytes
    end: bytes
    choice: int
    reasoning: bool  # whether its text comes before the answer

    def texts(self, reads: Sequence[bytes]) -> list[bytes]:
        """What stands in the slot of the first reads, up to one that has other bytes around it."""
        begin, end = self.begin, self.end
        first, last = len(begin), -len(end)
        found = [read[first:last] for read in reads if read.startswith(begin) and read.endswith(end)]
        if len(found) < len(reads):
            other = next(
                number for number, read in enumerate(reads) if not (read.startswith(begin) and read.endswith(end))
            )
            del found[other:]
        return found


class Run(NamedTuple):
    """The first `reads` reads hold one text each, which together are `text`."""

    slot: Slot
    reads: int
    text: str


class Runs:
    """Of one stream. Slots are looked for as long as they hold for more than an event or two."""

    def __init__(self, decode: Callable[[bytes], Chunk]) -> None:
        self._decode = decode
        self._slot: Slot | None = None
        self._tries = _TRIES

    def first(self, reads: Sequence[bytes]) -> Run | None:
        """The run that `reads` begin with, the first of them between two events. None: it is left to the decoder."""
        texts = self._slot.texts(reads) if self._slot is not None else []
        if not texts and self._tries and _is_single(reads[0]):
            self._tries -= 1
            self._slot = _slot_of(reads[0], self._decode)
            texts = self._slot.texts(reads) if self._slot is not None else []
        if self._slot is None or not texts:
            return None
        text = plain(b"".join(texts)) if all(texts) else None
        if text is None or not text.isascii():  # characters may be cut in half between two events
            pieces = list(takewhile(bool, map(plain, texts)))
            texts, text = texts[: len(pieces)], "".join(filter(None, pieces))
        if len(texts) >= _LONG_RUN:
            self._tries = _TRIES
        return Run(self._slot, len(texts), text) if texts else None


def spread(read: bytes) -> list[bytes]:
    """The events of a read that is plainly several, one after the other; else none."""
    count = read.count(TAIL)
    if count < 2 or not read.startswith(LEAD) or not read.endswith(TAIL) or b"\r" in read:
        return []
    if b"\n\n\n" in read or read.count(TAIL + LEAD) != count - 1:
        return []
    return [event + TAIL for event in read[: -len(TAIL)].split(TAIL)]


def _is_single(read: bytes) -> bool:
    """One event of one line."""
    return read.startswith(LEAD) and read.endswith(TAIL) and read.count(b"\n") == len(TAIL) and b"\r" not in read


def _slot_of(read: bytes, decode: Callable[[bytes], Chunk]) -> Slot | None:
    try:
        return find_slot(read[len(LEAD) : -len(TAIL)], decode)
    except UNREADABLE:
        return None


def find_slot(payload: bytes, decode: Callable[[bytes], Chunk]) -> Slot | None:
    """Of an event's payload; None where it is not one text of one choice and no more. Raises what `decode` does."""
    text, _ = _only_text(decode(payload)) or ("", False)
    if plain(text.encode("utf-8", "replace")) is None or text == _PROBE:
        return None
    quoted = b'"%b"' % text.encode()
    at = -1
    for _ in range(_PLACES):
        at = payload.find(quoted, at + 1)
        if at < 0:
            return None
        begin, end = payload[: at + 1], payload[at + len(quoted) - 1 :]
        probed = decode(begin + _PROBE.encode() + end)
        said, reasoning = _only_text(probed) or ("", False)
        if said == _PROBE:
            return Slot(LEAD + begin, end + TAIL, _choice(probed).index or 0, reasoning)
    return None


def plain(text: bytes) -> str | None:
    """A text that stands for itself inside a JSON string; None for one that is empty, escapes or must be mended."""
    if not text or b'"' in text or b"\\" in text:
        return None
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        return None
    return decoded if decoded.isprintable() or min(text) >= 0x20 else None


def _only_text(chunk: Chunk) -> tuple[str, bool] | None:
    """The text of a chunk that says one thing and ends nothing, and whether it is reasoning."""
    if not chunk.choices or len(chunk.choices) != 1:
        return None
    if any(bytes(one) not in NOTHING for one in (chunk.usage, chunk.error, chunk.timings)):
        return None
    choice = chunk.choices[0]
    content, reasoning = choice.content(), choice.reasoning()
    if choice.finish_reason or choice.error or bool(content) == bool(reasoning):
        return None
    return (content, False) if content else (reasoning, True)


def _choice(chunk: Chunk) -> Choice:
    assert chunk.choices
    return chunk.choices[0]
