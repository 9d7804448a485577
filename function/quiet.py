"""What the interpreter and the process must not do in the middle of a measurement.

Collections: everything alive at the start is frozen out of them, and automatic ones are off, since a full one over the
objects in flight stops the loop for milliseconds. A request leaves (next to) no cycles behind; what it does leave is
collected when the run is over.
Threads: whoever waits for the interpreter asks for it after SWITCH_S instead of 5 ms, so the threads that poll, encode
and store hold up the loop by no more than that between two bytecodes.
"""

from __future__ import annotations

import gc
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SWITCH_S = 0.0005


@contextmanager
def quiet() -> Iterator[None]:
    """For the time of one invocation; a warm sandbox gets back what it had."""
    enabled, interval_s = gc.isenabled(), sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(interval_s)
        gc.unfreeze()
        if enabled:
            gc.enable()


def lift_file_limit() -> None:
    """A connection is a file: take as many as the system lets this process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # macOS caps it below an unlimited hard limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
