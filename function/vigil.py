"""Works, and looks up every few milliseconds: has the gate stopped, was the process told to end, is something broken?

The gate is asked at every send besides; this is what ends the waiting, cancels what is in flight, and turns a thread's
or a callback's error into the worker's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from function.contract.errors import StoreError
from function.fuse import Fuse
from function.gate import Gate, Stop

LOOK_S = 0.05


class Vigil:
    """`interrupted` says why this process was told to end, `unstored` why records cannot be kept; None: all well."""

    def __init__(
        self,
        gate: Gate,
        fuse: Fuse,
        interrupted: Callable[[], str | None],
        unstored: Callable[[], StoreError | None],
    ) -> None:
        self._gate = gate
        self._fuse = fuse
        self._interrupted = interrupted
        self._unstored = unstored

    def look(self) -> Stop | None:
        """The gate's stop, after telling it of this side's own. Raises what blew the fuse."""
        self._fuse.check()
        told = self._interrupted()
        if told is not None:
            self._gate.halt("abort", "user", told)
        unstored = self._unstored()
        if unstored is not None:
            self._gate.halt("failed", "lease", str(unstored))
        return self._gate.stop()

    async def unless_stopped(self, work: Coroutine[Any, Any, None]) -> Stop | None:
        """Runs `work` to its end (None), or cancels it at a stop and returns that. Raises what `work` raises."""
        task = asyncio.create_task(work)
        try:
            while not task.done():
                stop = self.look()
                if stop is not None:
                    return stop
                await asyncio.wait({task}, timeout=LOOK_S)
            task.result()
            self._fuse.check()
            return None
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
