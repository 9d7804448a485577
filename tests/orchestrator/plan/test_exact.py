from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.plan.exact import BLOCK, fraction, line_ns, whole_ns


def test_numbers_are_the_decimals_that_were_written() -> None:
    assert fraction(0.425) * fraction(40.0) == 17
    assert fraction(0.1) == Fraction(1, 10)
    assert fraction(1e-9) == Fraction(1, 10**9)


def test_thirty_a_second_is_rounded_once_per_arrival() -> None:
    assert line_ns(Fraction(0), Fraction(1, 30), 0, 900).tolist() == [round(k * 1e9 / 30) for k in range(900)]


def test_halves_go_to_even() -> None:
    assert line_ns(Fraction(0), Fraction(1, 1024), 0, 6).tolist() == [0, 976562, 1953125, 2929688, 3906250, 4882812]
    assert whole_ns(Fraction(5, 2 * 10**9)) == 2


# Within what int64 ns can say: 292 years, 9.2 million arrivals at the slowest rate.
@settings(deadline=None)
@given(
    offset=st.fractions(0, 10**5, max_denominator=10**6),
    rate=st.one_of(st.fractions(Fraction(1, 1000), 10**5, max_denominator=10**4), st.floats(0.001, 1e5).map(fraction)),
    first=st.integers(0, 9 * 10**6),
    count=st.integers(0, 20),
)
def test_a_line_is_the_exact_fraction_rounded(offset: Fraction, rate: Fraction, first: int, count: int) -> None:
    expected = [round((offset + n / rate) * 10**9) for n in range(first, first + count)]
    assert line_ns(offset, 1 / rate, first, first + count).tolist() == expected


def test_blocks_leave_no_seam() -> None:
    whole = line_ns(Fraction(0), Fraction(1, 7), 0, BLOCK + 3)
    assert whole[-4:].tolist() == [round(Fraction(n, 7) * 10**9) for n in range(BLOCK - 1, BLOCK + 3)]
