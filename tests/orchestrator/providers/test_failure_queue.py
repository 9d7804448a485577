"""A queue shared by runs: ours are found behind any number of others', told once, and removed when asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.providers.amazon import Amazon, CallFailed
from orchestrator.providers.failure_queue import FailureQueue
from tests.emulators.played_aws import Call, PlayedAws, Reply, played_aws, refused

RUN = "s3://b/runs/r"


def message(number: int, run: str = RUN, request: str = "") -> dict[str, Any]:
    body = {
        "requestContext": {"requestId": request or f"q{number}", "condition": "RetriesExhausted"},
        "requestPayload": {"run": run, "shard": f"0-{number}-0", "attempt": 0},
        "responsePayload": {"errorType": "Sandbox.Timedout"},
    }
    return {"MessageId": f"m{number}", "ReceiptHandle": f"h{number}", "Body": json.dumps(body)}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedAws]:
    with played_aws() as played:
        for name, value in played.environment().items():
            monkeypatch.setenv(name, value)
        yield played


@pytest.fixture
def amazon() -> Iterator[Amazon]:
    made = Amazon()
    yield made
    made.close()


def filled(aws: PlayedAws, messages: list[dict[str, Any]]) -> list[str]:
    """The queue gives each message once, and lists the handles that were deleted."""
    waiting, deleted = list(messages), []

    def receive(call: Call) -> Reply:
        most = call.json["MaxNumberOfMessages"]
        given, waiting[:] = waiting[:most], waiting[most:]
        return Reply({"Messages": given})

    def delete(call: Call) -> Reply:
        deleted.extend(entry["ReceiptHandle"] for entry in call.json["Entries"])
        return Reply({"Successful": [], "Failed": []})

    aws.answers |= {"ReceiveMessage": receive, "DeleteMessageBatch": delete}
    return deleted


def test_ours_are_found_behind_others_and_only_ours_are_removed(aws: PlayedAws, amazon: Amazon) -> None:
    others = [message(number, "s3://b/runs/other") for number in range(25)]
    deleted = filled(aws, [*others, *(message(number) for number in range(100, 112))])
    queue = FailureQueue(amazon, "us-east-1", "http://q/1/x", RUN)
    amazon.spawn(queue.look()).result(20)
    assert [one.shard for one in queue.taken()] == [f"0-{number}-0" for number in range(100, 112)]
    assert queue.taken() == [] and deleted == []
    amazon.spawn(queue.forget()).result(20)
    assert deleted == [f"h{number}" for number in range(100, 112)]


def test_two_messages_of_one_event_are_one_failure_and_both_go(aws: PlayedAws, amazon: Amazon) -> None:
    """A function with a dead-letter queue besides its destination sends both."""
    dead = {
        "MessageId": "m9",
        "ReceiptHandle": "h9",
        "Body": json.dumps({"run": RUN, "shard": "0-1-0", "attempt": 0}),
        "MessageAttributes": {"RequestID": {"DataType": "String", "StringValue": "q1"}},
    }
    deleted = filled(aws, [message(1), dead])
    queue = FailureQueue(amazon, "us-east-1", "http://q/1/x", RUN)
    amazon.spawn(queue.look()).result(20)
    assert [(one.shard, one.reason) for one in queue.taken()] == [("0-1-0", "Sandbox.Timedout")]
    amazon.spawn(queue.forget()).result(20)
    assert sorted(deleted) == ["h1", "h9"]


def test_a_queue_that_refuses_says_why_and_keeps_nothing(aws: PlayedAws, amazon: Amazon) -> None:
    aws.script("ReceiveMessage", refused("AccessDeniedException", 403, "not you"))
    queue = FailureQueue(amazon, "us-east-1", "http://q/1/x", RUN)
    amazon.spawn(queue.look()).result(20)
    assert queue.taken() == [] and "not you" in (queue.trouble or "")


def test_what_cannot_be_removed_is_told(aws: PlayedAws, amazon: Amazon) -> None:
    filled(aws, [message(1)])
    queue = FailureQueue(amazon, "us-east-1", "http://q/1/x", RUN)
    amazon.spawn(queue.look()).result(20)
    aws.script("DeleteMessageBatch", refused("AccessDeniedException", 403))
    with pytest.raises(CallFailed):
        amazon.spawn(queue.forget()).result(20)
