"""What the arrivals looked like when they were sent: how even, how clumped, how dependent. Described, never tested.

gap_cv      standard deviation of the gaps over their mean: 0 for a metronome, 1 for Poisson
dispersion  variance over mean of the counts in windows of ten mean gaps: 1 for Poisson, more for bursts
lag1        correlation of a gap with the next one
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from orchestrator.metrics.requests import Int64

WINDOW_GAPS = 10


@dataclass(frozen=True, slots=True)
class Arrivals:
    gap_cv: float | None = None
    dispersion: float | None = None
    lag1: float | None = None

    def as_dict(self) -> dict[str, float | None]:
        return asdict(self)


def arrivals_of(sent_ns: Int64) -> Arrivals:
    """`sent_ns`: of one stage, in any order. Fewer than three gaps describe nothing."""
    gaps = np.diff(np.sort(sent_ns)).astype(np.float64)
    if gaps.size < 3 or not gaps.any():
        return Arrivals()
    mean = float(gaps.mean())
    off = gaps - mean
    power = float(off @ off)
    lag1 = float(off[1:] @ off[:-1]) / power if power > 0 else None
    return Arrivals(float(gaps.std()) / mean, _dispersion(gaps.cumsum(), mean), lag1)


def _dispersion(at: np.ndarray[tuple[int], np.dtype[np.float64]], mean: float) -> float | None:
    windows = int(at[-1] / (WINDOW_GAPS * mean))
    if windows < 2:
        return None
    number = (at / (WINDOW_GAPS * mean)).astype(np.int64)
    counts = np.bincount(number[number < windows], minlength=windows)
    return float(counts.var(ddof=1) / counts.mean())
