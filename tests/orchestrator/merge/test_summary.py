"""summary.json: every key of the contract, at its place."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from function.store.memory import MemoryStore
from orchestrator.merge.run import merge_run
from orchestrator.metrics.latency import KEYS
from tests.emulators.stored_run import Stage, Truth

LEDGER = {"planned", "ok", "failed", "timed_out", "missed", "aborted", "lost"}
DIST = {"count", "mean", "std", "min", "max", "p0.1", "p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99",
        "p99.9", "ci95"}  # fmt: skip
BLOCK = {"ledger", "load", "latency", "adjusted", "throughput", "tokens", "goodput", "errors"}
TOP = {"schema_version", "run_id", "provider", "aborted", "verdict", "findings", "shards", "client", "cost", "stages",
       "server_metrics"}  # fmt: skip


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    truth = Truth([Stage(5), Stage(5, 40)], lanes=2, slices=2)
    truth.fail(truth.row(3))
    truth.fail(truth.row(4), "idle_timeout", "timed_out")
    store = MemoryStore()
    truth.write(store)
    made = merge_run(store).summary.as_dict()
    parsed = json.loads(json.dumps(made, allow_nan=False))
    assert parsed == made, "nothing in it but JSON's own types"
    return parsed


def check_block(block: dict[str, Any]) -> None:
    assert set(block["ledger"]) == LEDGER
    assert {"offered", "achieved", "answered", "schedule_delay", "arrivals"} <= set(block["load"])
    assert set(block["load"]["arrivals"]) == {"gap_cv", "dispersion", "lag1"}
    assert set(block["load"]["schedule_delay"]) == DIST
    assert list(block["latency"]) == list(block["adjusted"]) == list(KEYS)
    for dist in block["latency"].values():
        assert set(dist) == DIST
        assert set(dist["ci95"]) == {"p50", "p90", "p99"}
    for adjusted in block["adjusted"].values():
        assert set(adjusted) == {"p50", "p90", "p95", "p99", "reason"}
    assert set(block["throughput"]) == {
        "requests_per_sec", "input_tokens_per_sec", "output_tokens_per_sec", "total_tokens_per_sec"
    }  # fmt: skip
    assert set(block["tokens"]) == {"prompt", "output", "source", "events", "counted"}
    assert set(block["goodput"]) == {"constraints", "good", "share_of_planned", "per_sec", "attainment"}
    for error in block["errors"]:
        assert set(error) == {"error_kind", "http_status", "count", "sample"}


def test_the_whole_and_every_stage(summary: dict[str, Any]) -> None:
    assert set(summary) >= TOP | BLOCK
    check_block(summary)
    assert [stage["index"] for stage in summary["stages"]] == [0, 1]
    for stage in summary["stages"]:
        check_block(stage)
    assert (summary["schema_version"], summary["provider"], summary["server_metrics"]) == (1, "local", None)


def test_findings_shards_client_and_cost(summary: dict[str, Any]) -> None:
    for finding in summary["findings"]:
        assert set(finding) == {"code", "severity", "message", "advice", "numbers", "scope"}
        assert set(finding["scope"]) == {"stage", "lane", "slice", "from_s", "to_s"}
    assert summary["shards"][0] | {"ledger": None} == {
        "shard": "0-0-0", "attempt": 0, "lane": 0, "slice": 0, "state": "complete", "ledger": None
    }  # fmt: skip
    assert set(summary["client"]["lanes"][0]) == {
        "lane", "cpu_p95", "loop_lag_p99_s", "schedule_delay_p99_s", "clock_error_s", "cold_start_s"
    }  # fmt: skip
    assert set(summary["cost"]) == {"estimate_usd", "actual_usd"}


def test_floats_are_not_rounded(summary: dict[str, Any]) -> None:
    assert summary["client"]["lanes"][0]["schedule_delay_p99_s"] == 0.0001
    mean = summary["latency"]["inter_token_latency"]["mean"]
    assert math.isclose(mean, 0.01, rel_tol=1e-12)
