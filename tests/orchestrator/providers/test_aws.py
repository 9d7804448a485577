"""What is asked of Lambda and its queue, and what is told of it: throttles, lost replies, refusals, failures."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from function.contract.control import Payload
from function.contract.errors import ProviderError
from function.contract.plan import RegionPlan
from orchestrator.providers.amazon import Amazon
from orchestrator.providers.aws import AT_ONCE, LOST_TRIES, AwsProvider, stop_function
from orchestrator.providers.port import Ended
from tests.emulators.played_aws import Call, PlayedAws, Reply, played_aws, refused

RUN = "s3://b/runs/r"
TAKEN = Reply(b"", 202)
THROTTLED = refused("TooManyRequestsException", 429, "Rate Exceeded.")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedAws]:
    with played_aws() as played:
        for name, value in played.environment().items():
            monkeypatch.setenv(name, value)
        played.script("Invoke", TAKEN)
        played.script("ReceiveMessage", Reply({}))
        played.script("DeleteMessageBatch", Reply({"Successful": [], "Failed": []}))
        yield played


@pytest.fixture
def provider(aws: PlayedAws) -> Iterator[AwsProvider]:
    made = AwsProvider(RUN, [region("us-east-1"), region("eu-west-1")])
    yield made
    made.stop_all(0.0)


@pytest.fixture
def alone(aws: PlayedAws) -> Iterator[AwsProvider]:
    """Of one region: a message lies in one queue, and a scripted reply goes to whoever asks first."""
    made = AwsProvider(RUN, [region("us-east-1")])
    yield made
    made.stop_all(0.0)


def region(name: str) -> RegionPlan:
    return RegionPlan(
        name, f"arn:aws:lambda:{name}:1:function:bench:live", f"http://{name}/1/failed", "/aws/lambda/bench"
    )


def payload(shard: str = "0-0-0", attempt: int = 0, patience_s: float = 20.0) -> Payload:
    return Payload(RUN, shard, attempt, "h", time.time() + patience_s)


def until(found: Callable[[], Any], what: str = "it", timeout_s: float = 10.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = found()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come")


def invoked(aws: PlayedAws) -> list[Call]:
    return [call for call in aws.named("Invoke") if call.headers["x-amz-invocation-type"] == "Event"]


def message(shard: str, run: str = RUN, number: int = 0, attempt: int = 0) -> dict[str, Any]:
    asked = {"run": run, "shard": shard, "attempt": attempt}
    body = {
        "requestContext": {"requestId": f"{number:08d}-0000-0000-0000-000000000000", "condition": "RetriesExhausted"},
        "requestPayload": asked,
        "responsePayload": {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 3.00 seconds"},
    }
    return {"MessageId": f"m{number}", "ReceiptHandle": f"h{number}-{time.monotonic_ns()}", "Body": json.dumps(body)}


def test_lanes_go_round_the_regions_and_the_payload_holds_nothing_else(aws: PlayedAws, provider: AwsProvider) -> None:
    for lane in range(4):
        provider.invoke(payload(f"0-{lane}-0"))
    calls = until(lambda: len(invoked(aws)) == 4 and invoked(aws))
    where = {call.json["shard"]: "us-east-1" in call.path for call in calls}
    assert where == {"0-0-0": True, "0-1-0": False, "0-2-0": True, "0-3-0": False}
    assert set(calls[0].json) == {"run", "shard", "attempt", "plan_hash", "not_after"}


def test_asking_returns_at_once_and_few_calls_are_under_way_together(aws: PlayedAws, provider: AwsProvider) -> None:
    gate, under_way, most = threading.Event(), [0], [0]
    lock = threading.Lock()
    aws.take = lambda call: _slow(call, gate, under_way, most, lock)  # type: ignore[method-assign]
    begun = time.monotonic()
    for lane in range(3 * AT_ONCE):
        provider.invoke(payload(f"0-{lane}-0"))
    assert time.monotonic() - begun < 1.0
    until(lambda: under_way[0] == AT_ONCE)
    time.sleep(0.2)
    assert most[0] == AT_ONCE
    gate.set()


def _slow(call: Call, gate: threading.Event, under_way: list[int], most: list[int], lock: threading.Lock) -> Reply:
    with lock:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
    gate.wait(10)
    with lock:
        under_way[0] -= 1
    return TAKEN


def test_a_throttle_is_waited_out_and_the_event_asked_for_again(aws: PlayedAws, provider: AwsProvider) -> None:
    aws.script("Invoke", THROTTLED, THROTTLED, TAKEN)
    provider.invoke(payload())
    until(lambda: len(invoked(aws)) == 3)
    time.sleep(0.3)
    assert len(invoked(aws)) == 3, "one that was accepted is never asked for again"
    assert provider.ended() == []


def test_one_that_is_throttled_until_its_time_is_over_has_ended(aws: PlayedAws, provider: AwsProvider) -> None:
    aws.script("Invoke", THROTTLED)
    provider.invoke(payload(patience_s=0.6))
    (end,) = until(provider.ended)
    assert (end.shard, end.attempt, end.exit_code, end.began) == ("0-0-0", 0, None, False)
    assert "Rate Exceeded" in end.tail


def test_a_lost_reply_is_asked_again_and_never_told_to_have_ended(aws: PlayedAws, provider: AwsProvider) -> None:
    """It may be running: the claim makes a second delivery harmless, a second attempt would not be."""
    aws.script("Invoke", Reply(cut=True))
    provider.invoke(payload())
    until(lambda: len(invoked(aws)) == LOST_TRIES)
    time.sleep(0.5)
    calls = invoked(aws)
    assert len(calls) == LOST_TRIES and len({call.body for call in calls}) == 1
    assert provider.ended() == []


def test_a_fault_of_theirs_counts_as_a_lost_reply(aws: PlayedAws, provider: AwsProvider) -> None:
    aws.script("Invoke", refused("ServiceException", 500), TAKEN)
    provider.invoke(payload())
    until(lambda: len(invoked(aws)) == 2)
    assert provider.ended() == []


@pytest.mark.parametrize(("code", "status"), [("AccessDeniedException", 403), ("ResourceNotFoundException", 404)])
def test_what_is_refused_for_good_is_told_at_once(
    aws: PlayedAws, provider: AwsProvider, code: str, status: int
) -> None:
    aws.script("Invoke", refused(code, status, "not like this"))
    provider.invoke(payload())
    (end,) = until(provider.ended)
    assert "not like this" in end.tail and not end.began
    assert len(invoked(aws)) == 1


def test_without_a_connection_it_is_tried_until_its_time_is_over(
    aws: PlayedAws, provider: AwsProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    provider.invoke(payload(patience_s=0.8))
    (end,) = until(provider.ended)
    assert "cannot be reached" in end.tail


def test_failures_of_this_run_are_told_once_and_removed_when_they_are_recorded(
    aws: PlayedAws, alone: AwsProvider
) -> None:
    found = [message("0-0-0", number=1), message("0-5-0", run="s3://b/runs/other", number=2)]
    aws.script("ReceiveMessage", Reply({"Messages": found}), Reply({"Messages": found}), Reply({}))
    ends = until(alone.ended)
    assert [(end.shard, end.exit_code, end.began) for end in ends] == [("0-0-0", None, True)]
    assert "Sandbox.Timedout" in ends[0].tail
    time.sleep(0.3)
    assert alone.ended() == [], "a message that came back is no second failure"
    assert aws.named("DeleteMessageBatch") == []
    alone.stop_all(0.0)
    alone.recorded()
    (call,) = aws.named("DeleteMessageBatch")
    assert [entry["ReceiptHandle"] for entry in call.json["Entries"]] == [found[0]["ReceiptHandle"]]


def test_the_last_look_finds_what_nobody_asked_for(aws: PlayedAws, alone: AwsProvider) -> None:
    alone.ended()
    until(lambda: aws.named("ReceiveMessage"))
    late = Reply({"Messages": [message("0-1-0", number=7)]})
    aws.script("ReceiveMessage", late, late, Reply({}))  # twice: a call that stop_all cancels may have had the first
    assert [end.shard for end in alone.stop_all(1.0)] == ["0-1-0"]
    assert alone.stop_all(1.0) == []


def test_nothing_is_asked_for_after_the_stop(aws: PlayedAws, provider: AwsProvider) -> None:
    aws.script("Invoke", THROTTLED)
    provider.invoke(payload())
    until(lambda: invoked(aws))
    provider.stop_all(0.0)
    calls = len(invoked(aws))
    time.sleep(0.6)
    assert len(invoked(aws)) == calls


def test_a_queue_that_cannot_be_read_does_no_harm(aws: PlayedAws, provider: AwsProvider) -> None:
    aws.script("ReceiveMessage", refused("AccessDeniedException", 403))
    assert provider.ended() == []
    until(lambda: aws.named("ReceiveMessage"))
    assert provider.stop_all(0.5) == []


def test_a_stopped_function_starts_nothing(aws: PlayedAws) -> None:
    aws.script("PUT /2017-10-31/functions/bench/concurrency", Reply({"ReservedConcurrentExecutions": 0}))
    amazon = Amazon()
    try:
        assert stop_function(amazon, region("us-east-1")) == "bench"
    finally:
        amazon.close()
    assert aws.calls[-1].json == {"ReservedConcurrentExecutions": 0}


def test_a_run_without_a_function_is_refused() -> None:
    with pytest.raises(ProviderError) as refusal:
        AwsProvider(RUN, [])
    assert refusal.value.code == "no_function"


def test_an_end_is_a_plain_value() -> None:
    assert Ended("0-0-0", 0, None).began
