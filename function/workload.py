"""A shard's requests, read from its workload part a few at a time and ahead of need, as Arrivals.

A slice of a million requests must not sit in memory as Python objects, and decoding must not hold the interpreter for
long: batches are cut into chunks of CHUNK_ROWS (0.3 ms each), decoded by a thread, AHEAD of them at most.
Times leave here as ns since the run's t0. Prompts stay what they are in the part: pieces of texts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from io import BytesIO
from itertools import count
from typing import Any, NamedTuple

from arro3.io import read_ipc

from function.arrival import Arrival, Piece
from function.contract.errors import ContractError
from function.contract.workload import COLUMNS, session_name
from function.fuse import Fuse
from function.ticker import Running, Spawn

CHUNK_ROWS = 128
AHEAD = 8
_IDLE_S = 1.0


class Chunk(NamedTuple):
    """`columns`: a list per contract.workload.COLUMNS, all of one length. `first_row` counts from the part's start,
    `pass_` how often the part was read before."""

    pass_: int
    first_row: int
    columns: tuple[list[Any], ...]


class Reuse(NamedTuple):
    """A closed loop by time that ran out of rows starts over under new indices: the next unused ones of its block."""

    next_index: int
    stride: int
    limit: int


class Supply:
    """The arrivals of one shard in order. `step` belongs to its thread, everything else to the loop.

    `next` gives None both at the end (`exhausted`) and while the thread is behind (ask again soon).
    """

    def __init__(self, body: bytes, reuse: Reuse | None = None) -> None:
        self.phase_ns = 0  # the phase's t0 since the run's t0; set once go is known
        self._source = _passes(body, endless=reuse is not None)
        self._ready: deque[Chunk] = deque()
        self._read_all = False
        self._reuse = reuse
        self._next_index = reuse.next_index if reuse else 0
        self._spent = False
        self._chunk = Chunk(0, 0, ([],))
        self._at = 0
        self._thread: Running | None = None

    def start(self, spawn: Spawn, fuse: Fuse) -> None:
        self._thread = spawn("workload", self.step, fuse)

    def stop(self) -> None:
        if self._thread is not None:
            self._thread.stop()

    def step(self) -> float | None:
        """Decode one chunk, unless enough lie ready. Raises ContractError when the part cannot be read."""
        if len(self._ready) >= AHEAD:
            return _IDLE_S  # `next` wakes the thread when it takes one
        chunk = next(self._source, None)
        if chunk is None:
            self._read_all = True
            return None
        self._ready.append(chunk)
        return 0.0

    @property
    def exhausted(self) -> bool:
        read_all = self._read_all  # before the look at what lies ready: the thread sets it last
        return self._spent or (read_all and not self._ready and self._at == len(self._chunk.columns[0]))

    def next(self) -> Arrival | None:
        if self._spent or (self._at == len(self._chunk.columns[0]) and not self._turn()):
            return None
        at, self._at = self._at, self._at + 1
        index, scheduled, stage, output, _, model, session, *pieces = (column[at] for column in self._chunk.columns)
        if self._reuse is not None:
            index = self._number(index, self._reuse)
            if index is None:
                self._spent = True
                return None
        due_ns = self.phase_ns + scheduled
        return Arrival(
            request_index=index,
            row=self._chunk.first_row + at,
            stage=stage,
            scheduled_ns=due_ns,
            eligible_ns=due_ns,
            output_tokens=None if output < 0 else output,
            model=model,
            session=session_name(session, self._chunk.pass_),
            pieces=tuple(map(Piece, *pieces)),
        )

    def _turn(self) -> bool:
        """To the next chunk; False when none lies ready."""
        if not self._ready:
            return False
        self._chunk, self._at = self._ready.popleft(), 0
        if self._thread is not None:
            self._thread.wake()
        return True

    def _number(self, index: int, reuse: Reuse) -> int | None:
        """A row's own index the first time it is used; afterwards the next unused one, None past the block's end."""
        if self._chunk.pass_:
            index = self._next_index
            if index >= reuse.limit:
                return None
        self._next_index = max(self._next_index, index + reuse.stride)
        return index


def _passes(body: bytes, endless: bool) -> Iterator[Chunk]:
    for pass_ in count():
        row = 0
        for columns in _chunks(body):
            yield Chunk(pass_, row, columns)
            row += len(columns[0])
        if not endless or not row:
            return


def _chunks(body: bytes) -> Iterator[tuple[list[Any], ...]]:
    names = [name for name, _ in COLUMNS]
    try:
        for batch in read_ipc(BytesIO(body)):
            for start in range(0, batch.num_rows, CHUNK_ROWS):
                cut = batch.slice(start, min(CHUNK_ROWS, batch.num_rows - start))
                yield tuple(list(cut.column(name).to_pylist()) for name in names)
    except Exception as error:  # arro3 raises bare Exceptions
        raise ContractError(f"the workload part cannot be read: {error}") from error
