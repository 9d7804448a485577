"""A worker is as fresh at the end of its slice as at the beginning: memory, sockets, threads, punctuality.

The short form: 40 s at 100 requests/s, every tenth answer cut off so that connections come and go. The long one is
`python benchmarks/soak.py --minutes 10`; its figures stand in docs/performance.md.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.harness import (
    alive,
    assert_all_balance,
    config,
    finish,
    killed_at_end,
    read_json,
    start_launch,
    wait_for,
    workers,
)
from tests.e2e.served import served
from tests.emulators.mock import RunningMock, running_mock

RATE, SECONDS = 100, 40
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Look:
    """At a worker from outside. `at_s` since the first one."""

    at_s: float
    rss_bytes: int
    files: int
    threads: int


@pytest.fixture
def mock() -> Iterator[RunningMock]:
    with running_mock({"ttft_s": 0.05, "itl_s": 0.01, "faults": {"cut": 0.1}, "seed": 3}) as server:
        yield server


def look(pid: int, began: float) -> Look:
    process = Path(f"/proc/{pid}")
    rss = int((process / "statm").read_text().split()[1]) * PAGE
    threads = len(os.listdir(process / "task"))
    return Look(time.monotonic() - began, rss, len(os.listdir(process / "fd")), threads)


def watched(pid: int) -> list[Look]:
    """Until it ends."""
    began, looks = time.monotonic(), []
    while alive(pid):
        try:
            looks.append(look(pid, began))
        except OSError:
            break  # it ended meanwhile
        time.sleep(0.2)
    return looks


def check_fresh(looks: Sequence[Look]) -> None:
    """Of the load, its second quarter against the last. Records of 5 s at a time go to the store and must be let go."""
    load = [one for one in looks if 4 < one.at_s < SECONDS - 1]
    quarter = len(load) // 4
    assert quarter >= 10, "too few looks to tell anything"

    def median(some: Sequence[Look], of: Callable[[Look], float]) -> float:
        return float(np.median([of(one) for one in some]))

    early, last = load[quarter : 2 * quarter], load[-quarter:]
    grown = median(last, lambda one: one.rss_bytes) / median(early, lambda one: one.rss_bytes)
    assert grown <= 1.15, f"memory grew to {grown:.2f} times"
    files = median(early, lambda one: one.files), median(last, lambda one: one.files)
    assert files[1] <= 1.25 * files[0] + 3, f"open files: {files}"
    threads = median(early, lambda one: one.threads), median(last, lambda one: one.threads)
    assert threads[1] <= threads[0] + 1, f"threads: {threads}"


def test_a_worker_neither_grows_nor_leaks_nor_tires(mock: RunningMock, tmp_path: Path) -> None:
    settings = config(mock.url, [{"rate": RATE, "duration": SECONDS}])
    settings["fanout"] = {"lanes": 1}
    with killed_at_end(start_launch(tmp_path, settings)) as process:
        wait_for(lambda: len(mock.records()) >= RATE, what="load at the server")
        (worker,) = workers(process.pid)
        looks = watched(worker)
        ended = finish(process, tmp_path)
    check_fresh(looks)

    summary = ended.summary()
    assert_all_balance(summary)
    assert summary["ledger"]["planned"] == RATE * SECONDS == summary["ledger"]["ok"] + summary["ledger"]["failed"]
    receipt = read_json(ended.run_folder() / "receipts" / "0-0-0.json")
    assert receipt["health"]["seconds"][-1]["in_flight"] == 0

    t0 = read_json(ended.run_folder() / "go" / "0-0.json")["t0_unix_ns"]
    seen = sorted(served(mock, ended.result["run_id"]), key=lambda one: one.k)
    late = np.array([one.arrived_unix_ns - t0 - round(one.k * 1e9 / RATE) for one in seen]) / 1e9
    early, last = np.quantile(late[: RATE * 10], 0.9), np.quantile(late[-RATE * 10 :], 0.9)
    assert last <= 3 * early + 0.010, f"late by {early:.4f} s at first, by {last:.4f} s at last"


def fresh(at_s: float) -> Look:
    return Look(at_s, 60_000_000, 80, 7)


def test_planted_a_leak_of_any_kind_is_caught() -> None:
    looks = [fresh(at / 5) for at in range(SECONDS * 5)]
    check_fresh(looks)
    for leaking in (
        [replace(one, rss_bytes=round(one.rss_bytes * (1 + one.at_s / 100))) for one in looks],  # 1 % a second
        [replace(one, files=one.files + round(3 * one.at_s)) for one in looks],  # three sockets a second
        [replace(one, threads=one.threads + round(one.at_s / 5)) for one in looks],
    ):
        with pytest.raises(AssertionError):
            check_fresh(leaking)
