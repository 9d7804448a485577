"""Sessions for a closed loop: conversations whose turns are sent one by one, each once the one before has ended.

Looks like a Window to whoever is free for a new session, and gives the next turn of a session to whom its last one
landed with. A turn's body is built when it is due, since the answer before it is a part of it; a session's turns are
read together and ahead of need, as rows that follow each other under one name. Memory holds the sessions in the air.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from function.arrival import Arrival, Row
from function.fuse import Fuse
from function.window import Prepared, Source

AHEAD = 8  # sessions read ahead
_STARVED_S = 0.001  # how soon to ask again when the decoding thread is behind


class Speaker(Protocol):
    """What knows how prompts are written: function.request.Requester."""

    def prepare(self, arrival: Arrival, before: bytes = b"") -> bytes: ...

    def remember(self, arrival: Arrival, before: bytes, row: Row) -> bytes:
        """What the session has said once this turn has ended as the row says."""
        ...


class Conversation:
    """One session on its way: its turns to come, the first of them being asked, and what was said before that one."""

    __slots__ = ("said", "turns")

    def __init__(self, turns: list[Arrival]) -> None:
        self.turns = deque(turns)
        self.said = b""

    @property
    def turn(self) -> Arrival:
        return self.turns[0]


class Sessions:
    """`head`, `pop`, `exhausted`, `filled` and `close` as a Window's, for first turns. `heard` and then `next_turn` are
    called for each row, in the same synchronous stretch."""

    def __init__(self, source: Source, speaker: Speaker, fuse: Fuse) -> None:
        self.filled: Callable[[], None] = lambda: None
        self._source = source
        self._speaker = speaker
        self._refill = fuse.guard(self._refill_one)
        self._ready: deque[Conversation] = deque()
        self._part: list[Arrival] = []  # turns of the session that is being read
        self._head: Prepared | None = None
        self._asking: dict[int, Conversation] = {}  # by the request_index of the turn in the air
        self._heard: Conversation | None = None
        self._to_come = 0  # turns behind those in the air
        self._timer: asyncio.Handle | None = None
        self._looked = False
        self._closed = False

    @property
    def exhausted(self) -> bool:
        """Nobody will ask anything any more: no session is left, and none in the air goes on."""
        return not self._ready and not self._to_come and not self._part and self._source.exhausted

    def head(self) -> Prepared | None:
        """The first turn of the next session; None at the end and while the source is behind."""
        if not self._ready:
            self._gather()
            self._looked = not self._ready
            self._refill_soon()
        if self._head is None and self._ready:
            turn = self._ready[0].turn
            self._head = Prepared(turn, self._speaker.prepare(turn))
        return self._head

    def pop(self) -> Prepared:
        """Takes the head: its session is in the air from now on."""
        head, self._head = self._head, None
        assert head is not None
        conversation = self._ready.popleft()
        self._asking[head.arrival.request_index] = conversation
        self._to_come += len(conversation.turns) - 1
        self._refill_soon()
        return head

    def heard(self, row: Row) -> None:
        """A turn has ended."""
        conversation = self._asking.pop(row.request_index, None)
        if conversation is None or len(conversation.turns) == 1:
            self._heard = None
            return
        conversation.said = self._speaker.remember(conversation.turn, conversation.said, row)
        conversation.turns.popleft()
        self._heard = conversation

    def next_turn(self) -> Prepared | None:
        """The turn that follows on the one last heard; None where its session is over."""
        conversation, self._heard = self._heard, None
        if conversation is None:
            return None
        self._to_come -= 1
        turn = conversation.turn
        self._asking[turn.request_index] = conversation
        return Prepared(turn, self._speaker.prepare(turn, conversation.said))

    def close(self) -> None:
        """Nothing is to be sent any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _refill_soon(self, wait_s: float = 0.0) -> None:
        if self._timer is None and not self._closed and (self._part or not self._source.exhausted):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(wait_s, self._refill) if wait_s else loop.call_soon(self._refill)

    def _refill_one(self) -> None:
        self._timer = None
        if len(self._ready) >= AHEAD:
            return
        added = self._gather()
        self._refill_soon(0.0 if added else _STARVED_S)
        if self._looked and (added or self._source.exhausted):
            self._looked = False
            self.filled()

    def _gather(self) -> bool:
        """Adds the next session once all its turns could be read."""
        while True:
            arrival = self._source.next()
            if arrival is None and not (self._part and self._source.exhausted):
                return False
            if arrival is not None and (not self._part or _goes_on(self._part[-1], arrival)):
                self._part.append(arrival)
                continue
            self._ready.append(Conversation(self._part))
            self._part = [] if arrival is None else [arrival]
            return True


def _goes_on(last: Arrival, arrival: Arrival) -> bool:
    """Whether it is the session's next turn. Where rows are used again, a session is followed by itself."""
    return arrival.session is not None and arrival.session == last.session and arrival.row == last.row + 1
