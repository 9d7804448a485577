"""Time that passes only when everybody waits: a clock, an event loop and tickers for tests without real time.

The loop jumps to its next timer whenever nothing is ready, so an hour takes no time and every run is the same. What
would be a thread is a chain of timers, and what would block in an executor is called in place.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from function.alarm import CallAt
from function.fuse import Fuse
from function.rim import Rim
from function.ticker import Step

T = TypeVar("T")
SECOND = 1_000_000_000
EPOCH_NS = 1_700_000_000 * SECOND  # wall time at the clock's zero


class VirtualClock:
    """function.clock.Clock, moved by hand or by the loop. `wall_offset_ns`: how wrong this machine's wall clock is."""

    def __init__(self, wall_offset_ns: int = 0) -> None:
        self.time_ns = 1_000 * SECOND
        self.slept_ns = 0
        self.wall_offset_ns = wall_offset_ns

    def now_ns(self) -> int:
        return self.time_ns

    def awake_ns(self) -> int:
        return self.time_ns - self.slept_ns

    def wall_ns(self) -> int:
        return self.true_unix_ns() + self.wall_offset_ns

    def true_unix_ns(self) -> int:
        return EPOCH_NS + self.time_ns

    def advance(self, seconds: float) -> None:
        self.time_ns += round(seconds * SECOND)

    def suspend(self, seconds: float) -> None:
        self.slept_ns += round(seconds * SECOND)
        self.advance(seconds)


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Where the loop would wait for a timer, the clock goes there."""

    clock: VirtualClock

    def select(self, timeout: float | None = None) -> list[Any]:
        found = super().select(0)
        if found or timeout == 0:
            return found
        if timeout is None:
            raise RuntimeError("everybody waits for something that will never happen")
        self.clock.time_ns += max(1, round(timeout * SECOND))
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: VirtualClock) -> None:
        selector = _Jumping()
        selector.clock = clock
        self._virtual = clock
        super().__init__(selector)

    def time(self) -> float:
        return self._virtual.time_ns / SECOND

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - an executor hands it over as well
            future.set_exception(error)
        return future


class VirtualTicker:
    """function.ticker.Ticker without a thread."""

    def __init__(self, name: str, step: Step, fuse: Fuse) -> None:
        self._step = step
        self._fuse = fuse
        self._handle: asyncio.Handle | None = asyncio.get_running_loop().call_soon(self._run)
        self.stopped = False

    def wake(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = asyncio.get_running_loop().call_soon(self._run)

    def stop(self) -> None:
        self.stopped = True
        if self._handle is not None:
            self._handle.cancel()
        self._handle = None

    def _run(self) -> None:
        self._handle = None
        try:
            wait_s = self._step()
        except BaseException as error:  # noqa: BLE001 - as the real one does
            self._fuse.blow(error)
            return
        if wait_s is not None and not self.stopped:
            self._handle = asyncio.get_running_loop().call_later(wait_s, self._run)


def virtual_rim(clock: VirtualClock) -> Rim:
    return Rim(clock, VirtualTicker, CallAt)


def run(clock: VirtualClock, work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end in virtual time."""
    loop = VirtualLoop(clock)
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()
