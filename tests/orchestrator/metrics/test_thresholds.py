from __future__ import annotations

import pytest

from orchestrator.metrics.thresholds import CLOCK_ERROR, LATE_MEDIAN, LATE_TAIL, LOOP_LAG, Share

SHARE = Share(0.1, 0.010, 0.5, 0.050)


@pytest.mark.parametrize(
    ("value_s", "base_s", "severity"),
    [
        (0.100, 1.0, None),
        (0.101, 1.0, "degraded"),
        (0.500, 1.0, "degraded"),
        (0.501, 1.0, "invalid"),
        (0.009, 0.001, None),
        (0.011, 0.001, "degraded"),
        (0.051, 0.001, "invalid"),
        (0.0, 0.0, None),
    ],
)
def test_a_share_of_the_latency_and_a_floor(value_s: float, base_s: float, severity: str | None) -> None:
    assert SHARE.judge(value_s, base_s) == severity


def test_the_limit_is_where_degraded_begins() -> None:
    assert SHARE.limit_s(1.0) == 0.1
    assert SHARE.limit_s(0.01) == 0.010


@pytest.mark.parametrize("share", [LATE_MEDIAN, LATE_TAIL, LOOP_LAG])
def test_what_is_invalid_is_more_than_degraded(share: Share) -> None:
    for base_s in (0.0, 0.001, 0.05, 10.0):
        assert max(share.invalid * base_s, share.invalid_floor_s) >= share.limit_s(base_s)


def test_a_wrong_clock_never_invalidates() -> None:
    assert CLOCK_ERROR.judge(1e9, 0.1) == "degraded"
