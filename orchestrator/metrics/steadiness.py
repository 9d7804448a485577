"""Was the stage the same thing from beginning to end? Three measures; what is too much stands in `thresholds`.

trend      Kendall's tau of the medians of 20 batches (requests in order, equal numbers), and last quarter's median over
           the first's. A stage whose planned rate changes has none: its latency is meant to change.
backlog    requests in flight at the window's end against L = rate x mean latency of the first quarter (Little). In
           flight counts from scheduled, so arrivals that wait for the concurrency cap are in it; the latency counts
           from sent: one that held the wait would expect the very queue that is looked for.
warm-up    MSER (White 1997) on means of 1 s: the cut after which the rest's mean is surest, in the first half only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.metrics.requests import MISSED, NEVER, Int64, Requests
from orchestrator.metrics.window import Window

BATCHES = 20
SECOND_NS = 1_000_000_000
STEADY_RATIO, STEADY_SIGMAS = 1.5, 4.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trend:
    tau: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """`excess`: in flight at the window's end beyond `expected`; `sent` in the window."""

    in_flight: int
    expected: float
    sent: int

    @property
    def excess(self) -> float:
        return self.in_flight - self.expected


@dataclass(frozen=True, slots=True)
class WarmUp:
    """The first `cut_s` seconds, and how their mean latency compares to the rest's."""

    cut_s: int
    ratio: float
    head: int
    tail: int


def is_steady(scheduled_ns: Int64, window: Window) -> bool:
    """Whether the planned rate stayed the same: not if quarters differ by half, and by more than chance."""
    quarters = np.array([int(window.part(i, i + 1, 4).holds(scheduled_ns).sum()) for i in range(4)])
    spread = quarters.max() - quarters.min()
    chance = STEADY_SIGMAS * np.sqrt(2 * quarters.mean())
    return bool(quarters.max() <= STEADY_RATIO * quarters.min() or spread <= chance)


def trend_of(values: NDArray[np.float64] | Int64) -> Trend | None:
    """`values` in order of scheduled time; None below two a batch."""
    if values.size < 2 * BATCHES:
        return None
    medians = np.array([np.median(batch) for batch in np.array_split(values, BATCHES)])
    quarter = values.size // 4
    first, last = np.median(values[:quarter]), np.median(values[-quarter:])
    return Trend(_kendall(medians), float(last / first) if first > 0 else 1.0)


def backlog_of(requests: Requests, window: Window) -> Backlog | None:
    """`requests`: one open-loop stage's. None where the first quarter tells no latency."""
    due = window.holds(requests.scheduled_ns) & (requests.status != MISSED)
    early = window.part(0, 1, 4).holds(requests.scheduled_ns) & requests.ok
    if window.seconds <= 0 or not early.any():
        return None
    mean_s = float((requests.end_ns[early] - requests.sent_ns[early]).mean()) / 1e9
    late = window.part(3, 4, 4)
    rate = max(due.sum() / window.seconds, late.holds(requests.scheduled_ns).sum() / max(late.seconds, 1e-9))
    # Of a request without an end nobody knows whether it was in flight.
    open_ = due & (requests.end_ns != NEVER) & (requests.end_ns >= window.end_ns)
    return Backlog(int(open_.sum()), float(rate) * mean_s, int((due & requests.sent).sum()))


def warm_up_of(values: NDArray[np.float64] | Int64, scheduled_ns: Int64, window: Window) -> WarmUp | None:
    """`values`, scheduled at `scheduled_ns`. None below five seconds with values; seconds without any are left out."""
    second = np.maximum(scheduled_ns - window.start_ns, 0) // SECOND_NS
    counts = np.bincount(second)
    seconds = np.flatnonzero(counts)
    if seconds.size < 5:
        return None
    means = np.bincount(second, values.astype(np.float64))[seconds] / counts[seconds]
    cut = mser(means)
    if cut == 0:
        return WarmUp(0, 1.0, 0, values.size)
    ratio = float(means[:cut].mean() / means[cut:].mean()) if means[cut:].mean() > 0 else 1.0
    head = int(counts[seconds[:cut]].sum())
    return WarmUp(int(seconds[cut]), ratio, head, values.size - head)


def mser(means: Floats) -> int:
    """How many leading values to cut so that the mean of the rest has the smallest standard error; at most half."""
    reverse = means[::-1]
    count = np.arange(1, means.size + 1)
    mean = reverse.cumsum() / count
    # Of a constant series rounding alone would choose the cut.
    square = np.maximum((reverse * reverse).cumsum() - count * mean**2, 1e-12 * count * mean**2)
    return int((square / count**2)[::-1][: means.size // 2 + 1].argmin())


def _kendall(values: Floats) -> float:
    """Tau-a against order; ties count as neither."""
    pairs = np.sign(values[None, :] - values[:, None])[np.triu_indices(values.size, 1)]
    return float(pairs.mean())
