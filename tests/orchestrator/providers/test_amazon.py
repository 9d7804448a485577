"""The door to AWS: how often a call is made, what its failures are called, and that it closes and opens again."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from orchestrator.providers.amazon import Amazon, CallFailed
from tests.emulators.played_aws import PlayedAws, Reply, played_aws, refused

SETTINGS = "GET /2016-08-19/account-settings"


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


def failure(amazon: Amazon) -> CallFailed:
    """Of an invocation, which goes by POST: a GET that finds its line cut is repeated by the HTTP client."""
    with pytest.raises(CallFailed) as failed:
        amazon.call("us-east-1", "lambda", "invoke", FunctionName="f", Payload=b"{}")
    return failed.value


@pytest.mark.parametrize(
    ("reply", "code", "lost"),
    [
        (refused("TooManyRequestsException", 429), "aws_throttled", False),
        (refused("AccessDeniedException", 403, "not you"), "aws_denied", False),
        (refused("ExpiredTokenException", 403), "aws_credentials", False),
        (refused("UnrecognizedClientException", 403), "aws_credentials", False),
        (refused("ResourceNotFoundException", 404), "aws_missing", False),
        (refused("ServiceException", 500), "aws_failed", True),
        (refused("InvalidParameterValueException", 400), "aws", False),
        (Reply(cut=True), "aws_unreachable", True),
    ],
)
def test_a_failure_has_a_code_and_says_whether_it_may_have_been_done(
    aws: PlayedAws, amazon: Amazon, reply: Reply, code: str, lost: bool
) -> None:
    aws.script("Invoke", reply)
    found = failure(amazon)
    assert (found.code, found.lost, found.path) == (code, lost, "--provider")
    assert "lambda in us-east-1" in found.message
    assert len(aws.named("Invoke")) == 1, "the SDK repeats nothing at Lambda: an invocation is repeated by who knows"


def test_reads_of_other_services_are_repeated(aws: PlayedAws, amazon: Amazon) -> None:
    aws.script("GetQueueAttributes", refused("ServiceUnavailable", 503), Reply({"Attributes": {"a": "b"}}))
    found = amazon.call("us-east-1", "sqs", "get_queue_attributes", QueueUrl="http://q/1/x")
    assert found["Attributes"] == {"a": "b"} and len(aws.named("GetQueueAttributes")) == 2


def test_nobody_listening_was_not_done(monkeypatch: pytest.MonkeyPatch, aws: PlayedAws, amazon: Amazon) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    found = failure(amazon)
    assert (found.code, found.lost) == ("aws_unreachable", False) and found.hint


def test_a_closed_door_opens_again_and_leaves_no_thread(aws: PlayedAws, amazon: Amazon) -> None:
    aws.script(SETTINGS, Reply({"AccountLimit": {}}))
    for _ in range(2):
        amazon.call("us-east-1", "lambda", "get_account_settings")
        amazon.close()
        amazon.close()
    assert "aws" not in {thread.name for thread in threading.enumerate()}


def test_closing_ends_what_still_runs(aws: PlayedAws, amazon: Amazon) -> None:
    from asyncio import sleep

    waiting = amazon.spawn(sleep(60))
    amazon.close()
    assert waiting.cancelled() or waiting.exception() is not None


def test_calls_from_many_threads_share_one_client(aws: PlayedAws, amazon: Amazon) -> None:
    aws.script(SETTINGS, Reply({"AccountLimit": {"ConcurrentExecutions": 7}}))
    found: list[int] = []

    def ask() -> None:
        answer = amazon.call("us-east-1", "lambda", "get_account_settings")
        found.append(answer["AccountLimit"]["ConcurrentExecutions"])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [7] * 8
