"""Law 10: seams cannot be seen. The arrival gaps where slice k hands over to k+1 look like those anywhere else."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.harness import Ended, assert_all_balance, config, launch, read_json
from tests.e2e.served import served
from tests.emulators.mock import running_mock

RATE, SLICE_S, SLICES, RUNS = 100, 5, 4, 5
NEAR_S = 1.0
TOLERANCE_S = 0.005


@dataclass
class Evidence:
    ended: Ended
    arrived_s: np.ndarray  # at the server, since t0, sorted
    ids: list[int]


def run_once(root: Path) -> Evidence:
    with running_mock({"ttft_s": 0.02, "itl_s": 0.002}) as mock:
        settings = config(mock.url, [{"rate": RATE, "duration": SLICE_S * SLICES}])
        settings["fanout"] = {"lanes": 1, "slice": SLICE_S}
        ended = launch(root, settings)
        seen = served(mock, ended.result["run_id"])
    t0 = read_json(ended.run_folder() / "go" / "0-0.json")["t0_unix_ns"]
    return Evidence(ended, np.sort([(one.arrived_unix_ns - t0) / 1e9 for one in seen]), [one.k for one in seen])


def seam_excess_s(arrived_s: np.ndarray) -> float:
    """Largest gap within NEAR_S of a seam minus the largest elsewhere, in s."""
    gaps, ends = np.diff(arrived_s), arrived_s[1:]
    near = np.zeros(len(gaps), dtype=bool)
    for seam in range(1, SLICES):
        near |= np.abs(ends - seam * SLICE_S) <= NEAR_S
    return float(gaps[near].max() - gaps[~near].max())


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Evidence]:
    return [run_once(tmp_path_factory.mktemp(f"seams{number}")) for number in range(RUNS)]


def check_nothing_missed_or_doubled(run: Evidence) -> None:
    assert sorted(run.ids) == list(range(RATE * SLICE_S * SLICES))
    assert_all_balance(run.ended.summary())
    assert run.ended.summary()["ledger"]["missed"] == 0


def test_seams_cannot_be_seen(runs: list[Evidence]) -> None:
    assert statistics.median(seam_excess_s(run.arrived_s) for run in runs) <= TOLERANCE_S
    for run in runs:
        check_nothing_missed_or_doubled(run)


def test_each_slice_is_a_process_of_its_own(runs: list[Evidence]) -> None:
    for run in runs:
        claims = [read_json(path)["nonce"] for path in (run.ended.run_folder() / "claims").iterdir()]
        assert len(claims) == len(set(claims)) == SLICES


def test_planted_a_hole_at_a_seam_is_caught(runs: list[Evidence]) -> None:
    holed = [run.arrived_s + np.where(run.arrived_s >= SLICE_S, 0.05, 0.0) for run in runs]
    assert statistics.median(seam_excess_s(arrived) for arrived in holed) > TOLERANCE_S


def test_planted_a_request_missed_at_a_seam_is_caught(runs: list[Evidence]) -> None:
    hurt = Evidence(runs[0].ended, runs[0].arrived_s, runs[0].ids[1:])
    with pytest.raises(AssertionError):
        check_nothing_missed_or_doubled(hurt)
