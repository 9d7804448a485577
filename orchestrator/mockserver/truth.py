"""The truth log: what the server really did with each request, one JSON line each, in order of their ends.

A record is encoded when its request is over (microseconds) and written by a thread of its own at least every 0.2 s and
at the close, so that neither disk nor hashing a large body can move a token. Reading it back needs only this file.
"""

from __future__ import annotations

import asyncio
import os
import threading
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from typing import TypedDict

import msgspec

from orchestrator.mockserver.request import Request

FLUSH_S = 0.1
HASHED_AT_ONCE = 65_536


class TruthRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `*_ns` are CLOCK_REALTIME, `*_boot_ns` CLOCK_BOOTTIME, `*_offset_ns` ns after `arrival_boot_ns`.

    - arrival: number of the completion request, from 0 in order of their heads; null for other routes.
    - id: the X-Request-ID header. connection: number of the TCP connection, from 0.
    - first_byte_*: its first byte was read; arrival_*: its head and body were complete (null: they never were).
    - status: of the answer's head, null when none was sent. fault: the one that was applied, null when none.
    - outcome: done (whole answer written) | refused (4xx or 5xx) | cut | error_event | zombie (its bound reached) |
      client_gone | incomplete (the client left before the request was whole) | open (in flight at shutdown).
    - queue_ns: wait for a slot, null when it never got one. token_offset_ns: when each streamed token was handed
      to the socket, one per event that bears a token, stamped just before the write; empty when not streamed.
    - end_offset_ns: last byte handed over, or the connection was lost (after the first byte if there is no arrival).
    - output_tokens: tokens written, over all choices. body_sha256: null for an empty body.
    """

    arrival: int | None
    id: str | None
    connection: int
    method: str
    path: str
    first_byte_ns: int
    first_byte_boot_ns: int
    arrival_ns: int | None
    arrival_boot_ns: int | None
    status: int | None
    fault: str | None
    outcome: str
    stream: bool | None
    model: str | None
    prompt_tokens: int
    cached_tokens: int
    asked_tokens: int
    output_tokens: int
    queue_ns: int | None
    token_offset_ns: list[int]
    end_offset_ns: int
    body_bytes: int
    body_sha256: str | None = None
    body: str | None = None

    def token_wall_ns(self) -> list[int]:
        """The token times on the wall clock, as it stood at the arrival."""
        return [(self.arrival_ns or 0) + offset for offset in self.token_offset_ns]


class AnswerPart(TypedDict):
    """The part of a record that only a completion which reached the engine has."""

    stream: bool | None
    model: str | None
    prompt_tokens: int
    cached_tokens: int
    asked_tokens: int
    output_tokens: int
    queue_ns: int | None
    token_offset_ns: list[int]


NO_ANSWER = AnswerPart(
    stream=None,
    model=None,
    prompt_tokens=0,
    cached_tokens=0,
    asked_tokens=0,
    output_tokens=0,
    queue_ns=None,
    token_offset_ns=[],
)


def record_of(request: Request, outcome: str, end_boot: int, part: AnswerPart = NO_ANSWER) -> TruthRecord:
    """The record of a request that is over at boot time `end_boot`."""
    whole = request.arrival_boot > 0
    return TruthRecord(
        arrival=request.number,
        id=request.request_id,
        connection=request.connection,
        method=request.method,
        path=request.path,
        first_byte_ns=request.first_byte_wall,
        first_byte_boot_ns=request.first_byte_boot,
        arrival_ns=request.arrival_wall if whole else None,
        arrival_boot_ns=request.arrival_boot if whole else None,
        status=request.status,
        fault=request.fault,
        outcome=outcome,
        end_offset_ns=end_boot - (request.arrival_boot if whole else request.first_byte_boot),
        body_bytes=request.body_bytes,
        **part,
    )


def read_truth(path: Path) -> list[TruthRecord]:
    """The records written so far; a last line still being written is left out."""
    whole = path.read_bytes().rpartition(b"\n")[0]
    return msgspec.json.Decoder(TruthRecord).decode_lines(whole)


class TruthLog:
    """Writes records to a file, which is created anew. Raises OSError when it cannot be."""

    def __init__(self, path: Path, with_bodies: bool = False) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        self._with_bodies = with_bodies
        self._encoder = msgspec.json.Encoder()
        self._lines: list[bytes] = []
        self._work: SimpleQueue[bytes | tuple[TruthRecord, bytes] | None] = SimpleQueue()
        self._error: OSError | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self._write_all, name="truth-log", daemon=True)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begins to write; `loop` is asked for a tick every FLUSH_S."""
        self._thread.start()
        self._next_tick(loop)

    def add(self, record: TruthRecord, body: bytes) -> None:
        """Takes a request that is over. `body` is what it sent."""
        if len(body) > HASHED_AT_ONCE:
            self._work.put((record, body))
            return
        self._lines.append(self._line(record, body))

    def close(self) -> None:
        """Writes what is left. Raises the OSError that kept any line from being written."""
        if self._tick is not None:
            self._tick.cancel()
        self._flush()
        self._work.put(None)
        self._thread.join()
        os.close(self._fd)
        if self._error is not None:
            raise self._error

    def _next_tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._flush()
        self._tick = loop.call_later(FLUSH_S, self._next_tick, loop)

    def _flush(self) -> None:
        if self._lines:
            self._work.put(b"".join(self._lines))
            self._lines = []

    def _line(self, record: TruthRecord, body: bytes) -> bytes:
        if body:
            text = body.decode("utf-8", "replace") if self._with_bodies else None
            record = msgspec.structs.replace(record, body_sha256=sha256(body).hexdigest(), body=text)
        return self._encoder.encode(record) + b"\n"

    def _write_all(self) -> None:
        while (work := self._work.get()) is not None:
            data = work if isinstance(work, bytes) else self._line(*work)
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except OSError as error:
                self._error = self._error or error
