"""A worker's doubt about itself: how late its own loop ran, what the process used, whether the machine slept.

Lag is sampled at fixed instants 10 ms apart. One stall makes every instant inside it late, and each of them counts:
sampling only what comes after a stall would hide how long the loop was away.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from function.clock import Clock
from function.contract.receipt import Health, HealthSecond
from function.rim import Rim
from function.transport.port import Stamping

SAMPLE_NS = 10_000_000
_SECOND_NS = 1_000_000_000
_BIN_NS = 10_000  # lags are kept to 10 us, so that an hour costs no more memory than a minute


class HealthProbe:
    """Samples between `start` and `close`. `counts` gives requests in flight and sent so far."""

    def __init__(self, rim: Rim, cold_start_ns: int, counts: Callable[[], tuple[int, int]]) -> None:
        self._rim = rim
        self._clock = rim.clock
        self._cold_start_ns = cold_start_ns
        self._counts = counts
        self._asleep_ns = _asleep_ns(self._clock)
        self._seconds: list[HealthSecond] = []
        self._lags: Counter[int] = Counter()
        self._second_lags: list[int] = []

    def start(self, origin_ns: int) -> None:
        """`origin_ns`: the run's t0 on the worker's clock."""
        self._origin_ns = origin_ns
        self._alarm = self._rim.open_alarm(self._clock, self._rim.fuse.guard(self._sample))
        now_ns = self._clock.now_ns()
        self._due_ns = now_ns + SAMPLE_NS
        self._begin_second(now_ns)
        self._alarm.set(self._due_ns)

    def close(self, stamping: Stamping) -> Health:
        """`stamping`: of what received the answers."""
        self._alarm.close()
        self._end_second(self._clock.now_ns())
        lags = sorted(self._lags.items())
        return Health(
            cpu_p95=_quantile(sorted(second.cpu for second in self._seconds), 0.95),
            loop_lag_p50_ns=_lag_quantile(lags, 0.50),
            loop_lag_p99_ns=_lag_quantile(lags, 0.99),
            loop_lag_max_ns=max((second.loop_lag_max_ns for second in self._seconds), default=0),
            suspended_ns=max(0, _asleep_ns(self._clock) - self._asleep_ns),
            cold_start_ns=self._cold_start_ns,
            rss_max_bytes=_rss_max_bytes(),
            seconds=tuple(self._seconds),
            kernel_stamps=stamping.kernel,
            clock_steps=stamping.clock_steps,
        )

    def _sample(self) -> None:
        now_ns = self._clock.now_ns()
        while self._due_ns <= now_ns:
            self._second_lags.append(now_ns - self._due_ns)
            self._lags[(now_ns - self._due_ns) // _BIN_NS] += 1
            self._due_ns += SAMPLE_NS
        if now_ns - self._began_ns >= _SECOND_NS:
            self._end_second(now_ns)
            self._begin_second(now_ns)
        self._alarm.set(self._due_ns)

    def _begin_second(self, now_ns: int) -> None:
        self._began_ns = now_ns
        self._began_cpu_ns = time.process_time_ns()
        self._began_sent = self._counts()[1]
        self._second_lags = []

    def _end_second(self, now_ns: int) -> None:
        if not self._second_lags:
            return
        in_flight, sent = self._counts()
        lags = sorted(self._second_lags)
        cpu_ns = time.process_time_ns() - self._began_cpu_ns
        self._seconds.append(
            HealthSecond(
                at_s=round((self._began_ns - self._origin_ns) / 1e9, 3),
                cpu=round(cpu_ns / max(1, now_ns - self._began_ns), 4),
                loop_lag_p99_ns=int(_quantile(lags, 0.99)),
                loop_lag_max_ns=lags[-1],
                in_flight=in_flight,
                sent=sent - self._began_sent,
            )
        )


def process_started_ns(clock: Clock) -> int:
    """When this process was started, on a clock that counts from boot (Linux, to 10 ms); elsewhere: now."""
    try:
        fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
        boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    except (OSError, AttributeError):
        return clock.now_ns()
    age_ns = boot_ns - int(fields[19]) * _SECOND_NS // os.sysconf("SC_CLK_TCK")
    return clock.now_ns() - age_ns


def _asleep_ns(clock: Clock) -> int:
    return clock.now_ns() - clock.awake_ns()


def _rss_max_bytes() -> int:
    """Of this program: a fresh process's rusage still carries what its parent was before exec."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _quantile(ordered: list[int] | list[float], share: float) -> float:
    """The value at rank ceil(share x n), nearest rank; 0 of nothing."""
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else 0.0


def _lag_quantile(lags: list[tuple[int, int]], share: float) -> int:
    """Nearest rank over binned lags, the bin's middle."""
    wanted = share * sum(count for _, count in lags)
    seen = 0
    for lag, count in lags:
        seen += count
        if seen >= wanted:
            return lag * _BIN_NS + _BIN_NS // 2
    return 0
