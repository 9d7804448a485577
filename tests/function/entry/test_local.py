"""Real worker processes on a real directory: what they send, when they stop, what they leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from function.contract import keys
from function.contract.codec import encode
from function.store.local import LocalStore
from tests.function.entry.responder import Responder, responding
from tests.function.little_run import SHARD, LittleRun, shard_spec, unix_ns_in, workload_part

ROOT = Path(__file__).resolve().parents[3]
MS = 1_000_000
LEASE_S = 4.0


class Run:
    """A run in a folder, its orchestrator in a thread that beats, and its worker processes."""

    def __init__(self, folder: Path, responder: Responder, seconds: float, rate: int = 20, **spec: Any) -> None:
        workload = workload_part([i * 1_000_000_000 // rate for i in range(int(rate * seconds))])
        changes = {"slice_end_ns": int(seconds * 1e9), "lease_s": LEASE_S, **spec}
        self.little = LittleRun(LocalStore(folder), workload, shard_spec(workload, responder.url, **changes))
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self._silent = threading.Event()
        self._thread = threading.Thread(target=self._beat)
        self._lock = threading.Lock()
        self._thread.start()

    def _beat(self) -> None:
        while not self._silent.wait(0.3):
            with self._lock:
                self.little.renew()

    def silence(self) -> None:
        """The orchestrator dies."""
        self._silent.set()
        self._thread.join()

    def abort(self) -> None:
        self.silence()
        self.little.renew("abort", "user")

    def start(self, *flags: str, attempt: int = 0, command: list[str] | None = None) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, *(command or ["-m", "function.entry.local"]), *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(encode(self.little.payload(attempt)))
        process.stdin.close()
        process.stdin = None
        self.processes.append(process)
        return process

    def go(self, attempts: dict[str, int] | None = None) -> int:
        """Grants; returns t0, half a second from now."""
        t0 = unix_ns_in(0.5)
        with self._lock:
            self.little.go(t0, attempts)
        return t0

    def wait_ready(self, *attempts: int) -> None:
        wait_for(lambda: all(self.little.ready(attempt) for attempt in attempts))

    def end(self, process: subprocess.Popen[bytes], limit_s: float = 30) -> int:
        stdout, self.stderr = process.communicate(timeout=limit_s)
        assert stdout == b""
        return process.returncode

    def close(self) -> None:
        self.silence()
        for process in self.processes:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
            process.communicate()


def wait_for(condition: Callable[[], Any], limit_s: float = 20) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def responder() -> Iterator[Responder]:
    with responding() as one:
        yield one


@pytest.fixture
def begin(tmp_path: Path, responder: Responder) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def make(seconds: float, **spec: Any) -> Run:
        runs.append(Run(tmp_path, responder, seconds, **spec))
        return runs[-1]

    yield make
    for run in runs:
        run.close()


def ids(count: int) -> list[str]:
    return [f"little-{index}" for index in range(count)]


def test_three_at_once_load_once(begin: Callable[..., Run], responder: Responder) -> None:
    run = begin(1.5)
    processes = [run.start() for _ in range(3)]
    run.wait_ready(0)
    run.go()
    assert [run.end(process) for process in processes] == [0, 0, 0]
    assert sorted(responder.ids()) == sorted(ids(30))
    receipt = run.little.receipt()
    assert (receipt.reason, receipt.rows, receipt.counts.ok) == ("complete", 30, 30)
    assert {row["request_index"] for row in run.little.rows()} == set(range(30))
    assert not [path for path in run.folder.rglob("records/*") if path.name != "0-0-0.0"]
    assert run.end(run.start()) == 0
    assert len(responder.asked) == 30, "a fourth, later, sends nothing"


def test_it_sends_on_time_and_its_records_agree_with_the_server(
    begin: Callable[..., Run], responder: Responder
) -> None:
    run = begin(1.5)
    process = run.start()
    run.wait_ready(0)
    t0 = run.go()
    assert run.end(process) == 0
    arrived = {name: at for at, name, _ in responder.asked}
    for row in run.little.rows():
        server_ns = arrived[f"little-{row['request_index']}"] - t0
        assert -20 * MS < server_ns - row["scheduled_ns"] < 1000 * MS
        assert abs(server_ns - row["sent_ns"]) < 500 * MS
        assert (row["status"], row["output_tokens"], row["events"], len(row["token_gaps"])) == ("ok", 3, 3, 3)
    health = run.little.receipt().health
    assert health is not None and 0 < health.cold_start_ns < 60_000 * MS


def test_an_attempt_that_is_not_named_sends_nothing(begin: Callable[..., Run], responder: Responder) -> None:
    run = begin(1.0)
    first, second = run.start(attempt=0), run.start(attempt=1)
    run.wait_ready(0, 1)
    os.kill(first.pid, signal.SIGSTOP)
    run.go({SHARD: 1})
    assert run.end(second) == 0
    os.kill(first.pid, signal.SIGCONT)
    assert run.end(first) == 0
    assert sorted(responder.ids()) == sorted(ids(20))
    assert run.little.receipt().attempt == 1
    assert not (run.folder / keys.parts("0-0-0.0")).exists()


LOSES_ITS_FIRST_REPLY = """
import sys
from function.contract.errors import StoreError
from function.entry import local
from function.store.local import LocalStore

create, lost = LocalStore.create, []

def losing(self, key, body):
    stored = create(self, key, body)
    if not lost:
        lost.append(key)
        raise StoreError("the reply was lost")
    return stored

LocalStore.create = losing
code = local.main()
assert lost == ["claims/0-0-0.0"], lost
sys.exit(code)
"""


def test_a_claim_whose_reply_was_lost_still_runs(begin: Callable[..., Run], responder: Responder) -> None:
    run = begin(0.5)
    process = run.start(command=["-c", LOSES_ITS_FIRST_REPLY])
    run.wait_ready(0)
    run.go()
    assert run.end(process) == 0
    assert len(responder.asked) == 10
    assert run.little.receipt().reason == "complete"


def under_load(run: Run, responder: Responder) -> subprocess.Popen[bytes]:
    process = run.start()
    run.wait_ready(0)
    run.go()
    wait_for(lambda: len(responder.asked) >= 10)
    return process


def test_an_abort_silences_it_within_a_second(begin: Callable[..., Run], responder: Responder) -> None:
    run = begin(30.0)
    process = under_load(run, responder)
    struck = time.time_ns()
    run.abort()
    assert run.end(process, 10) == 0
    assert max(responder.since(struck), default=0) < 1.5
    receipt = run.little.receipt()
    assert (receipt.reason, receipt.stop_detail) == ("abort", "user")
    assert receipt.stopped_ns is not None
    assert {row["request_index"] for row in run.little.rows()} == set(range(receipt.stopped_ns // (50 * MS) + 1))


def test_when_the_beat_stops_it_is_silent_within_the_lease(begin: Callable[..., Run], responder: Responder) -> None:
    run = begin(30.0)
    process = under_load(run, responder)
    run.silence()
    struck = time.time_ns()
    assert run.end(process, 20) == 0
    late = responder.since(struck)
    assert 1.0 < max(late) <= LEASE_S + 0.2, "it goes on for a while, since a dead orchestrator looks like a slow one"
    assert run.little.receipt().reason == "lease"


def test_stopped_past_the_lease_it_sends_nothing_after_waking(begin: Callable[..., Run], responder: Responder) -> None:
    run = begin(30.0)
    process = under_load(run, responder)
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(LEASE_S / 2 + 0.3)  # the orchestrator goes on
    woken = time.time_ns()
    os.kill(process.pid, signal.SIGCONT)
    assert run.end(process, 20) == 0
    assert responder.since(woken) == []
    assert run.little.receipt().reason == "lease"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_stores_what_it_has_and_goes(
    begin: Callable[..., Run], responder: Responder, number: signal.Signals
) -> None:
    run = begin(30.0)
    process = under_load(run, responder)
    process.send_signal(number)
    struck = time.time_ns()
    assert run.end(process, 10) == 0
    assert max(responder.since(struck), default=0) < 1.5
    receipt = run.little.receipt()
    assert (receipt.reason, receipt.stop_detail) == ("abort", f"the worker got {number.name}")
    assert receipt.counts.ok >= 5


STARTS_A_WORKER_AND_DIES = """
import subprocess, sys

worker = subprocess.Popen([sys.executable, "-m", "function.entry.local"], stdin=subprocess.PIPE, start_new_session=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
worker.stdin.write(sys.stdin.buffer.read())
worker.stdin.close()
"""


def test_it_obeys_the_store_alone_and_outlives_who_started_it(begin: Callable[..., Run], responder: Responder) -> None:
    run = begin(0.5)
    assert run.end(run.start(command=["-c", STARTS_A_WORKER_AND_DIES])) == 0
    run.wait_ready(0)
    run.go()
    wait_for(run.little.has_receipt)
    assert sorted(responder.ids()) == sorted(ids(10))


def test_a_wall_clock_that_is_off_moves_nothing(begin: Callable[..., Run], responder: Responder) -> None:
    run = begin(0.5)
    process = run.start("--wall-offset-ns", str(7_000 * MS))
    run.wait_ready(0)
    t0 = run.go()
    assert run.end(process) == 0
    assert len(responder.asked) == 10
    assert -0.05 < (responder.asked[0][0] - t0) / 1e9 < 1.0
    receipt = run.little.receipt()
    assert abs(receipt.clock_offset_ns + 7_000 * MS) <= receipt.clock_error_ns


def test_what_is_refused_is_one_line_and_code_two(begin: Callable[..., Run], responder: Responder) -> None:
    run = begin(0.5)
    spec = msgspec.structs.replace(run.little.spec, code_version="0" * 16)
    run.little.store.put(keys.spec(SHARD), encode(spec))
    assert run.end(run.start()) == 2
    assert run.stderr.startswith(b"error[code_mismatch]: ") and run.stderr.count(b"\n") == 1
    assert responder.asked == [] and not run.little.ready()


def test_a_payload_that_is_none_is_one_line(begin: Callable[..., Run]) -> None:
    run = begin(0.5)
    run.little.payload = lambda attempt=0: {"shard": SHARD}  # type: ignore[method-assign,misc,assignment,return-value]
    assert run.end(run.start()) == 1
    assert run.stderr.startswith(b"error[contract]: ") and run.stderr.count(b"\n") == 1
