"""Law 6, first part: the client doubts itself. A disturbed run is found out; an undisturbed one is VALID."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.by_hand import by_hand
from tests.e2e.harness import (
    Ended,
    assert_all_balance,
    benchctl,
    config,
    finish,
    killed_at_end,
    launch,
    read_json,
    start_launch,
    wait_for,
    workers,
)
from tests.e2e.served import served
from tests.emulators.mock import RunningMock, running_mock

UNDISTURBED, MUST_BE_VALID, AT_ONCE = 20, 19, 4

HOG = """
import sys, threading, time

if "function.entry.local" in " ".join(sys.orig_argv):
    def hog():
        while True:
            sys.setswitchinterval(10.0)  # whoever has the interpreter keeps it: this thread stops the loop dead
            end = time.perf_counter() + 0.04
            while time.perf_counter() < end:
                pass
            time.sleep(0.06)

    threading.Thread(target=hog, daemon=True).start()
"""


@pytest.fixture
def mock() -> Iterator[RunningMock]:
    with running_mock({"ttft_s": 0.05, "itl_s": 0.005}) as server:
        yield server


def codes(ended: Ended) -> set[str]:
    """Findings that lower the verdict."""
    return {one["code"] for one in ended.summary()["findings"] if one["severity"] != "info"}


def test_a_worker_stopped_for_three_seconds_is_late_in_the_tail(mock: RunningMock, tmp_path: Path) -> None:
    settings = config(mock.url, [{"rate": 20, "duration": 15}])
    settings["fanout"] = {"lanes": 2, "lease": 20}
    with killed_at_end(start_launch(tmp_path, settings)) as process:
        wait_for(lambda: len(mock.records()) >= 60, what="load at the server")
        victim = workers(process.pid)[0]
        os.kill(victim, signal.SIGSTOP)
        time.sleep(3)
        os.kill(victim, signal.SIGCONT)
        ended = finish(process, tmp_path)
    assert "late_tail" in codes(ended)
    assert ended.exit_code in (3, 4)
    assert_all_balance(ended.summary())


@pytest.fixture
def slower_mock() -> Iterator[RunningMock]:
    with running_mock({"ttft_s": 0.05, "itl_s": 0.008}) as server:
        yield server


def test_a_hog_inside_the_workers_loop_is_found(slower_mock: RunningMock, tmp_path: Path) -> None:
    mock = slower_mock  # what is stamped a gap too late is clearly more than 5 ms too late
    (tmp_path / "hog").mkdir()
    (tmp_path / "hog" / "sitecustomize.py").write_text(HOG)
    settings = config(mock.url, [{"rate": 20, "duration": 8}])
    settings["fanout"] = {"lanes": 1}
    os.environ["PYTHONPATH"] = str(tmp_path / "hog")
    ended = launch_hogged(tmp_path, settings)
    assert codes(ended) & {"late_tail", "late_median"}
    assert ended.exit_code in (3, 4)
    assert_all_balance(ended.summary())
    (shared,) = [one for one in ended.summary()["findings"] if one["code"] == "stamps_shared"]
    assert (shared["severity"], shared["scope"]["lane"]) == ("invalid", 0), "40 ms late beside a TTFT of 50 ms"
    assert 0 <= shared["scope"]["to_s"] - shared["scope"]["from_s"] < 1.5, "a second is named"
    assert shared["numbers"]["value"] == pytest.approx(lost_to_holds(mock), rel=0.3)
    assert 0.025 < shared["numbers"]["late_p99"] < 0.060


def lost_to_holds(mock: RunningMock, hold_s: float = 0.04, share: float = 0.4) -> float:
    """Of events of one answer that come in a hold of the loop only the last keeps its stamp."""
    gaps = np.concatenate([np.diff(record.token_offset_ns) / 1e9 for record in mock.records()])
    events = sum(len(record.token_offset_ns) for record in mock.records())
    return share * float(np.maximum(0.0, 1 - gaps / hold_s).sum()) / events


def launch_hogged(root: Path, settings: dict[str, object]) -> Ended:
    from tests.e2e.harness import REPOSITORY, write_config

    path = write_config(root, settings)
    env = {"PYTHONPATH": f"{root / 'hog'}{os.pathsep}{REPOSITORY}"}
    return benchctl(root, "launch", path, "--json", "--yes", env=env)


def test_a_wrong_clock_is_found_and_moves_no_duration(mock: RunningMock, tmp_path: Path) -> None:
    settings = config(mock.url, [{"rate": 20, "duration": 4}])
    settings["fanout"] = {"lanes": 1}
    source = launch(tmp_path / "source", settings)
    with by_hand(source.run_folder(), tmp_path / "runs" / "hand") as hand:
        hand.beat()
        worker = hand.invoke("0-0-0", 0, "--wall-offset-ns", str(2_000_000_000))
        hand.wait_ready("0-0-0.0")
        hand.go({"0-0-0": 0}, delay_s=1.5)
        assert worker.wait(timeout=60) == 0
        hand.silence()
        hand.store.put("control.json", hand.store.get("control.json").body.replace(b'"go"', b'"done"'))
        merged = benchctl(tmp_path, "merge", str(hand.folder), "--json")
    assert merged.exit_code in (3, 4), merged.stderr
    summary = read_json(tmp_path / "runs" / "hand" / "report" / "summary.json")
    assert "clock_error" in {one["code"] for one in summary["findings"]}
    assert summary["ledger"]["ok"] == summary["ledger"]["planned"] == 80
    assert summary["latency"]["time_to_first_token"]["p50"] < 0.5
    assert abs(summary["client"]["lanes"][0]["clock_error_s"]) > 1.5
    assert_all_balance(summary)


@contextmanager
def hogs_outside(count: int) -> Iterator[None]:
    script = "import time; e = time.monotonic() + 40\nwhile time.monotonic() < e: pass"
    running = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(count)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


def severity(value: float, base: float, degraded_floor: float, invalid_floor: float) -> int:
    """0, 1 (degraded) or 2 (invalid) by the table: over 10 % of `base` and a floor; over 50 % and another."""
    if value > max(0.5 * base, invalid_floor):
        return 2
    return 1 if value > max(0.1 * base, degraded_floor) else 0


def near(value: float, *thresholds: float) -> bool:
    return any(threshold / 1.5 <= value <= threshold * 1.5 for threshold in thresholds)


def test_with_hogs_outside_the_verdict_is_the_thresholds_applied_to_the_truth(
    mock: RunningMock, tmp_path: Path
) -> None:
    settings = config(mock.url, [{"rate": 20, "duration": 10}])
    settings["fanout"] = {"lanes": 1}
    with hogs_outside(3):
        ended = launch(tmp_path, settings)
    t0 = read_json(ended.run_folder() / "go" / "0-0.json")["t0_unix_ns"]
    scheduled = ended.requests()["scheduled_ns"]
    seen = served(mock, ended.result["run_id"])
    late = np.sort([(one.arrived_unix_ns - t0 - scheduled[one.k]) / 1e9 for one in seen])
    ttft = np.array([(one.token_unix_ns[0] - one.arrived_unix_ns) / 1e9 for one in seen if one.token_unix_ns])
    tail, base50, base99 = float(late[-2]), float(np.percentile(ttft, 50)), float(np.percentile(ttft, 99))
    found = {
        one["code"]: {"degraded": 1, "invalid": 2}[one["severity"]]
        for one in ended.summary()["findings"]
        if one["severity"] != "info"
    }
    if not near(tail, max(0.1 * base99, 0.01), max(0.5 * base99, 0.05)):
        assert found.get("late_tail", 0) == severity(tail, base99, 0.01, 0.05), (tail, base99, found)
    middle = float(np.median(late))
    if not near(middle, max(0.1 * base50, 0.001), 0.5 * base50):
        assert found.get("late_median", 0) == severity(middle, base50, 0.001, 0.0), (middle, base50, found)
    assert_all_balance(ended.summary())


def undisturbed(root: Path) -> Ended:
    with running_mock({"ttft_s": 0.2, "itl_s": 0.01}) as mock:
        settings = config(mock.url, [{"rate": 20, "duration": 15}])
        settings["fanout"] = {"lanes": 2}
        return launch(root, settings)


def check_mostly_valid(verdicts: list[str]) -> None:
    assert len(verdicts) == UNDISTURBED
    assert verdicts.count("VALID") >= MUST_BE_VALID, verdicts


def test_undisturbed_runs_are_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run in which the interference probe fired is repeated, not counted, at most as often as there are runs."""
    verdicts: list[str] = []
    repeated = 0
    why: list[object] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while len(verdicts) < UNDISTURBED:
            batch = min(AT_ONCE, UNDISTURBED - len(verdicts))
            for ended in pool.map(undisturbed, [tmp_path / f"{time.time_ns()}-{i}" for i in range(batch)]):
                assert_all_balance(ended.summary())
                if ended.interfered() and ended.summary()["verdict"] != "VALID" and repeated < UNDISTURBED:
                    repeated += 1
                    continue
                verdicts.append(ended.summary()["verdict"])
                why += [one for one in ended.summary()["findings"] if one["severity"] != "info"]
    with capsys.disabled():
        print(
            f"\nundisturbed: {verdicts.count('VALID')} of {len(verdicts)} VALID, {repeated} repeated for interference"
        )
    assert math.isfinite(repeated)
    check_mostly_valid(verdicts)


def test_planted_a_tool_that_cries_wolf_or_trusts_everything_is_caught() -> None:
    with pytest.raises(AssertionError):
        check_mostly_valid(["VALID"] * 18 + ["DEGRADED"] * 2)
    assert severity(0.3, 0.2, 0.01, 0.05) == 2
    assert severity(0.03, 0.2, 0.01, 0.05) == 1
    assert severity(0.019, 0.2, 0.01, 0.05) == 0
