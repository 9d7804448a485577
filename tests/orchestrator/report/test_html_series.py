"""What charts draw is what was measured: bins equal numpy's and a count by hand, and a million rows stay bounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.metrics.requests import NEVER
from orchestrator.report.html_series import (
    BINS,
    CURVE,
    POINTS,
    Bins,
    bins_for,
    curve,
    in_flight,
    percentiles_by_bin,
    slowest_of_each,
    thinned,
)

S = 1_000_000_000


@given(st.floats(1e-3, 1e6), st.integers(0, 10**7) | st.none())
def test_bins_cover_the_span_and_are_few(span_s: float, events: int | None) -> None:
    bins = bins_for(span_s, events)
    assert 1 <= bins.number <= BINS + 1
    assert bins.end_s >= span_s * (1 - 1e-6)
    assert (bins.number - 1) * bins.width_s < span_s


def test_bins_have_round_widths_that_follow_the_number_of_events() -> None:
    assert bins_for(60).width_s == 0.5
    assert bins_for(60, 1_000_000).width_s == 0.5
    assert bins_for(60, 600).width_s == 2  # 12 each
    assert bins_for(60, 3).width_s == 5
    assert bins_for(7200).width_s == 60
    assert bins_for(0) == Bins(1.0, 1)


values = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 10**6)), min_size=1, max_size=60)


@given(values)
@settings(max_examples=100)
def test_percentiles_of_a_bin_are_numpys(rows: list[tuple[int, int]]) -> None:
    place, value = (np.array(column, np.int64) for column in zip(*rows))
    counts, found = percentiles_by_bin(place, value, 5, (0.5, 0.9, 0.99, 1.0))
    for number in range(5):
        mine = value[place == number]
        assert counts[number] == mine.size
        expected = np.quantile(mine, (0.5, 0.9, 0.99, 1.0)) if mine.size else np.full(4, np.nan)
        np.testing.assert_allclose(found[:, number], expected, rtol=1e-12)


@given(values)
def test_the_slowest_of_each_bin_is_kept(rows: list[tuple[int, int]]) -> None:
    place, value = (np.array(column, np.int64) for column in zip(*rows))
    chosen = slowest_of_each(place, value, 5)
    assert chosen.sum() == len(set(place.tolist()))
    assert all(value[row] == value[place == place[row]].max() for row in np.flatnonzero(chosen))


spans = st.lists(st.tuples(st.integers(0, 9 * S), st.integers(1, 4 * S)), min_size=1, max_size=40)


@given(spans)
@settings(max_examples=100)
def test_in_flight_is_what_counting_each_request_gives(rows: list[tuple[int, int]]) -> None:
    sent = np.array([start for start, _ in rows])
    end = sent + np.array([length for _, length in rows])
    bins = Bins(0.5, 30)
    found = in_flight(sent, end, bins)
    edges = (bins.edges_s * S).astype(np.int64)
    for number in range(bins.number):
        low, high = edges[number], edges[number + 1]
        overlap = np.clip(np.minimum(end, high) - np.maximum(sent, low), 0, None).sum()
        assert found.mean[number] == pytest.approx(overlap / (high - low), abs=1e-6)
        moments = [low, *(start for start in sent.tolist() if low <= start < high)]
        peak = max(int(((sent <= moment) & (end > moment)).sum()) for moment in moments)
        assert found.peak[number] == peak


def test_counts_leave_out_what_never_happened() -> None:
    counts = Bins(1.0, 3).counts(np.array([0, S - 1, S, NEVER, 10 * S, -5]))
    assert counts.tolist() == [3, 1, 1]  # the last joins the last bin, what is before the first the first


@given(st.integers(1, 5000), st.integers(0, 3))
@settings(max_examples=30)
def test_a_curve_passes_through_true_shares(n: int, seed: int) -> None:
    value = np.random.default_rng(seed).lognormal(size=n)
    x, y = curve(value)
    assert x.size <= CURVE + 1
    assert x[0] == value.min() and x[-1] == value.max()
    assert y[0] == 0
    assert (np.diff(x) >= 0).all() and (np.diff(y) > 0).all()
    below = np.searchsorted(np.sort(value), x, "left") / n
    np.testing.assert_allclose(y, below, atol=1e-12)


def test_points_are_thinned_and_outliers_kept() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.random(200_000), rng.random(200_000) * 0.5
    keep = np.zeros(x.size, np.bool_)
    keep[[5, 77_777]] = True
    rows = thinned(x, y, keep)
    assert rows.size <= POINTS + 2
    assert {5, 77_777} <= set(rows.tolist())
    few = np.arange(10) / 10
    assert thinned(few, few, np.zeros(10, np.bool_)).size == 10
