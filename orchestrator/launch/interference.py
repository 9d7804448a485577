"""A tiny process beside the run that sleeps 1 ms over and over: when that takes 10 ms too long, the machine was busy.

What it sees is the machine's doing and not the run's, so it says whom to blame for a stall. It runs this very file in
an interpreter without site packages: it must cost next to nothing, and its own interpreter must be nobody else's.
"""

from __future__ import annotations

import select
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

SLEEP_MS = 1
OVERSHOOT_MS = 10
MOST = 10_000  # events kept; the count goes on


@dataclass(frozen=True, slots=True)
class Overshoot:
    """The sleep that ended at `at_unix_ns` took `late_ns` too long."""

    at_unix_ns: int
    late_ns: int


class Probe:
    """Runs from construction to `stop`; dies with this process, whose end closes its standard input."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        with suppress(OSError):  # no process to spare: then nothing is said about the machine
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )

    def stop(self) -> list[Overshoot]:
        """What it saw; empty on a second call."""
        process, self._process = self._process, None
        if process is None:
            return []
        try:
            written, _ = process.communicate(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            written, _ = process.communicate()
        pairs = (line.split() for line in written.splitlines())
        return [Overshoot(int(pair[0]), int(pair[1])) for pair in pairs if len(pair) == 2]


def watch_machine() -> None:
    """Sleeps until standard input closes, then writes one line per overshoot: unix ns, ns too long."""
    poll = select.poll()
    poll.register(sys.stdin, select.POLLIN)
    found: list[tuple[int, int]] = []
    before = time.monotonic_ns()
    while not poll.poll(SLEEP_MS):
        now = time.monotonic_ns()
        late = now - before - SLEEP_MS * 1_000_000
        if late > OVERSHOOT_MS * 1_000_000 and len(found) < MOST:
            found.append((time.time_ns(), late))
        before = time.monotonic_ns()
    print("\n".join(f"{at} {late}" for at, late in found))


if __name__ == "__main__":
    watch_machine()
