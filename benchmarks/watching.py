"""What a command and everything it starts use: CPU and memory of the process tree, sampled from /proc.

A process that has ended keeps counting with what it had used when it was last seen. Memory is the sum of the resident
sets, so pages that forked processes share count once for each. A tick of CPU is 10 ms: use it over seconds.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """`at_ns`: CLOCK_BOOTTIME. `cpu_s` of the tree since it began."""

    at_ns: int
    cpu_s: float
    rss_bytes: int
    processes: int


@dataclass(frozen=True, slots=True)
class Seen:
    """One process of the tree as it was last seen."""

    pid: int
    parent: int
    command: str
    cpu_s: float
    rss_bytes: int
    high_bytes: int
    threads: int
    files: int


class Watch:
    """Samples the tree below `pid` (and it) until closed. `found` is called for each process when it
    is first seen, and when it has become another program."""

    def __init__(self, pid: int, every_s: float = 0.1, found: Callable[[Seen], None] = lambda seen: None) -> None:
        self.samples: list[Sample] = []
        self.processes: dict[int, Seen] = {}
        self.courses: dict[int, list[tuple[int, Seen]]] = {}
        self._pid = pid
        self._every_s = every_s
        self._found = found
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def cpu_between(self, start_ns: int, end_ns: int) -> float:
        """CPU seconds of the tree from the last sample before `start_ns` to the first after `end_ns`."""
        before = [sample.cpu_s for sample in self.samples if sample.at_ns <= start_ns]
        after = [sample.cpu_s for sample in self.samples if sample.at_ns >= end_ns]
        return (after[0] if after else self.samples[-1].cpu_s) - (before[-1] if before else 0.0)

    @property
    def most_rss_bytes(self) -> int:
        return max((sample.rss_bytes for sample in self.samples), default=0)

    def _run(self) -> None:
        while not self._over.is_set():
            self._look()
            self._over.wait(self._every_s)
        self._look()

    def _look(self) -> None:
        at_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        alive = tree(self._pid)
        for seen in alive:
            known = self.processes.get(seen.pid)
            if known is None or known.command != seen.command:
                self._found(seen)
            self.processes[seen.pid] = seen
            self.courses.setdefault(seen.pid, []).append((at_ns, seen))
        cpu_s = sum(seen.cpu_s for seen in self.processes.values())
        self.samples.append(Sample(at_ns, cpu_s, sum(seen.rss_bytes for seen in alive), len(alive)))


def tree(pid: int) -> list[Seen]:
    """Every process that descends from `pid`, and it. Those that end while we look are left out."""
    known = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = _stat(int(name))
            if stat is not None:
                known[int(name)] = stat
    chosen, fresh = {pid}, {pid}
    while fresh:
        fresh = {one for one, stat in known.items() if stat[0] in fresh} - chosen
        chosen |= fresh
    seen = (_seen(one, known[one]) for one in chosen if one in known)
    return [one for one in seen if one is not None]


def _stat(pid: int) -> tuple[int, float, int] | None:
    """Parent, CPU s, threads."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS, int(fields[17])


def _seen(pid: int, stat: tuple[int, float, int]) -> Seen | None:
    try:
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        status = Path(f"/proc/{pid}/status").read_text()
        files = len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None
    if not command:  # over, and not yet waited for
        return None
    high = next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), resident)
    return Seen(pid, stat[0], command, stat[1], resident, high, stat[2], files)
