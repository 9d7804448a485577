"""Whether the server keeps a connection after its answer, learned from what it does. Knows no socket and no library.

Some servers promise to and hang up all the same: llama.cpp's does after every stream, though its headers say
keep-alive. A request written in that moment is lost through no fault of the endpoint's; a closed loop against it lost 2
to 13 %. So no connection is used again before one has outlived its answer by PROOF_S, and none any more once one has
not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

PROOF_S = 0.05  # the hang-up comes right behind the answer; this leaves a busy server the time to get round to it


class Kept(Protocol):
    """A connection whose answer is whole."""

    def is_open(self) -> bool: ...

    def reuse(self) -> None:
        """May serve the next request."""
        ...

    def hang_up(self) -> None: ...


class Keeping:
    """`later` runs something after so many seconds: loop.call_later."""

    def __init__(self, later: Callable[[float, Callable[[Kept], None], Kept], object]) -> None:
        self.known: bool | None = None
        self._later = later
        self._waiting: set[Kept] = set()

    def answered(self, connection: Kept) -> None:
        """Says what becomes of it, now or after PROOF_S."""
        if self.known is None:
            self._waiting.add(connection)
            self._later(PROOF_S, self._prove, connection)
        elif self.known:
            connection.reuse()
        else:
            connection.hang_up()

    def hung_up(self, after_s: float) -> None:
        """The server closed a connection unasked, so long after its answer."""
        if after_s < PROOF_S:
            self.known = False

    def close(self) -> None:
        while self._waiting:
            self._waiting.pop().hang_up()

    def _prove(self, connection: Kept) -> None:
        if connection not in self._waiting:
            return
        self._waiting.discard(connection)
        if self.known is None:
            self.known = connection.is_open()
        self.answered(connection)
