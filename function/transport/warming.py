"""Several connections at once, before there is a request for them.

Knows that one comes first (a server that cannot be reached is asked once, not once for each) and that a failure does
not call off the others. Refuses to know what becomes of those that were opened: that is the transport's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from function.transport.port import Failure, TransportError

Opened = TypeVar("Opened")


async def open_together(
    acquire: Callable[[], Awaitable[Opened]], connections: int, opened: list[Opened]
) -> Failure | None:
    """Adds what it opens to `opened` as it comes, so that who is cut short has what is there. The first failure."""

    async def open_one() -> Failure | None:
        try:
            opened.append(await acquire())
        except TransportError as error:
            return error.failure
        return None

    failure = await open_one()
    if failure is not None:
        return failure
    others = await asyncio.gather(*(open_one() for _ in range(connections - 1)))
    return next((other for other in others if other is not None), None)
