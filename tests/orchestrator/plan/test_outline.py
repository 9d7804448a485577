from __future__ import annotations

import pytest

from orchestrator.plan.outline import outline
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
    assert found.problems == () and found.cost_usd == 0.0 and found.past_k == 5700


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


def test_cost_on_a_cloud_is_said_to_be_unknown() -> None:
    asked = config(LOAD)
    found = outline(asked, inputs(asked, provider="aws"))
    assert found.cost_usd is None and any("not estimated" in note for note in found.notes)
