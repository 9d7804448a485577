"""Each finding planted, and planted just below its threshold. TTFT is 1 s, so limits are 100 and 500 ms."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.metrics.doubt.lateness import lateness, tail_of
from orchestrator.metrics.finding import Finding
from orchestrator.metrics.requests import NEVER
from orchestrator.metrics.stage_view import StageView
from tests.emulators.tables import S, answered, ns, view

MS = 1_000_000


def late(by_ms: np.ndarray, lanes: int = 1, ttft_s: float = 1.0, **columns: object) -> StageView:
    """Request i is sent `by_ms[i]` late, by lane i mod lanes."""
    n = by_ms.size
    due = np.arange(n) * 0.1
    sent = ns(due) + (by_ms * MS).astype(np.int64)
    first = sent + round(ttft_s * S)
    base = {
        "sent_ns": sent,
        "first_token_ns": first,
        "last_token_ns": first,
        "end_ns": first,
        "shard_ids": tuple(f"0-{lane}-0" for lane in range(lanes)),
        "shard": (np.arange(n) % lanes).astype(np.int32),
    }
    return view(answered(due, ttft_s, **{**base, **columns}), n * 0.1)


def of(found: StageView, code: str) -> Finding | None:
    return next((finding for finding in lateness(found) if finding.code == code), None)


@pytest.mark.parametrize(
    ("median_ms", "severity"), [(0.1, None), (99, None), (101, "degraded"), (499, "degraded"), (501, "invalid")]
)
def test_late_median(median_ms: float, severity: str | None) -> None:
    found = of(late(np.full(200, median_ms)), "late_median")
    assert (found.severity if found else None) == severity


@pytest.mark.parametrize(("tail_ms", "severity"), [(99, None), (101, "degraded"), (499, "degraded"), (501, "invalid")])
def test_late_tail_of_a_thousand_is_p999(tail_ms: float, severity: str | None) -> None:
    by = np.full(2000, 0.1)
    by[1000:1003] = tail_ms  # p99.9 of 2,000 lies between the second and third largest
    found = of(late(by), "late_tail")
    assert (found.severity if found else None) == severity


def test_one_late_send_among_few_is_bad_luck_and_two_are_not() -> None:
    by = np.full(20, 0.1)
    by[7] = 3000
    assert list(lateness(late(by))) == []
    by[12] = 3000
    found = of(late(by), "late_tail")
    assert found is not None
    assert found.numbers["value"] == pytest.approx(3.0)
    assert found.numbers["threshold"] == pytest.approx(0.1)
    assert (found.scope.from_s, found.scope.to_s) == (pytest.approx(0.7), pytest.approx(1.2))


def test_the_floors_leave_fast_servers_alone() -> None:
    """TTFT 2 ms: 0.9 ms late is a lot of it, and nobody's harm; so is a tail of 9 ms."""
    assert list(lateness(late(np.full(200, 0.9), ttft_s=0.002))) == []
    by = np.full(200, 0.1)
    by[:5] = 9
    assert list(lateness(late(by, ttft_s=0.002))) == []
    by[:5] = 11
    assert of(late(by, ttft_s=0.002), "late_tail") is not None
    instant = late(np.full(200, 0.5), ttft_s=0.0)
    assert list(lateness(instant)) == []


def test_waiting_for_the_cap_is_not_lateness() -> None:
    by = np.full(200, 800.0)
    due = ns(np.arange(200) * 0.1)
    assert list(lateness(late(by, eligible_ns=due + 800 * MS))) == []
    assert of(late(by, eligible_ns=due + 100 * MS), "late_median") is not None


def test_a_single_bad_lane_among_many_is_found_and_named() -> None:
    """One of 100 lanes is late by 250 ms in a tenth of its sends: a thousandth of all, which p99.9 just misses."""
    by = np.full(20_000, 0.1)
    own = np.flatnonzero(np.arange(20_000) % 100 == 37)
    by[own[:18]] = 250
    found = late(by, lanes=100)
    (finding,) = lateness(found)
    assert (finding.code, finding.severity) == ("late_tail", "degraded")
    assert finding.scope.lane == 37
    assert finding.numbers["lanes"] == [37]


def test_a_lane_that_is_always_late_is_a_late_median_of_that_lane() -> None:
    by = np.full(4_000, 0.1)
    by[np.arange(4_000) % 40 == 3] = 800
    codes = {(finding.code, finding.scope.lane, finding.severity) for finding in lateness(late(by, lanes=40))}
    assert ("late_median", 3, "degraded") in codes  # the whole has a median of nothing
    assert ("late_tail", 3, "invalid") in codes  # and a tail that is all that lane's


def test_a_hiccup_of_a_lane_is_not_worth_a_word() -> None:
    by = np.full(20_000, 0.1)
    own = np.flatnonzero(np.arange(20_000) % 100 == 37)
    by[own[:8]] = 250  # 4 % of the lane's sends
    assert list(lateness(late(by, lanes=100))) == []


def test_the_lane_of_a_stages_tail_is_named_where_it_is_one_lanes() -> None:
    by = np.full(200, 0.1)
    by[1:41:2] = 900
    found = of(late(by, lanes=2), "late_tail")
    assert found is not None
    assert found.scope.lane == 1
    by[:40] = 900
    found = of(late(by, lanes=2), "late_tail")
    assert found is not None
    assert found.scope.lane is None


def test_where_nothing_succeeded_there_is_nothing_to_measure_by() -> None:
    assert list(lateness(late(np.full(50, 900.0), status=np.ones(50, np.int8)))) == []
    assert list(lateness(late(np.full(50, 0.1), sent_ns=np.full(50, NEVER)))) == []
    assert list(lateness(late(np.empty(0)))) == []


def test_without_streaming_the_whole_time_is_the_measure() -> None:
    due = np.arange(200) * 0.1
    requests = answered(due, 1.0, first_token_ns=np.full(200, NEVER), sent_ns=ns(due) + 120 * MS)
    assert [finding.code for finding in lateness(view(requests, 20.0, streaming=False))] == ["late_median", "late_tail"]


def test_tail_of() -> None:
    assert tail_of(np.array([5])) is None
    assert tail_of(np.array([1, 9])) == 1
    assert tail_of(np.arange(2000)) == pytest.approx(np.percentile(np.arange(2000), 99.9))


def test_harmless_lateness_of_a_millisecond_at_ttft_50_ms() -> None:
    """Independent exponential delays of 1 ms: any test of the arrival process rejects them, and nobody is harmed."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        assert list(lateness(late(rng.exponential(1.0, 300), lanes=2, ttft_s=0.05))) == []


def test_stalls_of_100_ms_that_add_half_to_p99_are_found() -> None:
    by = np.zeros(3000)
    by[::100] = 100  # one percent, where the p99 of lateness would still be clean
    found = of(late(by, ttft_s=0.2), "late_tail")
    assert found is not None
    assert found.severity == "degraded"
