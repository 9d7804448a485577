"""From a prepared config to what is uploaded: counted first, made once the endpoint has answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config.invalid import ConfigInvalid
from orchestrator.launch.making import headline, make, read_data, sketch, streams_per_lane
from orchestrator.launch.prepare import Asked, prepare
from tests.orchestrator.launch.test_prepare import prepared, written


def test_a_sketch_counts_without_an_endpoint(tmp_path: Path) -> None:
    drawn = sketch(prepared(tmp_path, fanout={"lanes": 2}))
    assert (drawn.outline.requests, drawn.outline.lanes) == (20, 2)
    assert drawn.inputs.target_root == "http://127.0.0.1:9"
    assert drawn.inputs.seed == 3


def test_what_does_not_fit_together_is_refused_by_the_sketch(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        sketch(prepared(tmp_path, budget={"max_requests_per_s": 1}))
    assert "budget.max_requests_per_s" in {problem.path for problem in refused.value.problems}


def test_an_ignored_key_becomes_a_finding(tmp_path: Path) -> None:
    lengths = {"type": "normal", "mean": 5, "std": 1, "min": 1, "max": 9}
    data = {"type": "random", "input_distribution": lengths, "output_distribution": lengths}
    ready = prepare(Asked(written(tmp_path, data=data, tokenizer={"pretrained_model_name_or_path": "gpt2"})), {})
    assert any(problem.code == "key_ignored" for problem in ready.problems)
    (first, *_) = sketch(ready).inputs.findings
    assert (first["code"], first["severity"]) == ("key_ignored", "info")
    assert set(first) == {"code", "severity", "message", "advice", "numbers", "scope"}


def test_what_is_made_is_what_was_sketched(tmp_path: Path) -> None:
    drawn = sketch(prepared(tmp_path, {"run_id": "mine"}, fanout={"lanes": 2}))
    built = make(drawn, read_data(drawn), "http://there:1", ("m",))
    assert built.plan.requests == drawn.outline.requests
    assert built.plan.target["root"] == "http://there:1"
    line = headline(built, "/data/runs/mine")
    assert line == "run mine: 20 requests in 1 stage from 2 lanes to http://there:1, kept in /data/runs/mine"


def test_streams_a_lane_may_need_where_the_config_says_so(tmp_path: Path) -> None:
    assert streams_per_lane(sketch(prepared(tmp_path))) is None
    closed = {"type": "concurrent", "stages": [{"concurrency_level": 10, "num_requests": 20}]}
    assert streams_per_lane(sketch(prepared(tmp_path, load=closed, fanout={"lanes": 4}))) == 3
