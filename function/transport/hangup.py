"""Whether the other side of a socket has hung up in a way that the kernel knows and the loop has not been told yet.

Reads nothing, so it can be asked of a socket that a library reads. Where the platform cannot tell of a half that was
closed (it is Linux that can), it knows of errors and whole ends alone.
"""

from __future__ import annotations

import select
from typing import Protocol

_HALF_CLOSED = getattr(select, "POLLRDHUP", 0)


class Descriptor(Protocol):
    def fileno(self) -> int: ...


def has_hung_up(socket: Descriptor) -> bool:
    poll = select.poll()
    poll.register(socket.fileno(), _HALF_CLOSED)  # errors and whole ends are told unasked
    return bool(poll.poll(0))
