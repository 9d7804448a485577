"""The files that scripts written for inference-perf read: their field names, exactly; and our definitions."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from function.store.memory import MemoryStore
from orchestrator.merge.run import Merged, merge_run
from orchestrator.report.inference_perf import lifecycle, per_request
from tests.emulators.stored_run import Stage, Truth

DIST = {"mean", "min", "max", "p0.1", "p1", "p5", "p10", "p25", "median", "p75", "p90", "p95", "p99", "p99.9"}
LATENCIES = {
    "request_latency", "normalized_time_per_output_token", "time_per_output_token", "time_to_first_token",
    "inter_token_latency",
}  # fmt: skip


def merged(truth: Truth) -> Merged:
    store = MemoryStore()
    truth.write(store)
    return merge_run(store)


def whole(found: Merged) -> dict[str, Any]:
    made = lifecycle(found.requests, found.summary.run, found.plan.report)
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    return made


def failing() -> Truth:
    truth = Truth([Stage(5), Stage(5, 40)], lanes=2)
    truth.fail(truth.row(3), "http_429")
    truth.fail(truth.row(4), "http_429")
    truth.fail(truth.row(5), "http_404")
    truth.row(5).values["error_message"] = "The model `x` does not exist"
    truth.fail(truth.row(6), "idle_timeout", "timed_out")
    truth.fail(truth.row(7), "connection_lost")
    truth.fail(truth.row(8), "truncated")
    truth.miss(truth.row(9))
    return truth


def test_the_fields_of_the_summary() -> None:
    found = whole(merged(failing()))
    assert set(found) == {"benchmark_time_seconds", "load_summary", "successes", "failures"}
    assert set(found["load_summary"]) == {"count", "schedule_delay"}
    assert set(found["load_summary"]["schedule_delay"]) == DIST
    ok = found["successes"]
    assert set(ok) == {
        "count", "latency", "throughput", "request_size_bytes", "image", "video", "audio", "prompt_tokens",
        "output_len", "output_tokens", "token_count_mismatches", "goodput_metrics",
    }  # fmt: skip
    assert set(ok["latency"]) == LATENCIES
    assert all(set(dist) == DIST for dist in ok["latency"].values())
    assert set(ok["throughput"]) == {
        "input_tokens_per_sec", "output_tokens_per_sec", "total_tokens_per_sec", "requests_per_sec", "images_per_sec",
        "videos_per_sec", "audios_per_sec",
    }  # fmt: skip
    assert set(ok["prompt_tokens"]) == DIST | {"total", "cached", "uncached"}
    assert set(ok["output_tokens"]) == DIST | {"total"}
    assert set(found["failures"]) == {"count", "request_latency", "prompt_tokens", "by_label"}


def test_a_stages_file_says_its_rates() -> None:
    found = merged(failing())
    stage = found.summary.stages[1]
    made = lifecycle(found.requests.of_stage(1), stage.block, found.plan.report, stage)
    load = made["load_summary"]
    assert set(load) == {"count", "schedule_delay", "send_duration", "requested_rate", "achieved_rate"}
    assert load["requested_rate"] == 40.0
    assert load["achieved_rate"] == pytest.approx(40.0), "N sends span N - 1 gaps"
    assert load["send_duration"] == pytest.approx(199 / 40)


def test_a_closed_loops_stage_says_its_concurrency() -> None:
    found = merged(Truth([Stage(users=4, count=50)]))
    stage = found.summary.stages[0]
    assert lifecycle(found.requests, stage.block, found.plan.report, stage)["load_summary"]["concurrency"] == 4


def test_labels_of_failures() -> None:
    labels = whole(merged(failing()))["failures"]["by_label"]
    assert {name: entry["count"] for name, entry in labels.items()} == {
        "429 - Rate Limit": 2, "404 - Model Not Found": 1, "Timeout": 1, "Connection Error": 1, "truncated": 1,
    }  # fmt: skip
    assert labels["429 - Rate Limit"]["messages"] == [{"message": "the server said http_429"}]


def test_goodput_is_of_planned() -> None:
    """99 failures and one success are 1 %."""
    truth = Truth([Stage(5)])
    truth.each(truth.fail, lambda row: row.k != 0)
    good = whole(merged(truth))["successes"]["goodput_metrics"]
    assert good["goodput_percentage"] == 1.0
    assert (good["good_requests"], good["total_requests"]) == (1, 100)
    assert good["ttft_attainment_percentage"] == 1.0
    assert "goodput_metrics" not in whole(merged(Truth(goodput={})))["successes"]


def test_percentiles_are_the_ones_asked_for() -> None:
    found = whole(merged(Truth(percentiles=(50, 75.5, 99))))
    assert set(found["successes"]["latency"]["time_to_first_token"]) == {"mean", "min", "max", "median", "p75.5", "p99"}


def test_numbers_are_the_summarys() -> None:
    merge = merged(failing())
    found = whole(merge)
    ttft = found["successes"]["latency"]["time_to_first_token"]
    assert ttft["p99"] == merge.summary.run.latency["time_to_first_token"].at(99.0)
    assert found["successes"]["count"] == merge.summary.ledger.ok
    assert found["failures"]["count"] == merge.summary.ledger.failed + merge.summary.ledger.timed_out
    assert found["successes"]["output_tokens"]["total"] == 8 * merge.summary.ledger.ok


def test_without_streaming_token_latencies_are_null() -> None:
    found = whole(merged(Truth(tokens=1, streaming=False)))["successes"]["latency"]
    assert [name for name, dist in found.items() if dist is None] == [
        "time_per_output_token", "time_to_first_token", "inter_token_latency"
    ]  # fmt: skip


def test_nothing_at_all() -> None:
    truth = Truth([Stage(5)])
    truth.each(truth.miss)
    found = whole(merged(truth))
    assert found["benchmark_time_seconds"] is None
    assert found["successes"]["latency"]["request_latency"] is None
    assert found["successes"]["count"] == found["failures"]["count"] == 0


def test_per_request_has_every_planned_one() -> None:
    found = merged(failing())
    rows = per_request(found.requests)
    json.dumps(rows, allow_nan=False)
    assert len(rows) == 300
    first = rows[0]
    assert first["end_time"] - first["start_time"] == pytest.approx(0.1201)
    times = first["info"]["response_metrics"]["output_token_times"]
    assert np.diff(times) == pytest.approx(0.01)
    assert first["error"] is None
    assert rows[3]["error"] == {"error_type": "http_429", "error_msg": "the server said http_429"}
    assert (rows[9]["start_time"], rows[9]["status"]) == (None, "missed")
