"""Server-sent events out of bytes, however they were cut. Sans-IO: bytes in, events out.

Knows the WHATWG rules of https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream:
lines end with LF, CR or CRLF and nothing else (so U+2028 and U+0085 are ordinary bytes), one byte order mark may come
first, `data:` lines of one event join with LF, a blank line ends an event, comments and unknown fields are passed over.
Two things beyond them, since real servers do so: `finish` hands out an event whose blank line never came, and what
would be lost as an unknown field is handed out where it may be an error: a field named error, a line that is JSON.
Refuses to know what the data mean. Work is linear in the bytes, also for one long line that comes in tiny pieces.
"""

from __future__ import annotations

Event = tuple[bytes, bytes]  # data, event name (b"" where the stream gave none)
BARE = b"{"  # the name under which a line of JSON without a field is handed out: no name begins like that

_BOM = b"\xef\xbb\xbf"
_CR, _LF = 13, 10
HELD_LIMIT = 64 << 20  # bytes of one unfinished event: a server that never ends a line must not take the worker down


class EventTooLong(ValueError):
    """One event grew past HELD_LIMIT."""


class Decoder:
    """Feed it reads in order; it answers each with the events that read completed."""

    __slots__ = ("_after_cr", "_data", "_held", "_lead", "_line", "_name", "between")

    def __init__(self) -> None:
        self._lead: bytes | None = b""  # start of the stream until it is known whether a BOM stands there
        self._line = bytearray()  # a line whose end has not come
        self._after_cr = False  # the last byte was a CR: a LF that follows belongs to it
        self._data: list[bytes] = []
        self._name = b""
        self._held = 0
        self.between = False  # nothing is pending: the next byte begins an event

    def feed(self, chunk: bytes) -> list[Event]:
        """Events completed by `chunk`. Raises EventTooLong."""
        # Nearly every read of a token stream is exactly one plain event: four looks at it are enough.
        plain = self.between and chunk[:6] == b"data: " and chunk[-2:] == b"\n\n"
        if plain and chunk.find(b"\n", 6) == len(chunk) - 2 and b"\r" not in chunk:
            return [(chunk[6:-2], b"")]
        events: list[Event] = []
        for line in self._lines(chunk):
            if line:
                self._field(line, events)
            else:
                self._dispatch(events)
        self.between = not (self._line or self._data or self._name or self._after_cr or self._lead is not None)
        return events

    def finish(self) -> list[Event]:
        """The stream has ended: what still lacks its blank line."""
        line = bytes(self._line) if self._lead is None else self._lead
        events: list[Event] = []
        if line:
            self._field(line, events)
        self._dispatch(events)
        self._line.clear()
        self._lead = None
        return events

    def _lines(self, chunk: bytes) -> list[bytes]:
        if self._lead is not None:
            chunk = self._after_bom(chunk)
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk[0] == _LF:
                chunk = chunk[1:]
        if not chunk:
            return []
        lines = chunk.splitlines()  # on bytes: LF, CR and CRLF only
        self._after_cr = chunk[-1] == _CR
        tail = b"" if chunk[-1] in (_CR, _LF) else lines.pop()
        if lines and self._line:
            lines[0] = bytes(self._line + lines[0])
            self._line.clear()
        if tail:
            self._line += tail
            if len(self._line) + self._held > HELD_LIMIT:
                raise EventTooLong(f"an event of more than {HELD_LIMIT >> 20} MiB")
        return lines

    def _after_bom(self, chunk: bytes) -> bytes:
        lead = (self._lead or b"") + chunk
        if len(lead) < len(_BOM) and _BOM.startswith(lead):
            self._lead = lead
            return b""
        self._lead = None
        return lead[len(_BOM) :] if lead.startswith(_BOM) else lead

    def _field(self, line: bytes, events: list[Event]) -> None:
        if line[:1] == BARE:
            events.append((line, BARE))
            return
        name, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if name == b"data":
            self._data.append(value)
            self._held += len(value)
            if self._held > HELD_LIMIT:
                raise EventTooLong(f"an event of more than {HELD_LIMIT >> 20} MiB")
        elif name == b"event":
            self._name = value
        elif name == b"error" and value:
            events.append((value, name))

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            events.append((data, self._name))
            self._data.clear()
            self._held = 0
        self._name = b""
