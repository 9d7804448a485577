"""Rates and durations as the decimals people wrote, and arithmetic on them that rounds once, at the end.

0.425/s for 40 s is 17 requests, though 0.425 has no binary fraction; arrival k of 30/s is due at k/30 s rounded to the
nanosecond, whatever k is.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from orchestrator.config.quantity import exact

SECOND_NS = 1_000_000_000
BLOCK = 1 << 15  # elements worked on at a time, so that they stay in the processor's cache
_INT64 = 1 << 62


def fraction(value: float) -> Fraction:
    """The number as written: 0.425 is 17/40 here."""
    return Fraction(exact(value))


def whole_ns(seconds: Fraction) -> int:
    """To the nanosecond, halves to even."""
    return round(seconds * SECOND_NS)


def line_ns(offset_s: Fraction, step_s: Fraction, first: int, stop: int) -> NDArray[np.int64]:
    """offset + step x n in ns for n = first .. stop - 1, each rounded once from the exact value, halves to even."""
    offset, step = offset_s * SECOND_NS, step_s * SECOND_NS
    below = math.lcm(offset.denominator, step.denominator)
    above = offset.numerator * (below // offset.denominator)
    slope = step.numerator * (below // step.denominator)
    base, above = divmod(above, below)
    whole, part = divmod(slope, below)
    if 2 * (above + part * stop + below) >= _INT64 or base + (whole + 1) * stop >= _INT64:
        values = [round(offset + step * n) for n in range(first, stop)]
        return np.array(values, dtype=np.int64)
    result = np.empty(stop - first, dtype=np.int64)
    for start in range(first, stop, BLOCK):
        n = np.arange(start, min(start + BLOCK, stop), dtype=np.int64)
        quotient, rest = np.divmod(n * part + above, below)
        quotient += n * whole + base
        quotient += (2 * rest > below) | ((2 * rest == below) & (quotient & 1 == 1))
        result[start - first : start - first + n.size] = quotient
    return result
