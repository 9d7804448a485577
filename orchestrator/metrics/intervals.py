"""How sure a percentile is, within one run: an interval at the effective number of requests, or none at all.

Requests near each other share queues, so n of them are worth fewer: n_eff. The rule is Korn and Graubard's (1998): the
order statistics of a binomial interval at n_eff, which comes from the spread of 20 batch means over scheduled time. In
simulated queues it covers 93-98 % wherever it usually publishes; the interval from n covers 17-26 % for p99 at load
0.7. It is withheld below NEEDED effective requests in the thinner tail, judged by the *median's* n_eff (the
percentile's own would publish the lucky runs). It speaks of this run's conditions; only repeats speak of the system.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.metrics.dist import INTERVALS, Interval, Values, quantiles, read_at
from orchestrator.metrics.latency import Measured
from orchestrator.metrics.requests import NEVER, Int64, Requests
from orchestrator.metrics.window import Window

BATCHES = 20
NEEDED = 20.0
CYCLES = 40  # of the in-flight count; with fewer the grade is `fair`
_T95 = 2.093024054408263  # t(.975), 19 degrees of freedom
_SMALL = 1e-30
_STRETCH = 1 << 22

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sureness:
    """`ci95` by percentile, in the values' unit, None where withheld; `requests_needed` for those.

    `n_eff_median`: effective values for the median.
    """

    ci95: Mapping[float, Interval | None]
    n_eff_median: float
    requests_needed: Mapping[float, float]


def batch_of(scheduled_ns: Int64, window: Window) -> Int64:
    """Which of BATCHES equal slices of scheduled time a request belongs to; what lies outside joins the nearest."""
    width = max(1, window.end_ns - window.start_ns)
    return np.clip((scheduled_ns - window.start_ns) * BATCHES // width, 0, BATCHES - 1)


def sureness(ordered: Values, measured: Measured, batch: Int64, unit: float = 1.0) -> Sureness:
    """`ordered`: the sorted values. `batch`: per row, its stage's place x BATCHES + its batch within the stage."""
    requests = len(measured.rows)
    if not requests:
        return Sureness(dict.fromkeys(INTERVALS), 0.0, {})
    counts = _counter(measured, batch)
    points = quantiles(ordered, [p / 100 for p in INTERVALS])
    effective = {p: n_eff(*counts(float(point)), p / 100) for p, point in zip(INTERVALS, points)}
    median = effective[50.0]
    found: dict[float, Interval | None] = {}
    needed: dict[float, float] = {}
    for p in INTERVALS:
        tail = min(p / 100, 1 - p / 100)
        if median * tail >= NEEDED:
            low, high = order_statistics(ordered, effective[p], p / 100)
            found[p] = (low / unit, high / unit)
        else:
            found[p] = None
            needed[p] = NEEDED * requests / (max(median, _SMALL) * tail)
    return Sureness(found, median, needed)


def n_eff(below: Floats, total: Floats, share: float) -> float:
    """Values worth having been independent, for the `share` quantile.

    `below`: how many values of each batch are at most the quantile; `total`: how many it has. Whole stages of BATCHES
    follow each other: each adds its variance, as strata do. Their own lag-1 correlation corrects it (by 1/20 more, its
    bias), and 1.96 / t(.975, 19) makes up for estimating it.
    """
    n = float(total.sum())
    se2 = sum(_variance(b, t, n) for b, t in zip(_stages(below), _stages(total)))
    return float(min(n, share * (1 - share) / max(se2, _SMALL) * (1.96 / _T95) ** 2))


def order_statistics(ordered: Values, effective: float, share: float) -> Interval:
    """Clopper and Pearson's interval at `effective` values, read back as ranks."""
    low, high = _beta(effective, share)
    places = np.clip([low, high], 0, 1) * (ordered.size - 1)
    ends = read_at(ordered, places)
    return float(ends[0]), float(ends[1])


def grade(requests: Requests) -> str | None:
    """`good`, or `fair` where the number in flight went from low (<= q25) to high (>= q75) fewer than CYCLES times.

    A run that saw few busy and few quiet spells may have seen an unusual mix of them: print its intervals as at least.
    """
    seen = in_flight_seen(requests)
    if not seen.size:
        return None
    low, high = np.quantile(seen, (0.25, 0.75))
    if low == high:
        return "good"
    state = np.where(seen <= low, -1, np.where(seen >= high, 1, 0))
    state = state[state != 0]
    return "good" if np.count_nonzero((state[1:] > 0) & (state[:-1] < 0)) >= CYCLES else "fair"


def in_flight_seen(requests: Requests) -> Int64:
    """How many others each sent request found in flight, in order of sending."""
    sent = np.sort(requests.sent_ns[requests.sent])
    ends = np.sort(requests.end_ns[requests.sent & (requests.end_ns != NEVER)])
    return np.arange(sent.size) - np.searchsorted(ends, sent, side="right")


def _variance(below: Floats, total: Floats, n: float) -> float:
    """Of the stage's contribution to the share of values below, from the spread of its batches."""
    if not total.sum():
        return 0.0
    spread = (below - below.sum() / total.sum() * total) * BATCHES / n
    spread -= spread.mean()
    power = float(spread @ spread)
    lag1 = float(spread[1:] @ spread[:-1]) / max(power, _SMALL)
    r = float(np.clip(lag1 + 1 / BATCHES, 0, 0.9))
    return power / (BATCHES - 1) / BATCHES * (1 + r) / (1 - r)


def _stages(batches: Floats) -> Floats:
    return batches.reshape(-1, BATCHES)


def _counter(measured: Measured, batch: Int64) -> Callable[[float], tuple[Floats, Floats]]:
    """A function from a value to (values at most that, values) per batch."""
    where = batch[measured.rows]
    size = (int(where.max()) // BATCHES + 1) * BATCHES
    if measured.per_row is None:
        totals = np.bincount(where, minlength=size).astype(np.float64)
        return lambda point: (np.bincount(where[measured.values <= point], minlength=size).astype(np.float64), totals)
    per_row = measured.per_row
    ends = np.cumsum(per_row)
    totals = np.bincount(where, per_row, size).astype(np.float64)

    def count(point: float) -> tuple[Floats, Floats]:
        below = np.zeros(size)
        for first, last in _stretches(ends):
            start = int(ends[first] - per_row[first])
            hits = np.cumsum(measured.values[start : ends[last - 1]] <= point, dtype=np.int32)
            hits = np.diff(hits[ends[first:last] - start - 1], prepend=0)
            below += np.bincount(where[first:last], hits, size)
        return below, totals

    return count


def _stretches(ends: Int64) -> Iterator[tuple[int, int]]:
    """Row ranges of about _STRETCH values: a hundred million of them need no temporary copies of their own."""
    first = 0
    while first < len(ends):
        before = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + _STRETCH, side="right")))
        yield first, last
        first = last


def _beta(effective: float, share: float) -> tuple[float, float]:
    from scipy.special import betaincinv  # 0.2 s of import, only where an interval is published

    a, b = effective * share, effective * (1 - share)
    return float(betaincinv(a, b + 1, 0.025)), float(betaincinv(a + 1, b, 0.975))
