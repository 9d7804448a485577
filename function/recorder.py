"""Rows on their way to the store: gathered on the loop, encoded and written by a thread, in order, nothing dropped.

A part is one object under a key of this attempt's own, created once; a write that failed is tried again with growing
pauses for as long as the worker lives. What cannot be stored is a failed run, so a failure is kept and shown, never
swallowed. Memory is bounded: parts that pile up past MOST_BYTES, or rows past MOST_ROWS while a write hangs, are such
a failure.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from function.arrival import InFlight, Row
from function.clock import Clock
from function.contract import keys
from function.contract.codec import digest
from function.contract.errors import StoreDenied, StoreError
from function.contract.receipt import Part
from function.fuse import Fuse
from function.parts import Rows, encode_part
from function.store.owned import create_or_read
from function.store.port import ObjectStore
from function.ticker import Running, Spawn

PART_ROWS = 100_000
PART_GAPS = 8_000_000
MOST_BYTES = 128 * 1024 * 1024
MOST_ROWS = 300_000  # about 1 KB each until they are encoded
_IDLE_S = 1.0
_CHECK_S = 0.02
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class Encoded(NamedTuple):
    part: Part
    body: bytes


class PartWriter:
    """`step` belongs to one thread. `parts` lists what is stored, in order."""

    def __init__(self, store: ObjectStore, shard: str, attempt: int) -> None:
        self.parts: list[Part] = []
        self.failure: StoreError | None = None
        self._store = store
        self._shard = shard
        self._attempt = attempt
        self._taken: deque[Rows] = deque()
        self._taken_count = 0
        self._encoded: deque[Encoded] = deque()
        self._pause_s = _FIRST_PAUSE_S

    def take(self, rows: Rows) -> None:
        """Called by the loop. Whoever watches `failure` ends the run; the rows are kept all the same."""
        self._taken_count += 1
        self._taken.append(rows)
        waiting = sum(len(one.values) for one in list(self._taken))
        if waiting > MOST_ROWS and self.failure is None:
            self.failure = _unstored(f"{waiting} rows wait for a write that does not come back")

    @property
    def taken_any(self) -> bool:
        return self._taken_count > 0

    @property
    def idle(self) -> bool:
        """Everything taken is stored."""
        return len(self.parts) == self._taken_count

    def step(self) -> float | None:
        """Encode what was taken, then try to store the oldest part. None after a failure that will not heal."""
        while self._taken:
            self._encode(self._taken.popleft())
        if not self._encoded:
            return _IDLE_S  # woken when something is taken
        try:
            self._store_oldest()
        except StoreDenied as error:
            self.failure = error
            return None
        except StoreError as error:
            pending = sum(len(encoded.body) for encoded in self._encoded)
            if pending > MOST_BYTES:
                self.failure = _unstored(f"{pending} bytes of records wait to be stored: {error}")
                return None
            pause_s, self._pause_s = self._pause_s, min(2 * self._pause_s, _LONGEST_PAUSE_S)
            return pause_s
        self._pause_s = _FIRST_PAUSE_S
        return 0.0

    def _encode(self, rows: Rows) -> None:
        body = encode_part(rows, self._shard, self._attempt)
        key = keys.part(keys.attempt_id(self._shard, self._attempt), len(self.parts) + len(self._encoded))
        self._encoded.append(Encoded(Part(key, len(rows.values), len(body), digest(body)), body))

    def _store_oldest(self) -> None:
        part, body = self._encoded[0]
        if create_or_read(self._store, part.key, body).body != body:
            raise StoreDenied(f"{part.key} holds something that this attempt did not write")
        self._encoded.popleft()
        self.parts.append(part)


class Recorder:
    """The loop's side. `in_flight` says what was sent and has no row yet; every part lists it."""

    def __init__(self, writer: PartWriter, in_flight: Callable[[], list[InFlight]]) -> None:
        self._writer = writer
        self._in_flight = in_flight
        self._rows = Rows.empty()
        self._listed: list[InFlight] = []
        self._thread: Running | None = None

    def start(self, spawn: Spawn, fuse: Fuse) -> None:
        self._thread = spawn("parts", self._writer.step, fuse)

    def stop(self) -> None:
        if self._thread is not None:
            self._thread.stop()

    def record(self, row: Row) -> None:
        self._rows.add(row)
        if len(self._rows.values) >= PART_ROWS or len(self._rows.gaps) >= PART_GAPS:
            self.flush()

    def flush(self, last: bool = False) -> None:
        """Hand over what came since the last flush. Without news there is no part, except the last one when there is
        none yet: every attempt that ran leaves at least one."""
        listed = self._in_flight()
        if self._rows.values or listed != self._listed or (last and not self._writer.taken_any):
            self._rows.in_flight = self._listed = listed
            self._writer.take(self._rows)
            self._rows = Rows.empty()
            if self._thread is not None:
                self._thread.wake()

    async def drained(self, clock: Clock, until_ns: int) -> None:
        """Returns when everything handed over is stored. Raises StoreError when it failed, or is not by then."""
        while not self._writer.idle:
            if self._writer.failure is not None:
                raise self._writer.failure
            if clock.now_ns() >= until_ns:
                raise _unstored("the records could not be stored before the worker's end")
            await asyncio.sleep(_CHECK_S)


def _unstored(message: str) -> StoreError:
    return StoreError(message, code="records_not_stored")
