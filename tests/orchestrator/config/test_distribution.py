import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator.config.distribution import Distribution


def of(value: Any) -> Distribution:
    return Distribution.model_validate(value)


@given(st.integers(0, 10**6))
def test_a_number_is_a_fixed_length(length: int) -> None:
    assert of(length) == of(str(length))
    assert (of(length).type, of(length).mean, of(length).spread) == ("fixed", length, 0)


@given(st.floats(0, 1e6))
def test_variance_alone_sets_the_deviation(variance: float) -> None:
    assert of({"variance": variance}).std_dev == math.sqrt(variance)
    assert of({"variance": variance, "std_dev": 0}).std_dev == math.sqrt(variance)


def test_spread_zero_with_equal_bounds() -> None:
    assert of({"min": 700, "max": 700, "mean": 700, "std_dev": 0}).spread == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"min": 9, "max": 5},
        {"max": 5},  # below the default min of 10
        {"min": 1, "max": 9, "mean": 10},
        {"std_dev": -1},
        {"variance": -1},
        {"variance": 4, "std_dev": 2},
        {"type": "normall"},
        {"min": 1.5},
        {"mean": True},
        -3,
        "many",
    ],
)
def test_what_cannot_be_drawn_is_refused(bad: Any) -> None:
    with pytest.raises(ValidationError):
        of(bad)


def test_the_mean_counts_only_where_it_defines_the_shape() -> None:
    assert of({"type": "uniform", "min": 1, "max": 9, "mean": 500}).max == 9
    assert of({"type": "fixed", "mean": 1}).mean == 1  # the default bounds do not apply
    assert of({"min": 1, "max": 9}).mean_inside is False


def test_unknown_keys_do_not_stop_it() -> None:
    assert of({"std": 3}).std_dev == 200
