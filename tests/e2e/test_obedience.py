"""Laws 7 and 9: workers obey the store alone; whoever dies, sleeps or aborts, nobody goes on sending."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from function.store.local import LocalStore
from tests.e2e.harness import (
    REPOSITORY,
    alive,
    assert_all_balance,
    benchctl,
    config,
    environment,
    finish,
    killed_at_end,
    only_run,
    read_json,
    start,
    start_launch,
    wait_for,
    workers,
)
from tests.e2e.served import arrivals_since
from tests.emulators.mock import RunningMock, running_mock

LEASE_S = 6.0
SILENT_AFTER_ABORT_S = 3.0


@pytest.fixture
def mock() -> Iterator[RunningMock]:
    with running_mock({"ttft_s": 0.05, "itl_s": 0.005}) as server:
        yield server


def thirty_a_second(mock: RunningMock, seconds: float = 30, lanes: int = 3) -> dict[str, object]:
    settings = config(mock.url, [{"rate": 30, "duration": seconds}])
    settings["fanout"] = {"lanes": lanes, "lease": LEASE_S}
    return settings


def under_load(mock: RunningMock) -> None:
    wait_for(lambda: len(mock.records()) >= 30, what="load at the server")


def test_one_worker_killed_and_the_others_go_on(mock: RunningMock, tmp_path: Path) -> None:
    with killed_at_end(start_launch(tmp_path, thirty_a_second(mock, 15))) as process:
        under_load(mock)
        run = only_run(tmp_path)
        wait_for(lambda: len(list(run.glob("records/*/part-*.arrow"))) >= 3, what="a flush of every worker")
        victim = workers(process.pid)[0]
        os.kill(victim, signal.SIGKILL)
        ended = finish(process, tmp_path)
    summary = ended.summary()
    assert ended.exit_code in (3, 4)
    assert_all_balance(summary)
    states = sorted(shard["state"] for shard in summary["shards"])
    assert states == ["complete", "complete", "partial"]
    (hurt,) = [shard for shard in summary["shards"] if shard["state"] == "partial"]
    assert hurt["ledger"]["lost"] > 0
    for shard in summary["shards"]:
        if shard["state"] == "complete":
            assert shard["ledger"]["ok"] == shard["ledger"]["planned"] == 150
    # SIGKILL loses at most what was in flight at, or sent after, the last flush: one flush interval is 5 s.
    lost = [s for s, status in zip(ended.requests()["scheduled_ns"], ended.requests()["status"]) if status == "lost"]
    assert hurt["ledger"]["ok"] + hurt["ledger"]["lost"] == hurt["ledger"]["planned"]
    assert len(lost) == hurt["ledger"]["lost"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_without_its_orchestrator_load_stops_within_the_lease(mock: RunningMock, tmp_path: Path, number: int) -> None:
    with killed_at_end(start_launch(tmp_path, thirty_a_second(mock))) as process:
        under_load(mock)
        mine = workers(process.pid)
        assert len(mine) == 3
        os.kill(process.pid, number)
        struck = time.time_ns()
        time.sleep(LEASE_S + 2)
        after = arrivals_since(mock, struck)
        assert any(at - struck > 1e9 for at in after), "a dead orchestrator does not stop its workers at once"
        assert all(at - struck <= LEASE_S * 1e9 + 0.5e9 for at in after), "silent within the lease"
        run = only_run(tmp_path)
        ended = benchctl(tmp_path, "attach", run.name, "--json")
        assert ended.exit_code in (3, 4), ended.stderr
        assert_all_balance(ended.summary())
        assert ended.summary()["ledger"]["aborted"] + ended.summary()["ledger"]["lost"] > 0
        wait_for(lambda: not any(alive(pid) for pid in mine), what="workers gone")
        if number == signal.SIGSTOP:
            os.kill(process.pid, signal.SIGCONT)
            woken = finish(process, tmp_path, timeout=60)
            assert woken.exit_code != 0
            assert not arrivals_since(mock, struck + int((LEASE_S + 1) * 1e9)), "waking up does not resume the load"


def test_abort_from_another_shell_silences_all(mock: RunningMock, tmp_path: Path) -> None:
    with killed_at_end(start_launch(tmp_path, thirty_a_second(mock))) as process:
        under_load(mock)
        run = only_run(tmp_path)
        struck = time.time_ns()
        other = tmp_path / "another" / "folder"
        ended = benchctl(other, "abort", run.name, "--root", str(tmp_path), "--json")
        assert ended.exit_code == 0, ended.stderr
        launched = finish(process, tmp_path)
        after = arrivals_since(mock, struck)
        assert all(at - struck <= SILENT_AFTER_ABORT_S * 1e9 for at in after)
    assert launched.exit_code in (130, 3, 4)
    summary = launched.summary()
    assert summary["aborted"] is True
    assert "run_aborted" in launched.codes()
    assert_all_balance(summary)
    assert summary["ledger"]["aborted"] > 0


def test_ctrl_c_ends_with_130_a_report_and_no_process_left(mock: RunningMock, tmp_path: Path) -> None:
    with killed_at_end(start_launch(tmp_path, thirty_a_second(mock))) as process:
        under_load(mock)
        mine = workers(process.pid)
        struck = time.time_ns()
        os.kill(process.pid, signal.SIGINT)
        ended = finish(process, tmp_path)
    assert ended.exit_code == 130
    assert all(at - struck <= SILENT_AFTER_ABORT_S * 1e9 for at in arrivals_since(mock, struck))
    assert not any(alive(pid) for pid in mine)
    summary = ended.summary()
    assert summary["aborted"] is True
    assert_all_balance(summary)
    aborted = [
        kind for kind, status in zip(ended.requests()["error_kind"], ended.requests()["status"]) if status == "aborted"
    ]
    assert set(aborted) == {"user"}
    assert (ended.run_folder() / "report" / "report.html").exists()


def test_sigterm_cleans_up_as_ctrl_c_does(mock: RunningMock, tmp_path: Path) -> None:
    with killed_at_end(start_launch(tmp_path, thirty_a_second(mock))) as process:
        under_load(mock)
        mine = workers(process.pid)
        process.terminate()
        ended = finish(process, tmp_path)
    assert ended.exit_code == 130
    assert not any(alive(pid) for pid in mine)
    assert_all_balance(ended.summary())


def test_planted_an_orphan_that_goes_on_is_caught(mock: RunningMock) -> None:
    """The yardstick itself: a sender that ignores the store is seen by the same measure."""
    import urllib.request

    struck = time.time_ns()
    time.sleep(0.3)
    body = b'{"model":"mock","messages":[{"role":"user","content":"x"}],"max_tokens":1}'
    request = urllib.request.Request(f"{mock.url}/v1/chat/completions", body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request).read()
    late = wait_for(lambda: arrivals_since(mock, struck), what="the orphan's request in the log")
    assert not all(at - struck <= 0.1e9 for at in late)
    assert REPOSITORY.exists()


STOPPED_BETWEEN_COMPARE_AND_RENAME = """
import os, signal, sys
from pathlib import Path
from function.store.local import LocalStore

real = os.rename

def rename(draft, path):
    print("compared", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    real(draft, path)

store = LocalStore(Path(sys.argv[1]))
blob = store.get("control.json")
os.rename = rename
store.replace("control.json", blob.body.replace(b'"beat":', b'"beat":1000'), blob.stored.version)
"""


def test_a_renewal_that_lands_after_the_abort_does_not_undo_it(mock: RunningMock, tmp_path: Path) -> None:
    with killed_at_end(start_launch(tmp_path, thirty_a_second(mock))) as process:
        under_load(mock)
        run = only_run(tmp_path)
        mine = workers(process.pid)
        os.kill(process.pid, signal.SIGSTOP)  # its own beats must not race the planted one
        renewal = renewal_prepared(run)
        aborting = start(tmp_path, "abort", run.name, "--json")
        wait_for(lambda: read_json(run / "control.json")["state"] == "abort", what="the abort stored")
        struck = time.time_ns()
        os.kill(renewal.pid, signal.SIGCONT)
        assert renewal.wait(timeout=30) == 0
        assert finish(aborting, tmp_path).exit_code == 0
        assert read_json(run / "control.json")["state"] == "abort"
        after = arrivals_since(mock, struck)
        assert all(at - struck <= SILENT_AFTER_ABORT_S * 1e9 for at in after)
        wait_for(lambda: not any(alive(pid) for pid in mine), what="workers gone")


def renewal_prepared(run: Path) -> subprocess.Popen[bytes]:
    """A process that has compared control's version, holds the lock, and is stopped before its rename."""
    command = [sys.executable, "-c", STOPPED_BETWEEN_COMPARE_AND_RENAME, str(run)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment())
    assert process.stdout is not None
    assert process.stdout.readline().strip() == b"compared"
    return process


def test_planted_without_the_second_look_the_abort_would_be_undone(mock: RunningMock, tmp_path: Path) -> None:
    """What the test above rests on: one plain put alone *is* undone by the stopped renewal."""
    store = LocalStore(tmp_path)
    store.create("control.json", b'{"state":"go","beat":1}')
    renewal = renewal_prepared(tmp_path)
    store.put("control.json", b'{"state":"abort","beat":1}')
    os.kill(renewal.pid, signal.SIGCONT)
    assert renewal.wait(timeout=30) == 0
    assert b"go" in store.get("control.json").body
