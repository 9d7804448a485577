"""A distribution as reports give it: count, mean, std, extremes, percentiles. Knows nothing of what was measured.

Percentiles are numpy's `linear` on all raw values. They are read off the sorted values with numpy's own arithmetic, so
that one sort serves percentiles, intervals and `adjusted`; tests hold the results equal to numpy's, bit for bit.
`std` divides by n, as numpy does by default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (0.1, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9)
INTERVALS = (50.0, 90.0, 99.0)  # the percentiles that may carry an interval
SECONDS = 1e9  # ns in one

Interval = tuple[float, float]
Values = NDArray[Any]

_CHUNK = 1 << 22


def name_of(percentile: float) -> str:
    """99.0 -> "p99", 99.9 -> "p99.9"."""
    return f"p{percentile:g}"


@dataclass(frozen=True, slots=True)
class Dist:
    """`values` holds the value at each of `PERCENTILES`. Of nothing: count 0 and None everywhere."""

    count: int
    mean: float | None = None
    std: float | None = None
    min: float | None = None
    max: float | None = None
    values: tuple[float | None, ...] = (None,) * len(PERCENTILES)
    ci95: tuple[Interval | None, ...] = (None,) * len(INTERVALS)

    def at(self, percentile: float) -> float | None:
        return self.values[PERCENTILES.index(percentile)]

    def interval(self, percentile: float) -> Interval | None:
        return self.ci95[INTERVALS.index(percentile)]

    def as_dict(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "mean": self.mean,
            "std": self.std,
            "min": self.min,
            "max": self.max,
            **{name_of(p): value for p, value in zip(PERCENTILES, self.values)},
            "ci95": {name_of(p): None if ci is None else list(ci) for p, ci in zip(INTERVALS, self.ci95)},
        }


EMPTY = Dist(0)


def describe(ordered: Values, unit: float = 1.0, ci95: Mapping[float, Interval | None] | None = None) -> Dist:
    """The distribution of sorted values, each divided by `unit` (SECONDS turns ns into s). `ci95` is in that unit."""
    if not ordered.size:
        return EMPTY
    mean = float(ordered.mean(dtype=np.float64))
    found = ci95 or {}
    return Dist(
        count=int(ordered.size),
        mean=mean / unit,
        std=_std(ordered, mean) / unit,
        min=float(ordered[0]) / unit,
        max=float(ordered[-1]) / unit,
        values=tuple(float(value) / unit for value in quantiles(ordered, [p / 100 for p in PERCENTILES])),
        ci95=tuple(found.get(p) for p in INTERVALS),
    )


def dist_of(values: Values, unit: float = 1.0) -> Dist:
    return describe(np.sort(values), unit)


def quantiles(ordered: Values, shares: Sequence[float]) -> NDArray[np.float64]:
    """numpy's linear quantiles (Hyndman and Fan's type 7) of values that are sorted already; at least one value."""
    return read_at(ordered, np.asarray(shares, np.float64) * (ordered.size - 1))


def read_at(ordered: Values, place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sorted values at fractional places 0 .. size - 1, interpolated linearly."""
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, ordered.size - 1)
    low, high = ordered[below].astype(np.float64), ordered[above].astype(np.float64)
    part = place - below
    # Like numpy, from the nearer end: the last bit depends on it.
    return np.where(part >= 0.5, high - (high - low) * (1 - part), low + (high - low) * part)


def _std(ordered: Values, mean: float) -> float:
    """Two passes in pieces: a copy of 100 million gaps as floats would cost 0.8 GB."""
    total = 0.0
    for start in range(0, ordered.size, _CHUNK):
        off = ordered[start : start + _CHUNK] - mean
        total += float(off @ off)
    return float(np.sqrt(total / ordered.size))
