"""One timer that follows limits which move."""

from __future__ import annotations

import asyncio
import time

from function.clock import SystemClock
from function.deadline import Deadline, Limit

MS = 1_000_000
clock = SystemClock()


class Kept:
    """Limits a test can move, and what expired when."""

    def __init__(self, *limits: Limit) -> None:
        self.limits = list(limits)
        self.expired: list[tuple[str, int]] = []
        self.asked = 0
        self.deadline = Deadline(clock, asyncio.get_running_loop(), self._limits, self._on)

    def _limits(self) -> list[Limit]:
        self.asked += 1
        return self.limits

    def _on(self, limit: Limit) -> None:
        self.expired.append((limit.kind, clock.now_ns()))


def soon(ms: float) -> int:
    return clock.now_ns() + round(ms * MS)


def test_the_first_of_several_expires_and_only_it() -> None:
    async def go() -> None:
        kept = Kept(Limit(soon(400), "late"), Limit(soon(20), "early"))
        kept.deadline.watch()
        await asyncio.sleep(0.1)
        assert [kind for kind, _ in kept.expired] == ["early"]

    asyncio.run(go())


def test_one_that_moves_away_is_followed_without_being_told() -> None:
    async def go() -> None:
        kept = Kept(Limit(soon(20), "idle"))
        kept.deadline.watch()
        start = time.monotonic()
        while time.monotonic() - start < 0.15:
            kept.limits = [Limit(soon(30), "idle")]
            await asyncio.sleep(0.002)
        assert not kept.expired
        assert kept.asked < 20, "it looks when its timer fires, not at every move"
        last = kept.limits[0].at_ns
        await asyncio.sleep(0.1)
        ((_, at),) = kept.expired
        assert at >= last

    asyncio.run(go())


def test_one_that_comes_nearer_takes_over_when_told() -> None:
    async def go() -> None:
        kept = Kept(Limit(soon(5_000), "total"))
        kept.deadline.watch()
        kept.limits.append(Limit(soon(10), "grace"))
        kept.deadline.watch()
        await asyncio.sleep(0.08)
        assert [kind for kind, _ in kept.expired] == ["grace"]

    asyncio.run(go())


def test_cancelled_or_without_limits_nothing_expires() -> None:
    async def go() -> None:
        none, cancelled = Kept(), Kept(Limit(soon(10), "x"))
        none.deadline.watch()
        cancelled.deadline.watch()
        cancelled.deadline.cancel()
        cancelled.deadline.cancel()
        await asyncio.sleep(0.05)
        assert not none.expired and not cancelled.expired

    asyncio.run(go())


def test_one_already_past_expires_in_the_loop_and_not_in_the_call() -> None:
    async def go() -> None:
        kept = Kept(Limit(soon(-1), "past"))
        kept.deadline.watch()
        assert not kept.expired
        await asyncio.sleep(0.03)
        assert len(kept.expired) == 1

    asyncio.run(go())
