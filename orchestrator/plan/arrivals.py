"""When requests are due: a spacing maps 0, 1, 2 ... to positions, a shape maps positions to instants.

scheduled(k) = when(position(k)) is a pure function of (seed, stage, k). Positions of a random spacing are sums of gaps
of mean 1, held in integers (units of 2**-32 arrivals), so that sums are exact and no block size can change them.
Knows nothing of lanes and slices.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from orchestrator.arithmetic import Float64, cos_turns, exp, log
from orchestrator.draws import Stream, unit
from orchestrator.plan.exact import BLOCK, SECOND_NS, whole_ns
from orchestrator.plan.shapes import Shape, even_ns

Int64 = NDArray[np.int64]
Spacing = Literal["uniform", "poisson", "gamma"]

POSITION = 1 << 32
_TRIES = 64  # Marsaglia and Tsang accept at least 95 of 100 tries


def arrivals_ns(shape: Shape, spacing: Spacing, burstiness: float, seed: int, stage: int) -> Int64:
    """Ascending ns since the stage's start, all before its end. `burstiness` is the gaps' gamma shape."""
    if spacing == "uniform":
        return _within(even_ns(shape), shape)
    gaps: Gaps = Exponential(seed, stage) if spacing == "poisson" or burstiness == 1 else Gamma(burstiness, seed, stage)
    due = positions(gaps, -(-shape.total.numerator * POSITION // shape.total.denominator))
    for start in range(0, due.size, BLOCK):
        part = due[start : start + BLOCK]
        t = shape.when(part.astype(np.float64) * (1.0 / POSITION))
        part[:] = np.rint(t * SECOND_NS)
    return _within(due, shape)


def _within(due_ns: Int64, shape: Shape) -> Int64:
    """Rounding neither swaps two arrivals nor moves the last one onto the end, where the next stage may begin."""
    np.minimum(due_ns, whole_ns(shape.duration_s) - 1, out=due_ns)
    np.maximum.accumulate(due_ns, out=due_ns)
    return due_ns


class Exponential:
    """Gaps of a Poisson process."""

    def __init__(self, seed: int, stage: int) -> None:
        self._stream = Stream(seed, f"gaps/{stage}")

    def block(self, start: int, count: int) -> Float64:
        return -log(self._stream.uniforms(start, count))


class Gamma:
    """Gaps of mean 1 and coefficient of variation 1/sqrt(shape).

    The first one is what is left of a gap that began before the stage (a uniform part of a length-biased gap): so
    rate x duration arrivals are expected, however bursty.
    """

    def __init__(self, shape: float, seed: int, stage: int) -> None:
        self._shape = shape
        self._name = f"gaps/{stage}"
        self._seed = seed

    def block(self, start: int, count: int) -> Float64:
        gaps = gamma(self._shape, self._seed, self._name, start, count) / self._shape
        if start == 0 and count:
            biased = gamma(self._shape + 1, self._seed, f"{self._name}/first", 0, 1)[0] / self._shape
            gaps[0] = biased * Stream(self._seed, f"{self._name}/part").uniforms(0, 1)[0]
        return gaps


Gaps = Exponential | Gamma


def positions(gaps: Gaps, end: int) -> Int64:
    """Running sums of the gaps in units of 1/POSITION, as far as they stay below `end`."""
    parts: list[Int64] = []
    total = 0
    start = 0
    while total < end:
        count = min(BLOCK, (end - total) * 9 // (8 * POSITION) + 32)  # about what is missing
        part = np.rint(gaps.block(start, count) * POSITION).astype(np.int64)
        np.cumsum(part, out=part)
        part += total
        parts.append(part)
        total = int(part[-1])
        start += count
    if not parts:
        return np.empty(0, dtype=np.int64)
    parts[-1] = parts[-1][: np.searchsorted(parts[-1], end, side="left")]
    return np.concatenate(parts)


def gamma(shape: float, seed: int, name: str, start: int, count: int) -> Float64:
    """Gamma variates of scale 1, element start + i a function of its number alone.

    Marsaglia and Tsang, A simple method for generating gamma variables (ACM TOMS 26, 2000), with their power of a
    uniform for shapes below 1. Each element has four words a try, so a refused one moves none of its neighbours.
    """
    base = shape if shape >= 1 else shape + 1
    d = base - 1.0 / 3.0
    c = 1.0 / np.sqrt(9.0 * d)
    result = np.empty(count)
    boost = np.empty(count)
    left = np.arange(count)
    for attempt in range(_TRIES):
        words = Stream(seed, f"{name}/{attempt}").words(4 * start, 4 * count).reshape(count, 4)
        u = unit(words[left] if attempt else words)
        if attempt == 0:
            boost = u[:, 3]
        normal = np.sqrt(-2.0 * log(u[:, 0])) * cos_turns(u[:, 1])
        v = 1.0 + c * normal
        v = v * v * v
        positive = np.where(v > 0, v, 1.0)
        fits = (v > 0) & (log(u[:, 2]) < 0.5 * normal * normal + d * (1.0 - v + log(positive)))
        result[left[fits]] = d * v[fits]
        left = left[~fits]
        if not left.size:
            break
    result[left] = base  # 0.05**64: never
    return result if shape >= 1 else result * exp(log(boost) / shape)
