"""Ctrl-C, SIGTERM and SIGHUP. While a run is watched the first one asks for an abort; any other raises.

A nervous hand taps twice: a second Ctrl-C within a second of the first is the same one, and costs nobody the report.

`Interrupted` reaches whoever holds processes, and its `finally` ends them: a second Ctrl-C never leaves any behind.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Literal

NUMBERS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
SAME_TAP_S = 1.0


class Interrupted(KeyboardInterrupt):
    """The person, or the machine, wants this process to end now."""


class Interrupts:
    """A context manager of the main thread; elsewhere (a test's thread) it changes nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tapped_s = float("-inf")  # when the first Ctrl-C came
        self._asked = threading.Event()
        self._raising: Literal["always", "again", "never"] = "always"
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in NUMBERS:
                if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                    self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep, unless and until somebody interrupts."""
        if self._asked.is_set():
            threading.Event().wait(seconds)
        else:
            self._asked.wait(seconds)

    @contextmanager
    def graceful(self) -> Iterator[None]:
        """Inside, the first interrupt only sets `asked`."""
        with self._while("again"):
            yield

    @contextmanager
    def held_off(self) -> Iterator[None]:
        """Inside, none raises: for the few seconds in which processes are ended."""
        with self._while("never"):
            yield

    @contextmanager
    def _while(self, raising: Literal["again", "never"]) -> Iterator[None]:
        before, self._raising = self._raising, raising
        try:
            yield
        finally:
            self._raising = before

    def _caught(self, number: int, frame: FrameType | None) -> None:
        again = self._asked.is_set()
        self._asked.set()
        if number == signal.SIGINT:
            if again and self._clock() - self._tapped_s < SAME_TAP_S:
                return
            self._tapped_s = self._clock()
        if self._raising == "always" or (self._raising == "again" and again):
            raise Interrupted(signal.Signals(number).name)
