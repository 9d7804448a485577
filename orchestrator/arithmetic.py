"""log, exp and cos of whole arrays, from + - * / and powers of two alone, so that every machine gives the same bits.

numpy's own differ in the last digit between processors and versions, and a plan has to be the same wherever it is made:
workload_hash is compared across machines. Accurate to a few units in the last place, which is far more than a load
generator can use.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

_SQRT_HALF = math.sqrt(0.5)
_LN2_HIGH = 0.693147180369123816490  # 32 bits of ln 2, so that times an exponent it is exact
_LN2_LOW = 1.90821492927058770002e-10
_ATANH = [2.0 / (2 * i + 1) for i in range(11)]
_EXP = [1.0 / math.factorial(i) for i in range(14)]
_COS = [(-1) ** i * (2 * math.pi) ** (2 * i) / math.factorial(2 * i) for i in range(10)]
_SIN = [(-1) ** i * (2 * math.pi) ** (2 * i + 1) / math.factorial(2 * i + 1) for i in range(9)]


def _polynomial(coefficients: Sequence[float], x: Float64) -> Float64:
    """Horner's rule; coefficients[i] belongs to x**i."""
    total = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total *= x
        total += coefficient
    return total


def log(x: Float64) -> Float64:
    """Natural logarithm of positive numbers: 2 atanh((m-1)/(m+1)) of the mantissa, plus the exponent's share."""
    mantissa, exponent = np.frexp(x)
    small = mantissa < _SQRT_HALF
    mantissa = np.where(small, 2.0 * mantissa, mantissa)
    shift = (exponent - small).astype(np.float64)
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    series = ratio * _polynomial(_ATANH, ratio * ratio)
    return shift * _LN2_HIGH + (shift * _LN2_LOW + series)


def exp(x: Float64) -> Float64:
    """e to the power of x, for x <= 700; 0 where that underflows."""
    x = np.maximum(x, -800.0)
    halvings = np.rint(x * (1.0 / math.log(2)))
    rest = (x - halvings * _LN2_HIGH) - halvings * _LN2_LOW
    return np.ldexp(_polynomial(_EXP, rest), halvings.astype(np.int32))


def cos_turns(turns: Float64) -> Float64:
    """cos(2 pi x), x in turns; folded onto an eighth of a turn, where the series are short."""
    folded = np.abs(turns - np.rint(turns))  # [0, 1/2]
    beyond = folded > 0.25
    folded = np.where(beyond, 0.5 - folded, folded)
    near = folded > 0.125
    argument = np.where(near, 0.25 - folded, folded)
    square = argument * argument
    value = np.where(near, argument * _polynomial(_SIN, square), _polynomial(_COS, square))
    return np.where(beyond, -value, value)


def sin_turns(turns: Float64) -> Float64:
    """sin(2 pi x), x in turns."""
    return cos_turns(turns - 0.25)
