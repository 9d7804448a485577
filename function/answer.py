"""What one answer turned out to be, and the verdict on it. Values in, values out; knows no clock and no connection.

A reader (stream.StreamFold, whole.WholeBody) collects an answer while it comes; `judge` says ok or failed, and why.
Timeouts and aborts are not judged here: they are decided by who waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from function.contract.record import Status
from function.usage import Usage

# end: the body ended as HTTP says it does; lost: the connection broke first; open: it was left open after the answer
Ending = Literal["end", "lost", "open"]


@dataclass(frozen=True, slots=True)
class Answer:
    """Instants are the stamps of the reads that completed what they speak of."""

    finished: bool  # every choice has ended, or [DONE] came; a whole body could be read
    spoke: bool  # it bore output of any kind
    token_ns: Sequence[int] = ()
    first_content_ns: int | None = None
    last_token_ns: int | None = None
    events: int | None = None  # output-bearing events; None where the answer was not streamed
    finish_reason: str | None = None
    malformed: int = 0
    error: str | None = None  # the server's own words for an error inside a 2xx answer
    fault: tuple[str, str] | None = None  # a kind and a message: the bytes themselves were wrong
    usage: Usage | None = None
    text: str = ""
    content: str = ""  # what the first choice answered, without its reasoning; only where it is asked for


class Reader(Protocol):
    @property
    def settled(self) -> bool:
        """Nothing that still comes can change the verdict; only usage is taken."""
        ...

    @property
    def settled_ns(self) -> int | None:
        """The stamp of the read that did it."""
        ...

    @property
    def patient(self) -> bool:
        """Reads that are whole events in the middle of the answer may be fed later, together."""
        ...

    @property
    def complete(self) -> bool:
        """The server has said that it will say no more ([DONE]), and the usage is known."""
        ...

    @property
    def last_data_ns(self) -> int | None:
        """When the last event came that belongs to the answer: keep-alives do not."""
        ...

    @property
    def waits_for_token(self) -> bool: ...

    def feed(self, stamp_ns: int, data: bytes) -> None: ...

    def feed_all(self, stamps: Sequence[int], reads: Sequence[bytes]) -> None: ...

    def end(self, stamp_ns: int) -> None:
        """The body has ended as HTTP says it does."""
        ...

    def answer(self) -> Answer: ...


class Verdict(NamedTuple):
    status: Status
    kind: str | None = None
    message: str | None = None


def judge(answer: Answer, ending: Ending, why_lost: Verdict, asked_tokens: int | None) -> Verdict:
    """The verdict on an answer with a 2xx status. `why_lost` is given back where a broken connection decides."""
    if answer.error is not None:
        return Verdict("failed", "error_event", answer.error)
    if answer.fault is not None:
        return Verdict("failed", *answer.fault)
    unread = f"{answer.malformed} events could not be read"
    if not answer.finished:
        if ending == "lost":
            return why_lost
        if answer.malformed:
            return Verdict("failed", "malformed_event", f"{unread}, and the end is missing")
        return Verdict("failed", "truncated", "the answer ended without a finish reason and without [DONE]")
    if not answer.spoke and answer.malformed:
        return Verdict("failed", "malformed_event", f"{unread}, and no other bore output")
    counted = answer.usage.output if answer.usage else None
    # Tokens without text are output too: a server that hides special tokens sends them as empty deltas.
    if not answer.spoke and not counted and asked_tokens != 0:
        return Verdict("failed", "empty_output", "the answer is complete and bears no output")
    return Verdict("ok")
