"""The handler in this process, with moto's S3: what it answers, what it refuses, what it leaves behind."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from function.contract import keys
from function.contract.codec import decode
from function.contract.control import Ready
from function.contract.spec import SecretRef, Target
from tests.emulators.moto import new_bucket
from tests.function.entry.responder import Responder
from tests.function.entry.sandbox import SECOND, Run, invoke, refusal
from tests.function.little_run import SHARD, unix_ns_in


def own_threads() -> set[threading.Thread]:
    """All but those in which moto answers."""
    return {thread for thread in threading.enumerate() if "process_request" not in thread.name}


def test_a_shard_runs_from_claim_to_receipt(begin: Callable[..., Run], responder: Responder) -> None:
    run = begin()
    before = own_threads()
    assert invoke(run.event()) == {"shard": SHARD, "attempt": 0, "outcome": "ran", "detail": ""}
    receipt = run.little.receipt()
    assert (receipt.reason, receipt.counts.ok, receipt.rows) == ("complete", 20, 20)
    assert responder.ids() == [f"little-{number}" for number in range(20)]
    assert own_threads() == before, "a thread outlived the invocation"


def test_a_warm_sandbox_begins_anew(begin: Callable[..., Run], responder: Responder) -> None:
    """Loop, store and threads are the second invocation's own, and its cold start is not the sandbox's."""
    first = begin()
    invoke(first.event())
    again = invoke(first.event())
    assert again["outcome"] == "not_mine"
    gc.collect()
    assert len(responder.asked) == 20
    ready = decode(Ready, first.store.get(keys.ready(f"{SHARD}.0")).body)
    assert 0 < ready.cold_start_ns < 30 * SECOND
    assert ready.send_until_unix_ns is not None


def test_it_stops_in_time_for_its_limit(begin: Callable[..., Run], responder: Responder) -> None:
    """Limit 20 s: 10 s margin, 1 s drain, 0.5 s flush; sending ends about 8 s after the start."""
    run = begin(seconds=30.0, rate=10, drain_s=1.0)
    began_s = time.monotonic()
    assert invoke(run.event(), limit_s=20.0)["outcome"] == "ran"
    assert time.monotonic() - began_s < 15
    receipt = run.little.receipt()
    assert receipt.reason == "time"
    assert receipt.rows == 300 and receipt.counts.missed > 150
    statuses = {row["error_kind"] for row in run.little.rows() if row["status"] == "missed"}
    assert statuses == {"no_time_left"}


def test_waiting_for_go_ends_before_the_platform_ends_it(begin: Callable[..., Run]) -> None:
    run = begin(ready_wait_s=60.0)
    run._silent.set()  # nobody grants
    run._thread.join()
    began_s = time.monotonic()
    assert invoke(run.event(), limit_s=8.0)["outcome"] == "not_granted"
    assert time.monotonic() - began_s < 7


def test_the_duration_cap_holds_over_phases(begin: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's first t0 counts, not the phase's own."""
    monkeypatch.setenv("BENCHCTL_MAX_DURATION_S", "12")
    run = begin(seconds=10.0, rate=10, drain_s=1.0)
    run._silent.set()
    run._thread.join()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(invoke, run.event())
        while not run.little.ready():
            time.sleep(0.05)
        t0 = unix_ns_in(0.5)
        run.little.go(t0, run_t0_unix_ns=t0 - 9 * SECOND)
        while not future.done():
            run.little.renew()
            time.sleep(0.3)
    receipt = run.little.receipt()
    assert receipt.reason == "time"
    assert 25 <= receipt.counts.ok <= 31 and receipt.rows == 100


# Refusals: nothing is claimed of another's, and nothing is sent.


def test_a_target_off_the_list_is_refused_before_any_load(
    begin: Callable[..., Run], responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCHCTL_ALLOWED_TARGETS", "https://llm.example.com")
    run = begin()
    assert "error[target_refused]" in refusal(run.event())
    assert responder.asked == [] and not run.little.ready() and not run.little.has_receipt()


def test_an_address_off_the_ranges_is_never_connected_to(
    begin: Callable[..., Run], responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is on the list; where it leads is not permitted. Every request has its row, none was sent."""
    monkeypatch.setenv("BENCHCTL_ALLOWED_CIDRS", "")
    run = begin()
    assert invoke(run.event())["outcome"] == "ran"
    assert responder.asked == []
    assert {(row["status"], row["error_kind"]) for row in run.little.rows()} == {("failed", "target_refused")}
    assert run.little.receipt().rows == 20


@pytest.mark.parametrize(
    ("spec", "code"),
    [({"lanes": 3}, "cap_exceeded"), ({"requests": 5000}, "cap_exceeded"), ({"code_version": "other"}, "code_mismatch"),
     ({"slice_end_ns": 61 * SECOND}, "cap_exceeded")],
)  # fmt: skip
def test_what_the_caps_do_not_permit(begin: Callable[..., Run], responder: Responder, spec: Any, code: str) -> None:
    run = begin(**spec)
    assert f"error[{code}]" in refusal(run.event())
    assert responder.asked == [] and not run.little.ready()


def test_a_closed_loop_over_the_rate_is_ended(
    begin: Callable[..., Run], responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCHCTL_MAX_REQUESTS_PER_S", "2")
    run = begin(kind="closed_count", users=4, rate=500, slice_end_ns=None)
    assert "error[cap_exceeded]" in refusal(run.event())
    most = 2 * 10 + 6 * 20**0.5 + 10
    assert most - 5 < len(responder.asked) <= most
    receipt = run.little.receipt()
    assert receipt.reason == "failed" and "cap" in (receipt.stop_detail or "")
    assert len(responder.asked) <= receipt.rows <= 500


def test_a_run_elsewhere_is_refused(begin: Callable[..., Run], moto_url: str, responder: Responder) -> None:
    event = begin().event()
    other = new_bucket(moto_url)
    for uri in (
        f"s3://{other}/runs/r1",
        "/tmp/runs/r1",
        event["run"] + "/x",
        event["run"].replace("/runs/", "/runs/../runs/"),
    ):
        assert "error[run_refused]" in refusal({**event, "run": uri})
    assert responder.asked == []


@pytest.mark.parametrize("event", [{}, [], None, "x", {"run": 1}, {"probe": 3}, {"probe": {"target": {}}}])
def test_an_event_that_is_none_of_ours(bucket: str, event: Any) -> None:
    assert "error[payload]" in refusal(event)


def test_a_function_without_its_settings_does_nothing(
    begin: Callable[..., Run], responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin()
    monkeypatch.delenv("BENCHCTL_MAX_LANES")
    assert "error[guard_setting]" in refusal(run.event())
    assert responder.asked == []


def test_the_functions_own_keys_are_no_secret_source(begin: Callable[..., Run], responder: Responder) -> None:
    target = Target(
        root=responder.url,
        api="chat",
        streaming=True,
        secret_headers={"X-Leak": SecretRef("env", "AWS_SECRET_ACCESS_KEY")},
    )
    run = begin(target=target)
    assert "error[secret_source]" in refusal(run.event())
    assert responder.asked == []
