"""Law 8: at-least-once is harmless. Duplicates, late attempts and lost replies load the endpoint once or not at all."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from function.contract import keys
from tests.e2e.by_hand import ByHand, by_hand
from tests.e2e.harness import MEASURED, config, launch, wait_for
from tests.e2e.served import arrivals_since, served_ids
from tests.emulators.mock import RunningMock, running_mock

RATE, SECONDS = 20, 3


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock({"ttft_s": 0.02, "itl_s": 0.002}) as server:
        yield server


@pytest.fixture(scope="module")
def source(mock: RunningMock, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished one-lane run whose plan the tests run again by hand."""
    settings = config(mock.url, [{"rate": RATE, "duration": SECONDS}])
    settings["fanout"] = {"lanes": 1, "lease": 6}
    ended = launch(tmp_path_factory.mktemp("source"), settings)
    assert ended.exit_code in MEASURED, ended.stderr
    return ended.run_folder()


@pytest.fixture
def hand(source: Path, tmp_path: Path) -> Iterator[ByHand]:
    with by_hand(source, tmp_path / "run") as one:
        yield one


def check_once(ids: list[str], planned: int) -> None:
    assert len(ids) == len(set(ids)) == planned


def test_three_workers_on_one_shard_load_once(hand: ByHand, mock: RunningMock) -> None:
    begun = time.time_ns()
    hand.beat()
    processes = [hand.invoke("0-0-0") for _ in range(3)]
    hand.wait_ready("0-0-0.0")
    hand.go({"0-0-0": 0})
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    check_once(served_ids(mock, begun), RATE * SECONDS)
    again = hand.invoke("0-0-0")
    assert again.wait(timeout=30) == 0
    check_once(served_ids(mock, begun), RATE * SECONDS)


def test_an_attempt_that_go_does_not_name_sends_nothing_however_late_it_wakes(hand: ByHand, mock: RunningMock) -> None:
    begun = time.time_ns()
    hand.beat()
    first, second = hand.invoke("0-0-0", 0), hand.invoke("0-0-0", 1)
    hand.wait_ready("0-0-0.0", "0-0-0.1")
    os.kill(first.pid, signal.SIGSTOP)
    hand.go({"0-0-0": 1})
    wait_for(lambda: len(served_ids(mock, begun)) > 10, what="the granted attempt sending")
    os.kill(first.pid, signal.SIGCONT)
    assert first.wait(timeout=60) == 0
    assert second.wait(timeout=60) == 0
    check_once(served_ids(mock, begun), RATE * SECONDS)
    assert hand.receipt("0-0-0")["attempt"] == 1


def test_withheld_go_sends_nothing(hand: ByHand, mock: RunningMock) -> None:
    begun = time.time_ns()
    hand.beat()
    hand.invoke("0-0-0")
    hand.wait_ready("0-0-0.0")
    time.sleep(3)
    assert arrivals_since(mock, begun) == []
    hand.abort()
    assert hand.processes[0].wait(timeout=30) == 0
    assert arrivals_since(mock, begun) == []


def test_a_beat_that_never_moves_sends_nothing(hand: ByHand, mock: RunningMock) -> None:
    """A late starter must not trust a corpse: go lies there, but nobody is alive."""
    begun = time.time_ns()
    hand.go({"0-0-0": 0}, delay_s=2)
    hand.renew()
    process = hand.invoke("0-0-0")
    process.wait(timeout=60)
    assert arrivals_since(mock, begun) == []


def test_too_late_an_invocation_exits_without_load(hand: ByHand, mock: RunningMock) -> None:
    begun = time.time_ns()
    hand.beat()
    hand.payload = lambda shard, attempt=0: ByHand.payload(hand, shard, attempt, time.time() - 1)  # type: ignore[method-assign,misc]
    assert hand.invoke("0-0-0").wait(timeout=30) == 0
    assert arrivals_since(mock, begun) == []
    assert not (hand.folder / keys.ready("0-0-0.0")).exists()


def test_killed_half_way_nothing_is_sent_again(hand: ByHand, mock: RunningMock) -> None:
    begun = time.time_ns()
    hand.beat()
    first = hand.invoke("0-0-0")
    hand.wait_ready("0-0-0.0")
    hand.go({"0-0-0": 0})
    wait_for(lambda: len(served_ids(mock, begun)) > RATE, what="half of it sent")
    first.kill()
    first.wait()
    time.sleep(0.3)
    before = served_ids(mock, begun)
    assert hand.invoke("0-0-0").wait(timeout=30) == 0
    assert served_ids(mock, begun) == before
    assert len(before) == len(set(before)) < RATE * SECONDS


def test_planted_doubled_load_is_caught() -> None:
    with pytest.raises(AssertionError):
        check_once(["a", "b", "b"], 3)
    with pytest.raises(AssertionError):
        check_once(["a", "b"], 3)
