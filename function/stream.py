"""Folds the events of a streamed answer into what they amount to. Pure: (stamp, bytes) in, an Answer out.

Knows what real servers send between the first byte and the last: role-only and empty deltas, choices without delta,
chunks without choices, usage in any chunk (cumulative, so the last one counts), several interleaved choices, errors
inside a 200, events that cannot be read. Refuses to know clocks, sockets and which API it is: the dialect decodes.
A token's time is the stamp of the read that completed its event. After the end only usage is taken and no time moves.

Reads may come one by one (`feed`) or many together (`feed_all`), which costs a third and says the same.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from function.answer import Answer
from function.dialects.port import NOTHING, Choice, Chunk, Dialect
from function.error_text import error_text
from function.in_stream_error import is_error, names_error
from function.plain import UNREADABLE, Run, Runs, spread
from function.sse import BARE, Decoder, EventTooLong
from function.usage import Usage, read_usage

_USAGES = 4  # of one answer: the last that says it all counts, and a last one may be empty or partial
_CHUNK_NAMES = (b"", b"message")  # events under other names are notices, and may be in any form


class StreamFold:
    """`choices`: how many choices must end. `wants_usage`: usage was asked for, so [DONE] before it is not all yet.
    `keeps_content`: what the first choice answers will be quoted to the server in a later turn.
    """

    def __init__(
        self, dialect: Dialect, choices: int = 1, wants_usage: bool = False, keeps_content: bool = False
    ) -> None:
        self._decode = dialect.decode_chunk
        self._choices = choices
        self._wants_usage = wants_usage
        self._events = Decoder()
        self._token_ns: list[int] = []
        self._first_content_ns: int | None = None
        self._texts: dict[int, list[str]] = {}
        self._content: list[str] | None = [] if keeps_content else None
        self._ended: set[int] = set()
        self._finish_reason: str | None = None
        self._done = False
        self._malformed = 0
        self._error: str | None = None
        self._fault: tuple[str, str] | None = None
        self._usages: deque[bytes] = deque(maxlen=_USAGES)
        self._timings = b""
        self._runs = Runs(self._decode)
        self.settled = False
        self.settled_ns: int | None = None
        self.last_data_ns: int | None = None

    @property
    def complete(self) -> bool:
        return self._done and (bool(self._usages or self._timings) or not self._wants_usage)

    @property
    def waits_for_token(self) -> bool:
        return not self._token_ns

    @property
    def patient(self) -> bool:
        """Whole events in the middle of the answer may come later and together: there is no first token to wait for."""
        return bool(self._token_ns) and self._events.between and not self.settled

    def feed(self, stamp_ns: int, data: bytes) -> None:
        self._feed(stamp_ns, data, stamp_ns)

    def _feed(self, at_ns: int, data: bytes, read_ns: int) -> None:
        """`at_ns` is the instant of the first event in it. Events of one read share that of the read; a nanosecond
        keeps their order."""
        try:
            for payload, name in self._events.feed(data):
                self.event(at_ns, payload, name)
                at_ns += 1
        except EventTooLong as error:
            self._fault = ("protocol", str(error))
            self.settled = True
        if self.settled and self.settled_ns is None:
            self.settled_ns = read_ns

    def feed_all(self, stamps: Sequence[int], reads: Sequence[bytes]) -> None:
        """The reads in order, each with its stamp."""
        self._fold(stamps, stamps, reads)

    def _fold(self, at_ns: Sequence[int], read_ns: Sequence[int], reads: Sequence[bytes]) -> None:
        at = 0
        while at < len(reads):
            run = self._runs.first(reads[at:]) if self._events.between and not self.settled else None
            if run is not None:
                self._take_run(run, at_ns[at : at + run.reads])
                at += run.reads
                continue
            events = spread(reads[at]) if self._events.between else ()
            if len(events) > 1:
                self._fold([at_ns[at] + number for number in range(len(events))], [read_ns[at]] * len(events), events)
            else:
                self._feed(at_ns[at], reads[at], read_ns[at])
            at += 1

    def _take_run(self, run: Run, stamps: Sequence[int]) -> None:
        self._token_ns += stamps
        self.last_data_ns = stamps[-1]
        self._said(run.slot.choice).append(run.text)
        if run.slot.reasoning:
            return
        if self._first_content_ns is None:
            self._first_content_ns = stamps[0]
        if self._content is not None and not run.slot.choice:
            self._content.append(run.text)

    def end(self, stamp_ns: int) -> None:
        malformed = self._malformed
        for payload, name in self._events.finish():
            self.event(stamp_ns, payload, name)
            # Unfinished and unreadable is an answer cut short, not a server that writes bad JSON.
            self._malformed = malformed

    def event(self, stamp_ns: int, payload: bytes, name: bytes = b"") -> None:
        """One event of the stream; `name` is its event field."""
        rare = payload[:1] != b"{" or name or self.settled
        if rare and not self._is_chunk(stamp_ns, payload, name):
            return
        chunk = self._read(payload)
        if chunk is None:
            if name in _CHUNK_NAMES and not self.settled:
                self.last_data_ns = stamp_ns
                self._malformed += 1
            return
        if chunk.usage or chunk.timings:
            self._take_usage(chunk)
        if self.settled:
            return
        if chunk.choices:
            self.last_data_ns = stamp_ns
            self._take_output(stamp_ns, chunk.choices)
        if not chunk.choices or chunk.error:
            self._take_notice(stamp_ns, chunk, payload)

    def _is_chunk(self, stamp_ns: int, payload: bytes, name: bytes) -> bool:
        """The rare events: [DONE], a named error, an empty keep-alive, something that is no JSON object."""
        payload = payload.strip()
        if payload == b"[DONE]":
            self.last_data_ns = stamp_ns
            self._done = self.settled = True
            return False
        if not payload:
            return False
        if name == BARE or names_error(name):
            if not self.settled and (name != BARE or is_error(payload)):
                self._fail(stamp_ns, error_text(payload))
            return False
        return True

    def _read(self, payload: bytes) -> Chunk | None:
        try:
            return self._decode(payload)
        except UNREADABLE:
            return mended(payload, self._decode)

    def _take_output(self, stamp_ns: int, choices: Sequence[Choice]) -> None:
        bears = False
        for choice in choices:
            content, reasoning = choice.content(), choice.reasoning()
            if content or reasoning:
                bears = True
                if content and self._first_content_ns is None:
                    self._first_content_ns = stamp_ns
                self._said(choice.index or 0).append(reasoning + content if reasoning else content)
                if self._content is not None and not choice.index:
                    self._content.append(content)
            if choice.error:
                self._fail(stamp_ns, error_text(msgspec.json.encode(choice.error)))
            if choice.finish_reason:
                self._finish(choice.index or 0, str(choice.finish_reason))
        if bears:
            self._token_ns.append(stamp_ns)

    def _said(self, index: int) -> list[str]:
        said = self._texts.get(index)
        if said is None:
            said = self._texts[index] = []
        return said

    def _finish(self, index: int, reason: str) -> None:
        self._finish_reason = self._finish_reason or reason
        self._ended.add(index)
        if reason == "error":
            self._error = self._error or "finish_reason is error"
        if len(self._ended) >= self._choices or self._error:
            self.settled = True

    def _take_usage(self, chunk: Chunk) -> None:
        usage, timings = bytes(chunk.usage), bytes(chunk.timings)
        if usage not in NOTHING:
            self._usages.append(usage)
        if timings not in NOTHING:
            self._timings = timings

    def _take_notice(self, stamp_ns: int, chunk: Chunk, payload: bytes) -> None:
        if bytes(chunk.error) not in NOTHING:
            self._fail(stamp_ns, error_text(payload))
        elif chunk.choices is not None or chunk.usage:
            self.last_data_ns = stamp_ns
        elif is_error(payload):
            self._fail(stamp_ns, error_text(payload))

    def _fail(self, stamp_ns: int, message: str) -> None:
        self.last_data_ns = stamp_ns
        self._error = message or "the server sent an error without a message"
        self.settled = True

    def answer(self) -> Answer:
        times = self._token_ns
        usage = read_usage(self._usages, self._timings)
        if usage is not None and usage.output == 0 and times:
            usage = Usage(usage.prompt, None, usage.cached, usage.reasoning)  # no count of what came
        return Answer(
            finished=self._done or len(self._ended) >= self._choices,
            spoke=bool(times),
            token_ns=times,
            first_content_ns=self._first_content_ns,
            last_token_ns=times[-1] if times else None,
            events=len(times),
            finish_reason=self._finish_reason,
            malformed=self._malformed,
            error=self._error,
            fault=self._fault,
            usage=usage,
            text="".join(piece for index in sorted(self._texts) for piece in self._texts[index]),
            content="".join(self._content or ()),
        )


def mended(payload: bytes, decode: Callable[[bytes], Chunk]) -> Chunk | None:
    """A second, lenient reading: invalid UTF-8 becomes U+FFFD as the rules for event streams say, halves of surrogate
    pairs (gateways that cut text by UTF-16 units send them) and NaN are replaced. None: it cannot be read.
    """
    try:
        value = json.loads(payload.decode("utf-8", "replace"), parse_constant=lambda _: None)
        return decode(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (*UNREADABLE, ValueError):
        return None
