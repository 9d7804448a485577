from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from orchestrator.config.quantity import (
    UNITS,
    Count,
    CountOrAuto,
    Number,
    PositiveSeconds,
    Rate,
    RateOrAuto,
    SecondsOrAuto,
    exact,
    parse_seconds,
)

decimals = st.decimals(min_value=0, max_value=100_000, places=4, allow_nan=False, allow_infinity=False)


@given(decimals, st.sampled_from(sorted(UNITS)))
def test_a_duration_with_a_unit_is_that_many_seconds_exactly(amount: Decimal, unit: str) -> None:
    assert exact(parse_seconds(f"{amount}{unit}")) == amount * UNITS[unit]
    assert exact(parse_seconds(f" {amount} {unit} ")) == amount * UNITS[unit]


@given(st.integers(0, 10**8) | st.floats(0, 1e8))
def test_a_plain_number_is_seconds(amount: float) -> None:
    assert parse_seconds(amount) == amount == parse_seconds(str(amount))


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (90, 90.0),
        (1.5, 1.5),
        ("90", 90.0),
        ("90s", 90.0),
        ("10m", 600.0),
        ("1h", 3600.0),
        ("500ms", 0.5),
        ("1e2s", 100),
    ],
)
def test_the_forms_of_the_interface(written: Any, seconds: float) -> None:
    assert parse_seconds(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "s", "1d", "1 day", "1m30s", "-1s", -1, True, None, [], float("nan"), 1e9, "1e99h"]
)
def test_what_is_no_duration_is_refused(written: Any) -> None:
    with pytest.raises(PydanticCustomError):
        parse_seconds(written)


@given(st.integers(1, 10**6), st.integers(0, 4), st.integers(1, 10**5))
def test_counts_come_from_the_decimals_as_written(digits: int, places: int, duration: int) -> None:
    """rate x duration in decimals, however badly the rate sits in binary."""
    rate = Decimal(digits).scaleb(-places)
    assert exact(float(str(rate))) * exact(float(duration)) == rate * duration


def test_the_counts_of_the_interface() -> None:
    assert exact(30.0) * exact(30.0) == 900
    assert exact(0.425) * exact(40.0) == 17
    assert 0.1 * 3 != 0.3 and exact(0.1) * 3 == exact(0.3)


@pytest.mark.parametrize("kind", [Number, Count, Rate, PositiveSeconds, CountOrAuto, RateOrAuto, SecondsOrAuto])
def test_yes_is_never_one(kind: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(True)


@pytest.mark.parametrize("kind", [CountOrAuto, RateOrAuto, SecondsOrAuto])
def test_auto_stays_auto(kind: Any) -> None:
    adapter = TypeAdapter(kind)
    assert adapter.validate_python("auto") == "auto"
    assert adapter.validate_python(3) == 3
    assert adapter.validate_python("3") == 3
    for bad in (0, -1, "many", None, float("inf"), []):
        with pytest.raises(ValidationError):
            adapter.validate_python(bad)


def test_a_count_is_whole() -> None:
    adapter = TypeAdapter(CountOrAuto)
    assert adapter.validate_python(7.0) == 7
    with pytest.raises(ValidationError):
        adapter.validate_python(7.5)
