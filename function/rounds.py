"""Goes round the open streams a few times a second and looks at those that fell silent.

A transport may tell plain pieces of a stream later (see transport.port.PatientSink). Should the last of them have ended
the answer, with nothing after it, nobody would ever ask for it: this is who does. How late it is moves no time, since
times are stamps of reads.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

EVERY_S = 0.1
_TURN = 16  # streams caught up with in one go: should all fall silent at once, due requests must not wait for all


class Stream(Protocol):
    @property
    def untold(self) -> int:
        """How many reads wait to be told."""
        ...

    def catch_up(self) -> None: ...


class Rounds:
    """Has a timer only while there are streams. Build it inside the running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._streams: dict[Stream, int] = {}  # and how many of its reads waited at the last round
        self._silent: list[Stream] = []
        self._timer: asyncio.TimerHandle | None = None

    def join(self, stream: Stream) -> None:
        self._streams[stream] = 0
        if self._timer is None:
            self._timer = self._loop.call_later(EVERY_S, self._go)

    def leave(self, stream: Stream) -> None:
        """Harmless for one that never joined."""
        self._streams.pop(stream, None)
        if not self._streams and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go(self) -> None:
        self._timer = None
        if not self._silent:
            counts = {stream: stream.untold for stream in self._streams}
            self._silent = [stream for stream, count in counts.items() if count and count == self._streams[stream]]
            self._streams = counts
        for stream in self._silent[:_TURN]:
            stream.catch_up()
        del self._silent[:_TURN]
        if self._streams and self._timer is None:
            self._timer = self._loop.call_later(0.001 if self._silent else EVERY_S, self._go)
