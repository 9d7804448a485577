"""The measurement window of a stage, and the rates of what happened in it.

A stage bounded by time is measured over its planned [start, start + duration); one bounded by a count from its first
send to its last. An abort ends the window where sending stopped. What ends after it is the drain, shown apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from function.contract.plan import StagePlan
from orchestrator.metrics.requests import NEVER, Bool, Int64, Requests


@dataclass(frozen=True, slots=True)
class Window:
    """ns since the run's t0; `start_ns == end_ns`: nothing can be said per second.

    `by_count`: from the first send to the last, which closes the window and is not inside.
    """

    start_ns: int
    end_ns: int
    by_count: bool = False

    @property
    def seconds(self) -> float:
        return max(0, self.end_ns - self.start_ns) / 1e9

    def holds(self, times_ns: Int64) -> Bool:
        """Which instants lie inside; NEVER does not."""
        inside: Bool = (times_ns >= self.start_ns) & (times_ns < self.end_ns)
        return inside

    def part(self, first: int, last: int, of: int) -> Window:
        """Parts `first` to `last` - 1 of `of` equal parts."""
        width = self.end_ns - self.start_ns
        return Window(self.start_ns + width * first // of, self.start_ns + width * last // of)


def window_of(stage: StagePlan, phase_ns: int, requests: Requests, stopped_ns: int | None = None) -> Window:
    """`phase_ns`: t0 of the stage's phase since the run's. `stopped_ns`: of an abort. `requests`: the stage's own."""
    sent = requests.sent_ns[requests.sent]
    if stage.duration_s is None:
        if not sent.size:
            return Window(phase_ns, phase_ns, by_count=True)
        return Window(int(sent.min()), int(sent.max()), by_count=True)
    start = phase_ns + round(stage.start_s * 1e9)
    end = start + round(stage.duration_s * 1e9)
    if stopped_ns is not None:
        end = max(start, min(end, stopped_ns))
    return Window(start, end)


@dataclass(frozen=True, slots=True)
class Rates:
    """Per second of the window: planned arrivals, requests sent, requests answered (ok). None without a window."""

    offered: float | None
    achieved: float | None
    answered: float | None


@dataclass(frozen=True, slots=True)
class Counts:
    """What fell inside a window; rates of several stages are sums over sums."""

    seconds: float
    offered: int
    achieved: int
    answered: int

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.seconds + other.seconds,
            self.offered + other.offered,
            self.achieved + other.achieved,
            self.answered + other.answered,
        )

    @property
    def rates(self) -> Rates:
        if self.seconds <= 0:
            return Rates(None, None, None)
        return Rates(self.offered / self.seconds, self.achieved / self.seconds, self.answered / self.seconds)


NOTHING = Counts(0.0, 0, 0, 0)


def counts_of(requests: Requests, window: Window) -> Counts:
    """`requests`: one stage's. An answer counts when its last token (or the body's end) fell inside."""
    if window.seconds <= 0:
        return NOTHING
    # By count nothing is due at a time of its own: all but the last planned request are offered between the sends.
    offered = len(requests) - 1 if window.by_count else int(window.holds(requests.scheduled_ns).sum())
    return Counts(
        window.seconds,
        offered,
        int(window.holds(requests.sent_ns).sum()),
        int(window.holds(answered_ns(requests)[requests.ok]).sum()),
    )


def answered_ns(requests: Requests) -> Int64:
    """When the answer was complete: the last token, or the body's end where no token was seen."""
    return np.where(requests.last_token_ns != NEVER, requests.last_token_ns, requests.end_ns)


def drain_s(requests: Requests, window: Window) -> float | None:
    """From the window's end to the end of the last answer; None when nothing was sent."""
    ends = requests.end_ns[requests.end_ns != NEVER]
    return max(0, int(ends.max()) - window.end_ns) / 1e9 if ends.size else None
