"""A thread of its own for work that may block: polls, progress, the storing of parts, decoding ahead.

A step does one piece of work and says when it wants to be called again. Steps of one ticker never overlap, and nothing
outlives `stop`: a warm sandbox must not thaw one invocation's thread inside the next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from function.fuse import Fuse

_JOIN_S = 30.0  # longer than any store adapter lets one call take

Step = Callable[[], float | None]  # seconds until the next call, or None: never again


class Running(Protocol):
    def wake(self) -> None:
        """Call the step again now."""
        ...

    def stop(self) -> None:
        """Returns once the step's last call has ended. Blocks; safe to call twice."""
        ...


class Spawn(Protocol):
    def __call__(self, name: str, step: Step, fuse: Fuse) -> Running: ...


class Ticker:
    """Started when made. An error of the step ends it and blows the fuse."""

    def __init__(self, name: str, step: Step, fuse: Fuse) -> None:
        self._step = step
        self._fuse = fuse
        self._woken = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"benchctl-{name}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        self._stopped = True
        self._woken.set()
        self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            raise RuntimeError(f"the thread {self._thread.name} did not end within {_JOIN_S:g} s")

    def _run(self) -> None:
        try:
            while not self._stopped:
                wait_s = self._step()
                if wait_s is None:
                    return
                self._woken.wait(wait_s)
                self._woken.clear()
        except BaseException as error:  # noqa: BLE001 - carried to who waits; a panic inside arro3 is no Exception
            self._fuse.blow(error)
