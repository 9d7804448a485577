from __future__ import annotations

import pytest

from benchmarks.bars import BARS, Bar, median_of, table


def a_bar(**changes: object) -> Bar:
    plain = {"words": "w", "unit": "s", "must": 2.0, "stretch": 1.0, "figure": lambda all_: None, "part": "p"}
    return Bar(**{**plain, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "said"), [(None, "not measured"), (1.0, "stretch"), (1.1, "met"), (2.0, "met"), (2.1, "**missed**")]
)
def test_a_bar_is_the_most_it_may_be(value: float | None, said: str) -> None:
    assert a_bar().verdict(value) == said


def test_or_the_least() -> None:
    bar = a_bar(must=10.0, stretch=20.0, least=True)
    assert [bar.verdict(value) for value in (9.0, 10.0, 20.0)] == ["**missed**", "met", "stretch"]


def test_without_raw_output_every_bar_is_said_not_to_be_measured() -> None:
    rows = [line for line in table({}) if (line.startswith("| ") and "<=" in line) or ">=" in line]
    assert len(rows) == len(BARS)
    assert all("not measured" in row for row in rows)


def test_a_part_that_failed_is_not_measured_either() -> None:
    failed = {"failed": "Traceback"}
    all_ = {name: {"measured": failed} for name in ("worker", "pace", "long", "start", "cold")}
    all_ |= {name: {"measured": [failed]} for name in ("merge", "plan", "mock")}
    assert all(bar.verdict(bar.figure(all_)) == "not measured" for bar in BARS)


def test_figures_are_medians_over_repeats() -> None:
    runs = [{"a": {"b": value}} for value in (3.0, 1.0, 100.0)]
    assert median_of(runs, "a", "b") == 3.0
    assert median_of([*runs, {"a": None}], "a", "b") == 3.0
    assert median_of([], "a") is None
