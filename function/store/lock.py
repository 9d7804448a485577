"""One exclusive lock per folder, between threads and processes of one machine: flock on the file `lock` in it.

Every acquisition opens the file anew, so threads of one process exclude each other like processes do. The kernel
releases the lock of a process that died; it does not release that of a process that was stopped (SIGSTOP, a debugger,
a frozen container), so nobody here waits without a limit. What to do without the lock is the caller's decision.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

NAME = "lock"
_FIRST_PAUSE_S = 0.000_2
_LONGEST_PAUSE_S = 0.005


@contextmanager
def locked(folder: str, wait_s: float) -> Iterator[bool]:
    """Hold the lock of an existing `folder` and yield True; after `wait_s` without it, go on and yield False.

    Raises OSError where the lock's file cannot be opened or the file system has no locks.
    """
    lock = os.open(os.path.join(folder, NAME), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        held = _acquired(lock, time.monotonic() + wait_s)
        try:
            yield held
        finally:
            if held:
                # Closing is not enough: a child forked meanwhile has a copy of the descriptor, and the lock with it.
                fcntl.flock(lock, fcntl.LOCK_UN)
    finally:
        os.close(lock)


def _acquired(lock: int, deadline_s: float) -> bool:
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return False
            time.sleep(min(pause_s, left_s))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        else:
            return True
