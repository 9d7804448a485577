"""What goes wrong on AWS, each ending in a balanced ledger, and in the verdict and exit code that it deserves.

One short run per fault, of two lanes and one slice; what is struck is planned at the emulated cloud.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.aws.account import BUCKET, FANOUT, Account, doubts
from tests.e2e.harness import Ended, assert_all_balance, config, killed_at_end, wait_for
from tests.e2e.served import served
from tests.emulators.aws.faults import Call, InvocationFault, ServiceFault, of_shard
from tests.emulators.mock import RunningMock

RATE, LENGTH_S = 20, 6
PLANNED = RATE * LENGTH_S
VALID, DEGRADED, INVALID = 0, 3, 4
# A few that stand for their kind run always; all of them with BENCHCTL_E2E_AWS=all (make e2e-aws), some five minutes.
thorough = pytest.mark.skipif(os.environ.get("BENCHCTL_E2E_AWS") != "all", reason="only with BENCHCTL_E2E_AWS=all")


@pytest.fixture
def server(account: Account) -> Iterator[RunningMock]:
    with account.server(ttft_s=0.05, itl_s=0.005) as running:
        yield running


@pytest.fixture(autouse=True)
def clean(account: Account) -> Iterator[None]:
    """No fault is left planned, and no warm sandbox has been through one."""
    yield
    account.cloud.plan.clear()
    account.cloud.settings.account_limit = 1000
    account.cloud.call(account.cloud.service.retire())


def settings(url: str, **sections: Any) -> dict[str, Any]:
    stages = [{"rate": RATE, "duration": LENGTH_S}]
    return config(url, stages, fanout=FANOUT, load={"request_timeout": "3s"}, **sections)


def run(account: Account, server: RunningMock, *arguments: str, **sections: Any) -> Ended:
    ended = account.launch(settings(server.url, **sections), *arguments)
    assert ended.exit_code in (VALID, DEGRADED, INVALID), ended.stdout + ended.stderr
    assert_all_balance(ended.summary())
    assert ended.summary()["ledger"]["planned"] == PLANNED
    return ended


def check_nothing_lost_or_doubled(ended: Ended, server: RunningMock) -> None:
    assert doubts(ended) == {}
    planned = ended.summary()["ledger"]["planned"]
    assert ended.summary()["ledger"]["ok"] == planned
    assert sorted(one.k for one in served(server, ended.result["run_id"])) == list(range(planned))


def on(service: str, method: str, part: str) -> Any:
    """Matches calls of workers on keys with `part` in them."""

    def matches(call: Call) -> bool:
        return call.service == service and call.method == method and part in call.path and call.shard is not None

    return matches


def test_duplicate_deliveries_send_nothing_twice(account: Account, server: RunningMock) -> None:
    account.cloud.plan.add(InvocationFault("duplicate", of_shard("0-0-0"), seconds=0.0))
    account.cloud.plan.add(InvocationFault("duplicate", of_shard("0-1-0"), seconds=6.0))
    ended = run(account, server)
    check_nothing_lost_or_doubled(ended, server)
    run_id = ended.result["run_id"]

    ran = [(one.event["shard"], one.event["attempt"], one.outcome) for one in account.deliveries(run_id)]
    assert sorted(ran) == [("0-0-0", 0, "response")] * 2 + [("0-1-0", 0, "response")] * 2


def test_a_sandbox_killed_mid_slice_is_lost_rows_and_an_invalid_run(account: Account, server: RunningMock) -> None:
    struck = InvocationFault("kill", of_shard("0-1-0"), seconds=8.0)
    account.cloud.plan.add(struck)
    ended = run(account, server)
    assert struck.struck == 1
    summary = ended.summary()
    assert ended.exit_code == INVALID and summary["verdict"] == "INVALID"
    states = {shard["shard"]: shard for shard in summary["shards"]}
    assert states["0-0-0"]["state"] == "complete" and states["0-1-0"]["state"] != "complete"
    assert summary["ledger"]["lost"] > 0 and states["0-0-0"]["ledger"]["ok"] == PLANNED // 2
    seen = [one.k for one in served(server, ended.result["run_id"])]
    assert len(seen) == len(set(seen)), "what was killed is not sent again"
    told = account.benchctl("logs", ended.result["run_id"], "--json")
    assert told.exit_code == 0 and "SIGKILL" in told.stdout, told.stdout + told.stderr


@thorough
def test_slow_down_server_errors_and_cut_lines_of_the_store_are_ridden_out(
    account: Account, server: RunningMock
) -> None:
    for method, part, status, code in (
        ("PUT", "/claims/", 503, "SlowDown"),
        ("PUT", "/ready/", 503, "SlowDown"),
        ("GET", "/workload/", 500, "InternalError"),
        ("PUT", "/records/", 503, "SlowDown"),
        ("PUT", "/receipts/", 503, "SlowDown"),
        ("GET", "/control.json", 503, "SlowDown"),
        ("GET", "/texts/", 0, ""),
    ):
        account.cloud.plan.add(ServiceFault(on("s3", method, part), status, code, times=2))
    for part in ("/claims/", "/receipts/"):
        account.cloud.plan.add(ServiceFault(on("s3", "PUT", part), 500, "InternalError", times=1, after=True))
    check_nothing_lost_or_doubled(run(account, server), server)


@thorough
def test_a_killed_orchestrator_is_replaced_by_attach(account: Account, server: RunningMock) -> None:
    with killed_at_end(account.start_launch(settings(server.url), "--run-id", "orphaned")) as process:
        wait_for(lambda: served(server, "orphaned"), 60, "load")
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
        attached = account.benchctl("attach", "orphaned", "--json")
    assert attached.exit_code in (VALID, DEGRADED, INVALID), attached.stdout + attached.stderr
    summary = attached.summary()
    assert_all_balance(summary)
    assert summary["ledger"]["planned"] == PLANNED
    seen = [one.k for one in served(server, "orphaned")]
    assert len(seen) == len(set(seen))
    assert summary["ledger"]["ok"] <= len(seen)


@thorough
def test_throttled_invocations_are_asked_for_again(account: Account, server: RunningMock) -> None:
    for shard, times in (("0-0-0", 3), ("0-1-0", 1)):
        account.cloud.plan.add(InvocationFault("throttle", of_shard(shard), times=times))
    account.cloud.plan.add(InvocationFault("refuse", of_shard("0-1-0"), times=1))
    check_nothing_lost_or_doubled(run(account, server), server)


@thorough
def test_a_shard_whose_init_fails_is_started_again(account: Account, server: RunningMock) -> None:
    account.cloud.call(account.cloud.service.retire())
    struck = InvocationFault("init", of_shard("0-1-0"))
    account.cloud.plan.add(struck)
    ended = run(account, server)
    assert struck.struck == 1
    check_nothing_lost_or_doubled(ended, server)
    attempts = {shard["shard"]: shard["attempt"] for shard in ended.summary()["shards"]}
    assert attempts == {"0-0-0": 0, "0-1-0": 1}


@thorough
def test_a_lost_event_is_noticed_and_sent_again(account: Account, server: RunningMock) -> None:
    account.cloud.plan.add(InvocationFault("lose", of_shard("0-1-0", 0)))
    ended = run(account, server)
    check_nothing_lost_or_doubled(ended, server)


@thorough
def test_a_function_that_hits_its_limit_is_named(account: Account, server: RunningMock) -> None:
    struck = InvocationFault("timeout", of_shard("0-0-0"), seconds=9.0)
    account.cloud.plan.add(struck)
    ended = run(account, server)
    assert struck.struck == 1 and ended.exit_code == INVALID
    states = {shard["shard"]: shard["state"] for shard in ended.summary()["shards"]}
    assert states == {"0-0-0": states["0-0-0"], "0-1-0": "complete"} and states["0-0-0"] != "complete"
    told = account.benchctl("logs", ended.result["run_id"], "--json")
    assert "timed out" in told.stdout, told.stdout + told.stderr


@thorough
def test_credentials_that_expire_stop_the_load_of_their_lane(account: Account, server: RunningMock) -> None:
    until = time.monotonic() + 10.0

    def matches(call: Call) -> bool:
        return call.service == "s3" and call.shard == "0-1-0" and time.monotonic() > until

    account.cloud.plan.add(ServiceFault(matches, 400, "ExpiredToken", times=None))
    summary = not_stored(account, server, "expired")
    states = {shard["shard"]: shard["state"] for shard in summary["shards"]}
    assert states["0-0-0"] == "complete" and states["0-1-0"] != "complete" and summary["verdict"] == "INVALID"
    seen = [one.k for one in served(server, "expired")]
    assert len(seen) == len(set(seen)) and sum(k % 2 == 1 for k in seen) < PLANNED // 2, "its lane stopped"


@thorough
def test_a_receipt_that_never_arrives_leaves_its_records(account: Account, server: RunningMock) -> None:
    def matches(call: Call) -> bool:
        return call.method == "PUT" and "/receipts/0-0-0" in call.path and call.shard is not None

    account.cloud.plan.add(ServiceFault(matches, 503, "SlowDown", times=None))
    summary = not_stored(account, server, "unreceipted")
    states = {shard["shard"]: shard for shard in summary["shards"]}
    assert states["0-0-0"]["state"] != "complete", "its receipt is merge's"
    assert summary["ledger"]["ok"] == PLANNED, "every record had been flushed before"


def not_stored(account: Account, server: RunningMock, run_id: str) -> dict[str, Any]:
    """Results that could not be stored are a failed run; what there is can be merged, and its ledger balances."""
    ended = account.launch(settings(server.url), "--run-id", run_id)
    assert ended.exit_code == 1 and ended.envelope["error"]["code"] == "results_not_stored", ended.stdout
    merged = account.benchctl("merge", f"s3://{BUCKET}/runs/{run_id}", "--json")
    assert merged.exit_code in (VALID, DEGRADED, INVALID), merged.stdout + merged.stderr
    summary = merged.summary()
    assert_all_balance(summary)
    assert summary["ledger"]["planned"] == PLANNED
    return summary


@thorough
def test_a_fresh_account_is_told_how_many_lanes_fit(account: Account, server: RunningMock) -> None:
    """A new account allows ten functions at once: refused before anything is created, with the quota to raise."""
    account.cloud.settings.account_limit = 10
    wanted = config(server.url, [{"rate": RATE, "duration": 2 * LENGTH_S}], fanout={**FANOUT, "lanes": 8})
    wanted["load"]["request_timeout"] = "3s"
    ended = account.launch(wanted)  # at the seam 16 would run
    assert ended.exit_code == 2, ended.stdout + ended.stderr
    said = ended.stdout.lower()
    assert "concurren" in said and "10" in said
    assert not served(server, ended.envelope["result"].get("run_id", "none"))


@thorough
def test_a_run_longer_than_a_functions_limit_is_seamless(account: Account, server: RunningMock) -> None:
    stages = [{"rate": RATE, "duration": 48}]
    ended = account.launch(config(server.url, stages, fanout=FANOUT, load={"request_timeout": "3s"}))
    assert ended.exit_code in (VALID, DEGRADED, INVALID), ended.stdout + ended.stderr
    shards = {shard["shard"]: shard for shard in ended.summary()["shards"]}
    assert len(shards) == 16 and {shard["state"] for shard in shards.values()} == {"complete"}, shards
    check_nothing_lost_or_doubled(ended, server)
    arrived = [one.arrived_unix_ns / 1e9 for one in served(server, ended.result["run_id"])]
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrived)]
    assert len(arrived) == RATE * 48 and max(gaps) < 4 / RATE


@thorough
def test_a_warm_sandbox_thaws_no_old_load(account: Account, server: RunningMock) -> None:
    """Frozen between invocations, and thawed for the next run: nothing of the one before may be sent then."""
    account.cloud.settings.freeze = True
    try:
        first = run(account, server)
        second = run(account, server)
    finally:
        account.cloud.settings.freeze = False
    assert not all(one.cold for one in account.deliveries(second.result["run_id"])), "a sandbox was used again"
    for ended in (first, second):
        check_nothing_lost_or_doubled(ended, server)


@thorough
def test_planted_a_fault_that_is_not_ridden_out_would_show(account: Account, server: RunningMock) -> None:
    """The checks above can fail: a shard that never gets its workload is no valid run."""
    account.cloud.plan.add(ServiceFault(on("s3", "GET", "/workload/0-1-0"), 403, "AccessDenied", times=None))
    ended = account.launch(settings(server.url))
    assert ended.exit_code != VALID
