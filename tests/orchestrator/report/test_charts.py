"""Axes place values where they belong; ink stays inside the box; a drawing needs no colour to be told apart."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report.charts import (
    HEIGHT,
    WIDTH,
    Axis,
    Chart,
    Hit,
    band,
    dots,
    figure,
    filled,
    from_zero,
    legend,
    line,
    log_axis,
    nines_axis,
    round_step,
    steps,
    time_axis,
    value_axis,
)

positive = st.floats(1e-3, 1e7)


def check(axis: Axis, low: float, high: float) -> None:
    """The data lies on the axis, ticks ascend within it, and there are a few of them."""
    assert axis.low <= low * (1 + 1e-6) and axis.high >= high * (1 - 1e-6)
    ticks = [value for value, _ in axis.ticks]
    assert ticks == sorted(set(ticks))
    assert 1 <= len(ticks) <= 9
    places = axis.place(np.array(ticks))
    assert (places >= 0).all() and (places <= 1).all()
    middle = axis.place(np.linspace(low, high, 7))
    assert (np.diff(middle) >= 0).all()
    assert len({label for _, label in axis.ticks}) == len(ticks)


@given(positive)
def test_linear_axes_begin_at_zero_and_reach_the_data(high: float) -> None:
    axis = from_zero(high, "ms")
    check(axis, 0.0, high)
    assert axis.at(0.0) == 0.0
    assert axis.at(high) > 0.66


@given(positive)
def test_time_axes_end_where_time_ends(end: float) -> None:
    axis = time_axis(end)
    check(axis, 0.0, end)
    assert axis.at(end) == 1.0


@given(positive, st.floats(1, 1e6))
def test_log_axes_hold_what_they_must(low: float, ratio: float) -> None:
    axis = log_axis(low, low * ratio, "ms")
    check(axis, low, low * ratio)


@given(st.integers(1, 10**7))
def test_nines_are_evenly_spaced(count: int) -> None:
    axis = nines_axis(count, "%")
    assert axis.ticks[0] == (0.0, "0")
    if count >= 1000:
        assert abs((axis.at(0.99) - axis.at(0.9)) - (axis.at(0.999) - axis.at(0.99))) < 1e-9


def test_wide_values_get_a_log_axis_and_narrow_ones_begin_at_zero() -> None:
    assert value_axis(1, 100, "ms").kind == "log"
    assert value_axis(50, 100, "ms").kind == "linear"
    assert value_axis(0, 100, "ms").kind == "linear"
    assert [round_step(value) for value in (0.03, 1.0, 1.1, 2.2, 3.0, 6.0)] == [0.05, 1.0, 2.0, 2.5, 5.0, 10.0]


def test_values_beyond_an_axis_are_held_at_its_end_and_nan_stays() -> None:
    axis = from_zero(10, "ms")
    placed = axis.place(np.array([-1.0, 99.0, np.nan]))
    assert placed[0] == 0 and placed[1] == 1 and np.isnan(placed[2])
    assert np.isfinite(log_axis(1, 10, "ms").place(np.array([0.0]))).all()


def test_a_line_breaks_where_there_is_nothing() -> None:
    nan = np.nan
    drawn = line(np.array([0, 0.25, 0.5, 0.75, 1.0]), np.array([0.0, 1.0, nan, 0.5, nan]), "p50")
    assert 'd="M0 190L250 0"' in drawn
    assert 'class="p50 lone"' in drawn and 'd="M750 95h0"' in drawn
    assert line(np.array([0.5]), np.array([nan]), "p50") == ""


def test_steps_and_fills_are_as_wide_as_their_bins() -> None:
    edges, y = np.array([0.0, 0.5, 1.0]), np.array([0.5, 1.0])
    assert 'd="M0 95H500L500 0H1000"' in steps(edges, y, "a")
    assert f'd="M0 {HEIGHT}L0 95H500L500 0H1000V{HEIGHT}Z"' in filled(edges, y, "a")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_ink_stays_inside_the_box(shares: list[float]) -> None:
    x = np.array(shares)
    drawn = dots(x, x[::-1].copy(), "dots")
    numbers = [(float(a), float(b)) for a, b in re.findall(r"M([\d.]+) ([\d.]+)h0", drawn)]
    assert len(numbers) == len(shares)
    assert all(0 <= a <= WIDTH and 0 <= b <= HEIGHT for a, b in numbers)


def test_a_band_of_no_width_can_still_be_seen() -> None:
    assert 'width="3"' in band(0.5, 0.5, "mark")


def test_a_figure_says_in_words_what_it_shows() -> None:
    axis = from_zero(10, "ms")
    chart = Chart(
        "one", "A <title>", axis, axis, line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), "p50"), 'It "rises" <b>.',
        [("p50", "median"), ("dots", "one")], [Hit(0, 0.5, "first <half>")], note="a note",
    )  # fmt: skip
    drawn = figure(chart)
    assert 'role="img" aria-label="It &quot;rises&quot; &lt;b&gt;."' in drawn
    assert "A &lt;title&gt;" in drawn and "<title>first &lt;half&gt;</title>" in drawn
    assert "style=" not in drawn and "fill=" not in drawn and "stroke=" not in drawn
    assert legend([]) == ""
