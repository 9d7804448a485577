"""What the interpreter and the process must not do in the middle of a measurement.

Collections: what is alive at the start is frozen out of them, and the others wait for YOUNG more objects made than
freed. A request leaves no cycles behind (measured: 0 objects), so none should ever come; should something leak cycles,
memory stays bounded at the price of a pause (about 15 ms) every so many thousand requests, instead of many short ones.
Threads: whoever waits for the interpreter asks for it after SWITCH_S instead of 5 ms. The threads that poll, encode and
store then hold the loop up by 1 ms where it was 6.
"""

from __future__ import annotations

import gc
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

YOUNG = 100_000
SWITCH_S = 0.0005


@contextmanager
def quiet() -> Iterator[None]:
    """For the time of one invocation; a warm sandbox gets back what it had."""
    thresholds, interval_s = gc.get_threshold(), sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 50, 1000)
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(interval_s)
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def lift_file_limit() -> None:
    """A connection is a file: take as many as the system lets this process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # macOS caps it below an unlimited hard limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
