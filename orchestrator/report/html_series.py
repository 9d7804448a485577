"""What the charts show, as numbers: a million requests folded into some hundred bins, percentiles and thinned points.

Times in seconds since the run's t0 where they are floats. Bins are [k x width, (k+1) x width), so that the same second
lies in the same bin of every chart of a run. It knows no markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.metrics.requests import NEVER, Bool, Int64

Floats = NDArray[np.float64]

BINS = 120
PER_BIN = 12  # requests a bin should have, where that leaves FEWEST bins
FEWEST = 12
POINTS = 1500
CURVE = 300  # points of a distribution's curve
_WIDTHS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Bins:
    width_s: float
    number: int

    @property
    def edges_s(self) -> Floats:
        return np.arange(self.number + 1, dtype=np.float64) * self.width_s

    @property
    def centres_s(self) -> Floats:
        return (np.arange(self.number, dtype=np.float64) + 0.5) * self.width_s

    @property
    def end_s(self) -> float:
        return self.number * self.width_s

    def place(self, times_ns: Int64) -> Int64:
        """The bin of each instant; what lies outside joins the first or the last."""
        return np.clip(np.floor_divide(times_ns, round(self.width_s * 1e9)), 0, self.number - 1)

    def counts(self, times_ns: Int64) -> Floats:
        """How many of the instants fall into each bin. NEVER does not."""
        happened = times_ns[times_ns != NEVER]
        return np.bincount(self.place(happened), minlength=self.number).astype(np.float64)


def bins_for(span_s: float, events: int | None = None) -> Bins:
    """At most BINS bins of a round width over [0, span], wide enough to say something of `events` events."""
    if span_s <= 0:
        return Bins(1.0, 1)
    enough = 0.0 if events is None else min(PER_BIN * span_s / max(events, 1), span_s / FEWEST)
    wanted = max(span_s / BINS, enough)
    width = _round_up(wanted)
    return Bins(width, max(1, int(np.ceil(span_s / width - 1e-9))))


def _round_up(seconds: float) -> float:
    """The next of 1, 2, 5 below a second, of clock-like steps above."""
    if seconds <= 1:
        decade = 10.0 ** np.floor(np.log10(seconds))
        factor = next(f for f in (1, 2, 5, 10) if f * decade >= seconds * (1 - 1e-9))
        return max(1e-6, float(factor * decade))
    days = 86400 * float(np.ceil(seconds / 86400))
    return float(next((width for width in _WIDTHS if width >= seconds * (1 - 1e-9)), days))


def percentiles_by_bin(
    place: Int64, values: Floats | Int64, number: int, shares: Sequence[float]
) -> tuple[Floats, Floats]:
    """(counts[number], percentiles[len(shares), number]); NaN where a bin has no value. Linear, as everywhere."""
    order = np.lexsort((values, place))
    ordered = values[order].astype(np.float64)
    counts = np.bincount(place, minlength=number)
    first = np.cumsum(counts) - counts
    found = np.full((len(shares), number), np.nan)
    some = counts > 0
    for row, share in enumerate(shares):
        at = share * (counts[some] - 1)
        below = np.floor(at).astype(np.int64)
        above = np.minimum(below + 1, counts[some] - 1)
        low, high = ordered[first[some] + below], ordered[first[some] + above]
        found[row, some] = low + (high - low) * (at - below)
    return counts.astype(np.float64), found


@dataclass(frozen=True, slots=True)
class InFlight:
    """Per bin: mean over its time, and the largest number seen when a request was sent."""

    mean: Floats
    peak: Floats


def in_flight(sent_ns: Int64, end_ns: Int64, bins: Bins) -> InFlight:
    """Of requests whose sending and end are both known."""
    starts, ends = np.sort(sent_ns), np.sort(end_ns)
    edges_ns = np.round(bins.edges_s * 1e9).astype(np.int64)
    area = _area(starts, edges_ns) - _area(ends, edges_ns)
    entering = np.searchsorted(starts, edges_ns, "left") - np.searchsorted(ends, edges_ns, "right")
    peak = np.maximum(entering[:-1], 0).astype(np.float64)
    found = np.arange(1, starts.size + 1) - np.searchsorted(ends, starts, "right")
    np.maximum.at(peak, bins.place(starts), found.astype(np.float64))
    return InFlight(np.diff(area) / (bins.width_s * 1e9), peak)


def _area(sorted_ns: Int64, until_ns: Int64) -> Floats:
    """Sum of (until - t) over all t before until: the integral of how many have happened."""
    before = np.searchsorted(sorted_ns, until_ns, "left")
    total = np.concatenate(([0.0], np.cumsum(sorted_ns.astype(np.float64))))
    return np.asarray(before * until_ns.astype(np.float64) - total[before], np.float64)


def thinned(x: Floats, y: Floats, keep: Bool, limit: int = POINTS) -> Int64:
    """Rows to draw: those in `keep`, and of the others one per place on the page, spread evenly over rows; at most
    `limit` besides. `x`, `y` as shares of the plot."""
    cell = np.round(x * 500).astype(np.int64) * 1000 + np.round(y * 100).astype(np.int64)
    _, one_each = np.unique(cell, return_index=True)
    rows = np.sort(one_each)
    if rows.size > limit:
        rows = rows[np.linspace(0, rows.size - 1, limit).astype(np.int64)]
    return np.union1d(rows, np.flatnonzero(keep))


def slowest_of_each(place: Int64, values: Floats | Int64, number: int) -> Bool:
    """Marks the largest value of each bin."""
    order = np.lexsort((values, place))
    last = np.cumsum(np.bincount(place, minlength=number)) - 1
    chosen = np.zeros(len(values), np.bool_)
    filled = np.bincount(place, minlength=number) > 0
    chosen[order[last[filled]]] = True
    return chosen


def curve(values: Floats | Int64) -> tuple[Floats, Floats]:
    """(values ascending, share at most that), denser towards the slowest. The first is the smallest, at share 0."""
    ordered = np.sort(values)
    n = ordered.size
    nines = 1 - np.geomspace(1, 1 / n, CURVE) if n > 1 else np.array([0.0])
    ranks = np.unique(np.concatenate((np.round(nines * (n - 1)), [n - 1])).astype(np.int64))
    return ordered[ranks].astype(np.float64), ranks / max(1, n)
