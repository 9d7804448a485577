"""What is planted inside a worker process: Python runs this file at its start when its folder is on PYTHONPATH.

BENCHCTL_PLANTED says what, as JSON. Every other process (the orchestrator, the model server) is left alone.
"""

import json
import os
import random
import sys
import threading
import time


def hog(hold_s: float, idle_s: float, seed: int) -> None:
    """A thread that keeps the interpreter to itself for `hold_s`, pauses `idle_s` on average, and again."""
    draw = random.Random(seed)

    def run() -> None:
        while True:
            sys.setswitchinterval(10.0)  # whoever has the interpreter keeps it: this stops the loop dead
            end = time.perf_counter() + hold_s
            while time.perf_counter() < end:
                pass
            time.sleep(idle_s * draw.uniform(0.5, 1.5))

    threading.Thread(target=run, daemon=True).start()


def grid(step_ns: int) -> None:
    """The pacing's alarms ring on a grid of `step_ns` only, as a coarse loop timer would."""
    from dataclasses import replace

    from function.alarm import TimerFd
    from function.open_loop import OpenLoop

    class Coarse(TimerFd):
        def set(self, due_ns: int) -> None:
            super().set(-(-due_ns // step_ns) * step_ns)

    made = OpenLoop.__init__

    def init(self, limits, window, flight, rim) -> None:  # type: ignore[no-untyped-def]
        made(self, limits, window, flight, replace(rim, open_alarm=Coarse))

    OpenLoop.__init__ = init  # type: ignore[method-assign]


def drop(indices: list[int]) -> None:
    """These requests are neither sent nor recorded: a worker that forgets."""
    from function.flight import Flight

    gone, start = frozenset(indices), Flight.start

    def forgetful(self, arrival, body) -> None:  # type: ignore[no-untyped-def]
        if arrival.request_index not in gone:
            start(self, arrival, body)

    Flight.start = forgetful  # type: ignore[method-assign]


def clock(offset_ns: int) -> None:
    """The machine's wall clock is off."""
    from function.clock import SystemClock

    SystemClock.wall_ns = lambda self: time.time_ns() + offset_ns  # type: ignore[method-assign]


if "function.entry.local" in sys.orig_argv and "BENCHCTL_PLANTED" in os.environ:
    planted = json.loads(os.environ["BENCHCTL_PLANTED"])
    {"hog": hog, "grid": grid, "drop": drop, "clock": clock}[planted.pop("what")](**planted)
