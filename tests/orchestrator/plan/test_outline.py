from __future__ import annotations

from typing import Any

import pytest

from orchestrator.plan.outline import outline
from orchestrator.plan.platform import Platform
from tests.orchestrator.plan.planned import config, inputs, outlined

LOAD = {"stages": [{"rate": 10, "duration": 30}]}


def test_counts_need_no_data_and_no_tokenizer() -> None:
    random = {
        "type": "random",
        "input_distribution": {"min": 700, "max": 700, "mean": 700, "std_dev": 0},
        "output_distribution": {"min": 90, "max": 90, "mean": 90, "std_dev": 0},
    }
    found = outlined(
        {"stages": [{"rate": 38, "duration": 150}], "num_workers": 38},
        data=random,
        tokenizer={"pretrained_model_name_or_path": "acme/llama-small"},
    )
    assert (found.requests, found.lanes, found.slices, found.shards) == (5700, 38, 1, 38)
    assert found.problems == () and found.past_k == 5700


def test_phases_of_fewer_lanes_have_fewer_shards() -> None:
    stages = [{"concurrency_level": 2, "num_requests": 4}, {"concurrency_level": 8, "duration": 3}]
    found = outlined({"type": "concurrent", "stages": stages}, fanout={"lanes": 3, "slice": 1})
    assert (found.requests, found.slices, found.shards) == (None, 4, 2 + 3 * 3)
    assert found.rows == 4 + 3 * 160


def test_a_run_left_alone_declares_its_lease_as_its_end() -> None:
    asked = config(LOAD, fanout={"drain": 10})
    terms = outline(asked, inputs(asked, detach=True)).coordination
    assert terms.detached and terms.lease_s == pytest.approx(2 * (30 + 0.3 + 10))


def test_a_run_of_several_slices_cannot_be_left_alone() -> None:
    asked = config(LOAD, fanout={"slice": 10})
    found = outline(asked, inputs(asked, detach=True)).problems
    assert [(one.code, one.path) for one in found] == [("detach_slices", "--detach")]


def test_a_slice_shorter_than_the_lead_is_a_warning_where_it_has_a_second_one() -> None:
    fanout = {"lanes": 3, "slice": 4, "lead": 5}
    found = outlined(LOAD, fanout=fanout).problems
    assert [(one.severity, one.code, one.path) for one in found] == [("warning", "slice_short", "fanout.slice")]
    assert outlined({"stages": [{"rate": 10, "duration": 4}]}, fanout=fanout).problems == ()
    assert outlined(LOAD, fanout={**fanout, "slice": 5}).problems == ()


def on_aws(load: dict[str, Any], platform: Platform, **sections: Any) -> list[tuple[str, str]]:
    asked = config(load, **sections)
    found = outline(asked, inputs(asked, provider="aws", platform=platform))
    return [(one.code, one.path) for one in found.problems if one.severity == "error"]


def test_a_slice_must_fit_into_an_invocation_with_all_that_goes_with_it() -> None:
    long = {"stages": [{"rate": 1, "duration": "30m"}], "request_timeout": 30}
    assert on_aws(long, Platform()) == []
    assert on_aws(long, Platform(), fanout={"slice": "890s"}) == [("impossible", "fanout.slice")]
    assert on_aws(long, Platform(invocation_s=300)) == [], "auto takes what there is room for"
    assert on_aws(long, Platform(invocation_s=60)) == [("impossible", "fanout.drain")]


def test_more_lanes_than_were_provisioned_are_refused() -> None:
    short = {"stages": [{"rate": 10, "duration": 10}]}
    assert on_aws(short, Platform(max_lanes=4), fanout={"lanes": 4}) == []
    assert on_aws(short, Platform(max_lanes=4), fanout={"lanes": 5}) == [("max_lanes", "fanout.lanes")]
