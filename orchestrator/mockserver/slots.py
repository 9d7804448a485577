"""Limited slots with a queue in order of arrival: what makes saturation look like saturation."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Slots(Generic[T]):
    """At most `limit` holders at a time (None: any number); the others wait in order. Pure: it only keeps the books."""

    __slots__ = ("_limit", "_running", "_waiting")

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._running: set[T] = set()
        self._waiting: dict[T, None] = {}

    def enter(self, who: T) -> bool:
        """True when `who` may start now, False when it waits."""
        if self._limit is not None and len(self._running) >= self._limit:
            self._waiting[who] = None
            return False
        self._running.add(who)
        return True

    def leave(self, who: T) -> T | None:
        """`who` is done, or gives up waiting. The one whose turn it is now holds a slot and is returned."""
        if who not in self._running:
            self._waiting.pop(who, None)
            return None
        self._running.discard(who)
        if not self._waiting:
            return None
        following = next(iter(self._waiting))
        del self._waiting[following]
        self._running.add(following)
        return following

    def running(self) -> frozenset[T]:
        return frozenset(self._running)

    def waiting(self) -> int:
        return len(self._waiting)
