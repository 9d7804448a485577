"""What this machine gives a launch: the interpreter, open files, cores, a clock that is not far off.

Each is a warning unless a run could not begin at all: how much a run needs, only its plan knows.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator

from orchestrator.checkup.check import Check

FEW_FILES = 1024  # a lane's 500 streams, their sockets' spares, and what a process opens besides
OLDEST, NEWEST = (3, 11), (3, 13)
CLOCK_S = 1.0


def machine() -> Iterator[Check]:
    yield _python(sys.version_info[:2])
    yield _files()
    yield _cores(cpus())


def cpus() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def clock(offset_s: float, error_s: float) -> Check:
    """This machine's clock against the store's: `offset_s` is what is proven, give or take `error_s`."""
    what = f"{abs(offset_s):.3g} s from the store's clock, known to {error_s:.2g} s"
    if abs(offset_s) <= CLOCK_S:
        return Check("clock", "ok", what)
    hint = "set the clock (a time service such as chrony): instants of the run are told in the store's time"
    return Check("clock", "warn", what, hint)


def _python(version: tuple[int, int]) -> Check:
    what = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if OLDEST <= version <= NEWEST:
        return Check("python", "ok", what)
    return Check("python", "warn", what, f"tested with {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}")


def _files() -> Check:
    if sys.platform == "win32":
        return Check("open_files", "ok", "no limit of the system's")
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = "unlimited" if hard == resource.RLIM_INFINITY else f"{hard:,}"
    what = f"{soft:,} open files a process, which a launch raises to {most}"
    if hard == resource.RLIM_INFINITY or hard >= FEW_FILES:
        return Check("open_files", "ok", what)
    return Check("open_files", "warn", what, f"ulimit -n {FEW_FILES}: each open stream takes one")


def _cores(count: int) -> Check:
    what = f"{count} core{'' if count == 1 else 's'}"
    if count > 1:
        return Check("cores", "ok", what)
    return Check("cores", "warn", what, "a lane and its launch share one core: watch the schedule delay")
