from __future__ import annotations

from typing import Any

import pytest

from orchestrator.plan import fanout
from orchestrator.plan.fanout import coordination
from tests.orchestrator.plan.planned import config

ONE = {"stages": [{"rate": 10, "duration": 60}]}


def lanes(load: dict[str, Any], provider: Any = "aws", cpus: int = 8, **given: Any) -> int:
    return fanout.lanes(config(load, fanout=given), provider, cpus)


def test_lanes_auto_covers_the_peak_rate_at_the_ceiling() -> None:
    assert lanes({"stages": [{"rate": 1, "rate_end": 1000, "duration": 60}]}) == 5
    assert lanes({"stages": [{"rate": 10, "spike": {"rate": 401, "at": 1, "for": 1}, "duration": 60}]}) == 3
    assert lanes({"stages": [{"rate": 1000, "duration": 60}]}, lane_ceiling={"requests_per_s": 100}) == 10


def test_lanes_auto_covers_the_users_of_a_closed_loop() -> None:
    assert lanes({"type": "concurrent", "stages": [{"concurrency_level": 1200, "duration": 1}]}) == 3
    assert lanes({"type": "concurrent", "stages": [{"concurrency_level": 2, "duration": 1}]}) == 1


def test_num_workers_counts_where_lanes_are_auto_and_zero_means_one() -> None:
    assert lanes({**ONE, "num_workers": 38}, "local", cpus=2) == 38
    assert lanes({**ONE, "num_workers": 0}) == 1
    assert lanes({**ONE, "num_workers": 38}, lanes=3) == 3


def test_lanes_auto_is_no_more_than_cores_locally() -> None:
    load = {"stages": [{"rate": 5000, "duration": 60}]}
    assert (lanes(load, "local", cpus=2), lanes(load, "local", cpus=1), lanes(load, "aws")) == (2, 1, 25)


def test_lanes_auto_never_exceeds_what_is_to_be_shared() -> None:
    assert lanes({**ONE, "num_workers": 9, "max_concurrency": 4}) == 4


def test_defaults_of_the_local_provider() -> None:
    terms = coordination(config(ONE, fanout={"lanes": 5}), "local", 8)
    assert (terms.slice_s, terms.lead_s, terms.start_delay_s, terms.drain_s) == (None, 5.0, pytest.approx(0.3), 120.0)
    assert (terms.lease_s, terms.beat_s, terms.poll_s, terms.poll_wait_s) == (30.0, 5.0, 0.2, 0.1)
    assert (terms.ready_min, terms.ready_timeout_s, terms.max_lateness_s, terms.flush_s) == (1.0, 60.0, 5.0, 5.0)


def test_defaults_of_the_clouds_grow_with_the_lanes() -> None:
    aws = coordination(config(ONE, fanout={"lanes": 5000}), "aws", 8)
    assert (aws.lead_s, aws.poll_s, aws.start_delay_s, aws.flush_s) == (145.0, 2.0, 6.0, 5.0)
    assert coordination(config(ONE, fanout={"lanes": 10_000}), "aws", 8).flush_s == 10.0
    gcp = coordination(config(ONE, fanout={"lease": 10}), "gcp", 8)
    assert (gcp.slice_s, gcp.lead_s, gcp.beat_s, gcp.start_delay_s) == (None, 90.02, 2.0, 5.0)


def test_a_slice_on_aws_leaves_room_for_its_invocation() -> None:
    assert coordination(config(ONE), "aws", 8).slice_s == 600.0
    tight = coordination(config(ONE, fanout={"drain": "300s"}), "aws", 8)
    assert tight.slice_s == 900 - 65 - 300 - 5 - 15
    assert coordination(config(ONE, fanout={"slice": "10s"}), "aws", 8).slice_s == 10.0


def test_drain_is_the_request_timeout_at_most_two_minutes() -> None:
    assert coordination(config({**ONE, "request_timeout": 20}), "local", 1).drain_s == 20.0
    assert coordination(config(ONE, fanout={"drain": 7}), "local", 1).drain_s == 7.0


def test_start_delay_is_never_less_than_three_polls() -> None:
    assert coordination(config(ONE, fanout={"start_delay": "10ms"}), "local", 1).start_delay_s == pytest.approx(0.3)


def problems(load: dict[str, Any], provider: Any = "local", **given: Any) -> list[tuple[str, str, str]]:
    asked = config(load, fanout=given)
    found = fanout.check(asked, coordination(asked, provider, 2))
    return [(problem.severity, problem.code, problem.path) for problem in found]


def test_a_lane_over_its_ceiling_is_a_warning_at_that_ceiling() -> None:
    assert problems(ONE) == []
    assert problems({"stages": [{"rate": 500, "duration": 5}]}, lanes=1) == [
        ("warning", "lane_ceiling", "fanout.lane_ceiling.requests_per_s"),
        ("warning", "lane_ceiling", "fanout.lane_ceiling.streams"),
    ]


def test_a_cap_that_leaves_a_lane_without_a_place_is_refused() -> None:
    assert problems({**ONE, "max_concurrency": 3}, lanes=7) == [("error", "impossible", "load.max_concurrency")]
    assert problems({**ONE, "max_concurrency": 7}, lanes=7) == []


def test_a_lease_that_polls_outlast_is_refused() -> None:
    assert problems(ONE, "aws", lanes=10_000, lease=12) == [("error", "impossible", "fanout.lease")]
    assert problems(ONE, "local", lanes=1, lease=6) == []
    assert problems(ONE, "aws", lanes=1, lease=10) == []


def test_workers_wait_longer_than_go_may_take() -> None:
    terms = coordination(config(ONE, fanout={"lanes": 5}), "local", 8)
    from function.contract.plan import PhasePlan

    first, later = (PhasePlan(index, "open", (0,), (), 2.0) for index in (0, 1))
    assert fanout.ready_wait_s(terms, first, 0) > 2 * terms.ready_timeout_s
    assert fanout.ready_wait_s(terms, first, 3) > max(terms.lead_s, terms.ready_timeout_s)
    assert fanout.ready_wait_s(terms, later, 0) > terms.ready_timeout_s + terms.drain_s + 2.0
