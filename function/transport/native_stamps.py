"""When the kernel received what a read brought, on the worker's clock.

SO_TIMESTAMPNS gives the wall clock's time of the newest segment in a read; a busy loop delays it by nothing (though of
two events of one connection that came while the loop was away, read together, only the newer has its own). The
offset between the wall clock and ours is sampled once a batch of reads. Both run at one rate (what slews one slews the
other), so the offset changes only where the wall clock is set: a step above STEP_NS is counted, and stamps from before
it was seen are not believed. Where there is no stamp, or none to believe, the instant of the read stands in.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence

from function.clock import Clock
from function.transport.port import Stamping

# socket.h of Linux; Python has no name for it. The layout of the stamp is that of 64-bit systems.
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@qq")
ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0
STEP_NS = 100_000
_NOISE_NS = 5_000  # two clocks are read one after the other: an interruption between looks like a step
_TRIES = 5
_MISSING_PER_READ = 0.001  # the kernel switches stamping on a moment after it was asked to

Ancillary = Sequence[tuple[int, int, bytes]]


class KernelStamps:
    """`wall` is the clock the kernel stamps with."""

    def __init__(self, clock: Clock, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self.changing: Callable[[], None] = lambda: None  # called before the offset changes: ask for older stamps now
        self._now = clock.now_ns
        self._wall = wall_ns
        self._offset_ns, self._now_ns = self._best_of(_TRIES)
        self._believed_from_ns = 0
        self._reads = 0
        self._missing = 0
        self._steps = 0

    @property
    def stamping(self) -> Stamping:
        kernel = self._reads > 0 and self._missing <= self._reads * _MISSING_PER_READ
        return Stamping(kernel, self._steps)

    def ask(self, connection: socket.socket) -> None:
        """Before its first byte comes. A kernel without stamps (gVisor, say) gives none, and that is seen at reads."""
        if sys.platform == "linux" and sys.maxsize > 1 << 32:
            try:
                connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            except OSError:
                return

    def sample(self) -> None:
        """At the start of each batch of reads."""
        wall_ns = self._wall()
        self._now_ns = now_ns = self._now()
        moved_ns = now_ns - wall_ns - self._offset_ns
        if 0 <= moved_ns < _NOISE_NS:
            return
        offset_ns, now_ns = self._best_of(_TRIES)
        if abs(offset_ns - self._offset_ns) < _NOISE_NS:
            return
        self.changing()
        if abs(offset_ns - self._offset_ns) > STEP_NS:
            self._steps += 1
            self._believed_from_ns = now_ns
        self._offset_ns, self._now_ns = offset_ns, now_ns

    def of(self, ancillary: Ancillary) -> int:
        """The stamp of a read on the worker's clock, ns. `ancillary` is recvmsg's, of a socket that was asked."""
        self._reads += 1
        if not ancillary:
            self._missing += 1
            return self._now()
        seconds, rest_ns = _TIMESPEC.unpack(ancillary[0][2])
        stamp_ns: int = seconds * 1_000_000_000 + rest_ns + self._offset_ns
        if self._believed_from_ns < stamp_ns <= self._now_ns:
            return stamp_ns
        return self._believed(stamp_ns)

    def of_all(self, ancillaries: Sequence[Ancillary]) -> list[int]:
        """The stamps of several reads, in order. None of them lacks its stamp."""
        self._reads += len(ancillaries)
        words = struct.unpack(f"@{2 * len(ancillaries)}q", b"".join([ancillary[0][2] for ancillary in ancillaries]))
        offset_ns = self._offset_ns
        stamps = [whole * 1_000_000_000 + rest + offset_ns for whole, rest in zip(words[::2], words[1::2])]
        if self._believed_from_ns < min(stamps) and max(stamps) <= self._now_ns:
            return stamps
        return [self._believed(stamp_ns) for stamp_ns in stamps]

    def _believed(self, stamp_ns: int) -> int:
        now_ns = self._now()  # it came while the batch was read, or the wall clock was set
        return min(stamp_ns, now_ns) if stamp_ns > self._believed_from_ns else now_ns

    def _best_of(self, tries: int) -> tuple[int, int]:
        """The offset of the reading that was interrupted least, and the time of the last."""
        best_ns = now_ns = 0
        for turn in range(tries):
            wall_ns = self._wall()
            now_ns = self._now()
            best_ns = now_ns - wall_ns if turn == 0 else min(best_ns, now_ns - wall_ns)
        return best_ns, now_ns
