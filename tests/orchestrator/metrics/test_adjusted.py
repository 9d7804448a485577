from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.metrics.adjusted import PERCENTILES, adjusted_of


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=60), st.integers(0, 60))
@settings(max_examples=200)
def test_it_is_numpys_percentile_with_infinities_added(raw: list[int], infinite: int) -> None:
    found = adjusted_of(np.sort(np.array(raw)), len(raw), infinite)
    # numpy makes NaN of a finite value next to an infinite one: stand in for infinity, as far away as need be.
    expected = np.percentile([*map(float, raw), *[1e30] * infinite], PERCENTILES)
    for mine, numpys in zip(found.values, expected):
        assert mine == (None if numpys > 1e10 else numpys)
    assert found.reason == ("infinite" if None in found.values else None)


def test_65_percent_failed_and_the_median_is_infinite() -> None:
    found = adjusted_of(np.full(7, 0.2), 7, 13).as_dict()
    assert found == {"p50": None, "p90": None, "p95": None, "p99": None, "reason": "infinite"}


def test_gaps_of_failures_weigh_as_much_as_those_of_successes() -> None:
    """Ten answers of 100 gaps each, ten failures: half is infinite, although there are 1,000 gaps."""
    found = adjusted_of(np.arange(1000), 10, 10)
    assert found.values[0] is None or found.values[0] >= 999
    assert found.values[1] is None
    assert adjusted_of(np.arange(1000), 10, 1).values[0] is not None


def test_nothing_measured_and_nothing_failed() -> None:
    assert adjusted_of(np.empty(0), 0, 0).reason == "not measured"
    assert adjusted_of(np.empty(0), 0, 5).reason == "infinite"
