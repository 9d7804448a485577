"""Numbers keep their promises: a share says 100 % only of all, columns align, exact values stay exact."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report.html_numbers import (
    decimals,
    exact,
    in_words,
    instant,
    ms,
    plain,
    plural,
    rate,
    share,
    usd,
    with_ms,
)


@given(st.integers(1, 10**9), st.integers(0, 10**9))
def test_a_share_is_all_or_nothing_only_when_it_is(whole: int, part: int) -> None:
    part = min(part, whole)
    shown = share(part / whole)
    assert (shown == "100\u00a0%") == (part == whole)
    assert (shown == "0\u00a0%") == (part == 0)
    number = float(re.sub(r"[^0-9.]", "", shown))
    if "<" not in shown and ">" not in shown:
        assert abs(number - part / whole * 100) <= 0.1


def test_shares_in_sentences_are_short() -> None:
    assert in_words(0.65) == "65\u00a0%"
    assert in_words(0.6549) == "65\u00a0%"
    assert in_words(0.999) == "99.9\u00a0%"
    assert in_words(0.99999) == ">\u00a099.9\u00a0%"
    assert in_words(0.004) == "0.40\u00a0%"
    assert share(0.55) == "55\u00a0%"
    assert share(None) == "–"


@given(st.floats(1e-6, 1e4))
def test_a_column_shows_three_digits_of_its_smallest_entry(seconds: float) -> None:
    places = decimals([seconds, seconds * 40, None])
    assert 0 <= places <= 3
    shown = float(ms(seconds, places).replace(",", ""))
    assert abs(shown - seconds * 1e3) <= 0.5 * 10.0**-places + 1e-9
    if seconds >= 1e-3:
        assert abs(shown / (seconds * 1e3) - 1) < 0.006


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**15), 10**15) | st.none())
def test_the_exact_value_can_be_read_back(value: float | None) -> None:
    written = re.search('value="([^"]*)"', exact(value, "shown"))
    assert written is not None
    assert json.loads(written[1]) == value


def test_units_and_words() -> None:
    assert ms(0.0512) == "51.2"
    assert ms(12.3456) == "12,346"
    assert with_ms(None) == "–"
    assert rate(20.0) == "20"
    assert rate(19.973) == "19.97"
    assert rate(1234.5) == "1,234"
    assert instant(3.0) == "3"
    assert instant(1234.56) == "1,234.6"
    assert usd(0.0) == "$0.00"
    assert usd(0.0123) == "$0.0123"
    assert usd(12.3) == "$12.30"
    assert plural(1, "lane") == "1 lane"
    assert plural(1200, "lane") == "1,200 lanes"


def test_a_findings_number_may_be_anything_json_holds() -> None:
    assert plain({"p99": 4520.4, "lanes": [1, 2]}) == "p99 4,520, lanes 1, 2"
    assert plain(None) == "–"
    assert plain(True) == "true"
    assert len(plain("x" * 5000)) == 160
    assert len(plain(list(range(5000)))) == 160
