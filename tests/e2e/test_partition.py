"""Law 1, end to end: one config gives the same requests on 1 lane and on 7 lanes x 3 slices, seen at the server."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.harness import MEASURED, Ended, assert_all_balance, config, launch, read_json
from tests.e2e.served import Served, served
from tests.emulators.mock import running_mock

STAGES = [
    {"rate": 15, "duration": 5},
    {"rate": 5, "rate_end": 30, "duration": 5},
    {"rate": 10, "spike": {"rate": 40, "at": 1, "for": 1}, "duration": 5},
]


@dataclass
class Evidence:
    ended: Ended
    seen: list[Served]
    t0_unix_ns: int

    def scheduled(self) -> np.ndarray:
        return np.array(self.ended.requests()["scheduled_ns"])

    def offsets(self) -> np.ndarray:
        """Arrival at the server since t0, by request_index."""
        return np.array([one.arrived_unix_ns - self.t0_unix_ns for one in sorted(self.seen, key=lambda s: s.k)])


def gather(root: Path, lanes: int, slice_: str, seed: int = 7) -> Evidence:
    with running_mock({"ttft_s": 0.02, "itl_s": 0.002}, log_bodies=True) as mock:
        settings = config(mock.url, STAGES, load={"type": "poisson", "base_seed": seed})
        ended = launch(root, settings, "--set", f"fanout.lanes={lanes}", "--set", f"fanout.slice={slice_}")
        assert ended.exit_code in MEASURED, ended.stderr
        seen = served(mock, ended.result["run_id"])
    return Evidence(ended, seen, read_json(ended.run_folder() / "go" / "0-0.json")["t0_unix_ns"])


def check_same_requests(one: Evidence, many: Evidence) -> None:
    assert sorted(s.k for s in one.seen) == list(range(len(one.seen))), "each request once"
    assert sorted(s.k for s in many.seen) == list(range(len(many.seen))), "each request once"
    assert {s.k: s.body for s in one.seen} == {s.k: s.body for s in many.seen}
    assert np.array_equal(one.scheduled(), many.scheduled())
    assert np.percentile(np.abs(one.offsets() - many.offsets()), 95) <= 60e6
    assert np.percentile(np.abs(many.offsets() - many.scheduled()), 95) <= 60e6


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Evidence, Evidence]:
    root = tmp_path_factory.mktemp("partition")
    return gather(root / "one", 1, "15s"), gather(root / "many", 7, "5s")


def test_one_lane_and_seven_lanes_by_three_slices_are_the_same_run(pair: tuple[Evidence, Evidence]) -> None:
    one, many = pair
    check_same_requests(one, many)
    assert len(many.ended.summary()["shards"]) == 21
    for evidence in pair:
        assert_all_balance(evidence.ended.summary())
        assert evidence.ended.summary()["ledger"]["planned"] == len(evidence.seen)


def test_planted_a_lost_a_doubled_and_a_moved_request_are_caught(pair: tuple[Evidence, Evidence]) -> None:
    one, many = pair
    lost, doubled, moved = (copy.copy(many) for _ in range(3))
    lost.seen = many.seen[1:]
    doubled.seen = [*many.seen, many.seen[3]]
    moved.t0_unix_ns = many.t0_unix_ns - 100_000_000
    for planted in (lost, doubled, moved):
        with pytest.raises(AssertionError):
            check_same_requests(one, planted)


def test_planted_another_seed_is_another_run(pair: tuple[Evidence, Evidence], tmp_path: Path) -> None:
    one, _ = pair
    with pytest.raises(AssertionError):
        check_same_requests(one, gather(tmp_path, 2, "15s", seed=8))


def test_workload_hash_and_plan_do_not_depend_on_lanes(pair: tuple[Evidence, Evidence]) -> None:
    plans = [read_json(evidence.ended.run_folder() / "plan.json") for evidence in pair]
    assert plans[0]["workload_hash"] == plans[1]["workload_hash"]
    assert plans[0]["requests"] == plans[1]["requests"] == len(pair[0].seen)
