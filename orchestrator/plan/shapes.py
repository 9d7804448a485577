"""Load as a function of time. A shape answers rate(t), expected(t) = arrivals due by t, and when(n), its inverse.

t counts from the stage's start, 0 <= t <= duration; n from 0. Arrays in, arrays out. Where nothing is due for a while,
when(n) is the instant at which it goes on. Totals are fractions of the decimals as written. Knows nothing of spacing,
seeds, lanes or stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from orchestrator.arithmetic import Float64
from orchestrator.config.load import Stage
from orchestrator.plan.exact import SECOND_NS, fraction, line_ns
from orchestrator.plan.sine import Sine


class Shape(Protocol):
    """`total` = expected(duration_s): exact for all shapes but a sine that ends within a cycle."""

    @property
    def duration_s(self) -> Fraction: ...

    @property
    def total(self) -> Fraction: ...

    @property
    def peak_rate(self) -> float: ...

    @property
    def label(self) -> str: ...

    def rate(self, t: Float64) -> Float64: ...

    def expected(self, t: Float64) -> Float64: ...

    def when(self, n: Float64) -> Float64: ...


class Steps:
    """Rates that hold for a while: constant, steps and spike. `spans`: (length in s, rate), in order."""

    def __init__(self, spans: Sequence[tuple[Fraction, Fraction]], label: str) -> None:
        spans = [(length, rate) for length, rate in spans if length > 0]
        self.label = label
        self.starts, self.dues = [Fraction(0)], [Fraction(0)]
        for length, rate in spans:
            self.starts.append(self.starts[-1] + length)
            self.dues.append(self.dues[-1] + length * rate)
        self.rates = [rate for _, rate in spans]
        self.duration_s, self.total = self.starts.pop(), self.dues.pop()
        self.peak_rate = float(max(self.rates))
        self._starts, self._dues, self._rates = (
            np.array([float(value) for value in values]) for values in (self.starts, self.dues, self.rates)
        )

    def rate(self, t: Float64) -> Float64:
        found: Float64 = self._rates[self._span_at(t, self._starts)]
        return found

    def expected(self, t: Float64) -> Float64:
        at = self._span_at(t, self._starts)
        due: Float64 = self._dues[at] + (t - self._starts[at]) * self._rates[at]
        return due

    def when(self, n: Float64) -> Float64:
        at = self._span_at(n, self._dues)
        gap = n - self._dues[at]
        with np.errstate(divide="ignore", invalid="ignore"):
            elapsed = np.where(gap > 0, gap / self._rates[at], 0.0)
        t: Float64 = self._starts[at] + elapsed
        return t

    def even_ns(self, count: int) -> NDArray[np.int64]:
        """when(0 .. count - 1) in ns, each rounded once from the exact fraction."""
        parts = []
        ends = [*self.dues[1:], self.total]
        for start, due, end, rate in zip(self.starts, self.dues, ends, self.rates):
            first, stop = -(-due.numerator // due.denominator), min(-(-end.numerator // end.denominator), count)
            if rate > 0 and stop > first:
                parts.append(line_ns(start - due / rate, 1 / rate, first, stop))
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    @staticmethod
    def _span_at(values: Float64, edges: Float64) -> NDArray[np.intp]:
        """The last span that begins at or before each value; of spans without arrivals, so, the one after them."""
        return np.maximum(np.searchsorted(edges, values, side="right") - 1, 0)


class Ramp:
    """A rate that goes in a straight line from `first` to `last`."""

    def __init__(self, first: Fraction, last: Fraction, duration_s: Fraction, label: str) -> None:
        self.label = label
        self.duration_s = duration_s
        self.total = (first + last) / 2 * duration_s
        self.peak_rate = float(max(first, last))
        self._first = float(first)
        self._slope = float((last - first) / duration_s)

    def rate(self, t: Float64) -> Float64:
        return self._first + self._slope * t

    def expected(self, t: Float64) -> Float64:
        return t * (self._first + 0.5 * self._slope * t)

    def when(self, n: Float64) -> Float64:
        """The root of slope t^2 / 2 + first t = n, in the form that does not cancel."""
        root = np.maximum(self._first * self._first + (2.0 * self._slope) * n, 0.0)
        below = self._first + np.sqrt(root)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(n > 0, 2.0 * n / below, 0.0)


def shape_of(stage: Stage) -> Shape:
    """The shape of an open-loop stage that the config's own checks have passed."""
    assert stage.rate is not None and stage.duration is not None
    rate, length = fraction(stage.rate), fraction(stage.duration)
    words = f"{stage.rate:g}"
    if stage.spike is not None:
        at, held, high = fraction(stage.spike.at), fraction(stage.spike.for_), fraction(stage.spike.rate)
        spans = [(at, rate), (held, high), (length - at - held, rate)]
        return Steps(spans, f"{words}/s, spike {stage.spike.rate:g}/s")
    if stage.sine is not None:
        swing, period = fraction(stage.sine.amplitude), fraction(stage.sine.period)
        return Sine(rate, swing, period, length, f"{words} +- {stage.sine.amplitude:g}/s sine")
    if stage.rate_end is None:
        return Steps([(length, rate)], f"{words}/s")
    last, words = fraction(stage.rate_end), f"{words} -> {stage.rate_end:g}/s"
    if stage.steps is None:
        return Ramp(rate, last, length, words)
    rises = stage.steps - 1
    spans = [(length / stage.steps, rate + (last - rate) * i / rises) for i in range(stage.steps)]
    return Steps(spans, f"{words}, {stage.steps} steps")


def count_even(shape: Shape) -> int:
    """Evenly spaced arrivals: every n = 0, 1, 2 ... with expected(t) = n for a t < duration."""
    return -(-shape.total.numerator // shape.total.denominator)


def even_ns(shape: Shape) -> NDArray[np.int64]:
    """Their instants since the stage's start."""
    count = count_even(shape)
    if isinstance(shape, Steps):
        return shape.even_ns(count)
    return np.rint(shape.when(np.arange(count, dtype=np.float64)) * SECOND_NS).astype(np.int64)
