from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from function.contract.errors import UsageError
from orchestrator.config.distribution import Distribution
from orchestrator.datasets.lengths import Lengths

KS = np.arange(40_000, dtype=np.int64)


def lengths(seed: int = 7, **keys: Any) -> Lengths:
    return Lengths(Distribution(**keys), seed, "test", "data.input_distribution")


def test_normal_lengths_are_truncated_and_do_not_pile_up_at_the_bounds() -> None:
    drawn = lengths(type="normal", min=100, max=300, mean=150, std_dev=100).draw(KS)
    a, b = (99.5 - 150) / 100, (300.5 - 150) / 100
    cells = np.diff(stats.truncnorm.cdf(np.arange(100, 302) - 0.5, a, b, loc=150, scale=100))
    counts = np.bincount(drawn - 100, minlength=201)
    assert counts.size == 201 and stats.chisquare(counts, cells * KS.size / cells.sum()).pvalue > 0.01
    assert counts[0] < 2 * counts[50]  # clipping would put a third of all lengths there


def test_lognormal_lengths_have_their_own_mean_and_spread() -> None:
    drawn = lengths(type="lognormal", min=1, max=100_000, mean=500, std_dev=400).draw(KS)
    assert drawn.mean() == pytest.approx(500, rel=0.02) and drawn.std() == pytest.approx(400, rel=0.06)


def test_uniform_lengths_reach_both_bounds_evenly() -> None:
    counts = np.bincount(lengths(type="uniform", min=5, max=14).draw(KS) - 5, minlength=10)
    assert counts.size == 10 and stats.chisquare(counts).pvalue > 0.01


def test_poisson_lengths_are_poisson_within_bounds() -> None:
    drawn = lengths(type="poisson", min=1, max=100, mean=20).draw(KS)
    assert drawn.mean() == pytest.approx(20, rel=0.01) and drawn.var() == pytest.approx(20, rel=0.03)


def test_skew_normal_lengths_keep_mean_and_spread_and_lean() -> None:
    drawn = lengths(type="skew_normal", min=1, max=5000, mean=1000, std_dev=200, skew=6).draw(KS)
    assert drawn.mean() == pytest.approx(1000, rel=0.01) and drawn.std() == pytest.approx(200, rel=0.02)
    delta = 6 / math.sqrt(37)
    expected = float(stats.skewnorm.stats(6, moments="s"))
    assert 0 < delta < 1 and stats.skew(drawn) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("keys", [{"std_dev": 0}, {"variance": 0}, {"type": "fixed"}])
def test_no_spread_is_the_mean(keys: dict[str, Any]) -> None:
    assert set(lengths(min=700, max=700, mean=700, **keys).draw(KS[:50]).tolist()) == {700}
    assert set(lengths(min=1, max=900, mean=700, **keys).draw(KS[:50]).tolist()) == {700}


def test_total_count_values_are_used_in_turn() -> None:
    drawn = lengths(type="uniform", min=1, max=10_000, total_count=3).draw(KS[:9]).tolist()
    assert drawn[:3] == drawn[3:6] == drawn[6:] and len(set(drawn[:3])) == 3


def test_a_length_is_at_least_one_token() -> None:
    assert lengths(type="uniform", min=0, max=1).draw(KS[:50]).tolist() == [1] * 50
    assert lengths(type="fixed", mean=0).draw(KS[:1]).tolist() == [1]


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["normal", "lognormal", "uniform", "poisson", "skew_normal"]),
    low=st.integers(1, 500),
    width=st.integers(0, 500),
    share=st.floats(0, 1),
    spread=st.floats(0, 300),
    skew=st.floats(-8, 8),
)
def test_no_length_is_ever_outside_its_bounds(
    kind: str, low: int, width: int, share: float, spread: float, skew: float
) -> None:
    mean = low + share * width
    drawn = lengths(type=kind, min=low, max=low + width, mean=mean, std_dev=spread, skew=skew).draw(KS[:500])
    assert drawn.min() >= low and drawn.max() <= low + width


def test_a_length_does_not_depend_on_what_else_is_drawn() -> None:
    one = lengths(type="normal", min=1, max=1000, mean=500)
    assert np.array_equal(one.draw(KS[100:200:7]), one.draw(KS)[100:200:7])
    assert not np.array_equal(one.draw(KS[:50]), lengths(8, type="normal", min=1, max=1000, mean=500).draw(KS[:50]))


def test_bounds_with_nothing_inside_or_too_much_are_refused_at_their_key() -> None:
    for keys in ({"min": 900, "max": 950, "mean": 920, "type": "uniform"},):
        assert lengths(**keys).least == 900
    for keys in (
        {"min": 10, "max": 20, "std_dev": 1},
        {"min": 1, "max": 5_000_000},
        {"type": "uniform", "max": 0, "min": 0},
    ):
        with pytest.raises(UsageError) as refused:
            lengths(**keys)
        assert (refused.value.code, refused.value.path) == ("wrong_value", "data.input_distribution")
