"""Each look at AWS: what it makes of an answer, and of not being allowed to look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.checkup import aws
from orchestrator.providers.amazon import Amazon
from orchestrator.providers.deployment import RegionDeployment
from tests.emulators.played_aws import PlayedAws, Reply, played_aws, refused

DENIED = refused("AccessDeniedException", 403, "not you")
REGION = RegionDeployment(
    region="us-east-1",
    function="arn:aws:lambda:us-east-1:1:function:bench:live",
    function_name="bench",
    alias="live",
    code_version="c" * 16,
    failure_queue="http://q/1/failed",
    log_group="/aws/lambda/bench",
    max_lanes=10,
    timeout_s=900,
    memory_mb=1769,
    architecture="arm64",
    worker_role="arn:aws:iam::1:role/worker",
)
CONFIGURATION = {"State": "Active", "LastUpdateStatus": "Successful", "Timeout": 900, "MemorySize": 1769}
WHO = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::1:user/me</Arn><UserId>u</UserId><Account>1</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>"""
QUIET = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
QUIET |= {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:1:failed"}}}


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedAws]:
    with played_aws() as made:
        for name, value in made.environment().items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def amazon() -> Iterator[Amazon]:
    made = Amazon()
    yield made
    made.close()


def function_answers(played: PlayedAws, configuration: Any, retries: Any) -> None:
    played.script("GET /2015-03-31/functions/bench/configuration", configuration)
    played.script("GET /2019-09-25/functions/bench/event-invoke-config", retries)


def states(checks: Any) -> dict[str, str]:
    return {check.name: check.state for check in checks}


def test_who_asks(played: PlayedAws, amazon: Amazon) -> None:
    played.script("GetCallerIdentity", Reply(WHO, headers={"Content-Type": "text/xml"}))
    assert aws.identity(amazon, "us-east-1").what == "arn:aws:iam::1:user/me"


def test_no_credentials_is_a_failure_that_says_how(monkeypatch: pytest.MonkeyPatch, amazon: Amazon) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    found = aws.identity(amazon, "us-east-1")
    assert (found.state, found.code) == ("fail", "aws_credentials") and "AWS_PROFILE" in found.hint


def test_a_function_as_it_was_provisioned(played: PlayedAws, amazon: Amazon) -> None:
    function_answers(played, Reply(CONFIGURATION), Reply(QUIET))
    assert states(aws.function(amazon, REGION, "c" * 16)) == {"function": "ok", "code": "ok", "retries": "ok"}


def test_a_function_that_is_not_there_and_another_package(played: PlayedAws, amazon: Amazon) -> None:
    missing = refused("ResourceNotFoundException", 404, "no such function")
    function_answers(played, missing, missing)
    found = list(aws.function(amazon, REGION, "d" * 16))
    assert [(one.name, one.state, one.code) for one in found] == [
        ("function", "fail", "aws_missing"),
        ("code", "fail", "code_mismatch"),
        ("retries", "fail", "aws_missing"),
    ]
    assert all("infra up" in one.hint for one in found)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"Timeout": 30}, "fail"),
        ({"MemorySize": 512}, "fail"),
        ({"State": "Failed"}, "fail"),
        ({"State": "Inactive"}, "ok"),
    ],
)
def test_a_function_that_is_otherwise(played: PlayedAws, amazon: Amazon, change: Any, state: str) -> None:
    function_answers(played, Reply(CONFIGURATION | change), Reply(QUIET))
    assert states(aws.function(amazon, REGION, "c" * 16))["function"] == state


@pytest.mark.parametrize(
    "change", [{"MaximumRetryAttempts": 2}, {"MaximumEventAgeInSeconds": 3600}, {"DestinationConfig": {}}]
)
def test_retries_behind_our_back_are_a_warning(played: PlayedAws, amazon: Amazon, change: Any) -> None:
    function_answers(played, Reply(CONFIGURATION), Reply(QUIET | change))
    assert states(aws.function(amazon, REGION, "c" * 16))["retries"] == "warn"


def test_not_being_allowed_to_look_is_a_warning(played: PlayedAws, amazon: Amazon) -> None:
    function_answers(played, DENIED, DENIED)
    played.script("GetQueueAttributes", DENIED)
    found = states([*aws.function(amazon, REGION, "c" * 16), aws.failure_queue(amazon, REGION)])
    assert found == {"function": "warn", "code": "ok", "retries": "warn", "failure_queue": "warn"}


def test_a_queue_that_is_gone_is_a_failure(played: PlayedAws, amazon: Amazon) -> None:
    played.script("GetQueueAttributes", refused("AWS.SimpleQueueService.NonExistentQueue", 400, "gone"))
    assert aws.failure_queue(amazon, REGION).state == "fail"
    played.script("GetQueueAttributes", Reply({"Attributes": {"ApproximateNumberOfMessages": "3"}}))
    assert aws.failure_queue(amazon, REGION).state == "ok"


def test_quotas_are_read_and_unreadable_metrics_leave_the_use_unknown(played: PlayedAws, amazon: Amazon) -> None:
    limits = {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900}}
    played.script("GET /2016-08-19/account-settings/", Reply(limits))
    played.script("GET /2016-08-19/account-settings", Reply(limits))
    played.script("GET /2019-09-30/functions/bench/concurrency", Reply({"ReservedConcurrentExecutions": 100}))
    played.script("GetMetricData", DENIED)
    found = aws.read_quota(amazon, REGION)
    assert (found.account, found.unreserved, found.reserved, found.in_use) == (1000, 900, 100, None)


def rules(prefix: str, status: str = "Enabled") -> bytes:
    rule = f"<Rule><ID>x</ID><Status>{status}</Status><Filter><Prefix>{prefix}</Prefix></Filter>"
    rule += "<Expiration><Days>30</Days></Expiration></Rule>"
    return f"<LifecycleConfiguration>{rule}</LifecycleConfiguration>".encode()


@pytest.mark.parametrize(
    ("root", "body", "state"),
    [
        ("s3://bench", rules("runs/"), "ok"),
        ("s3://bench", rules(""), "ok"),
        ("s3://bench", rules("/runs/"), "warn"),  # keys have no leading slash: it never matches
        ("s3://bench", rules("runs/", "Disabled"), "warn"),
        ("s3://bench/team", rules("runs/"), "warn"),
        ("s3://bench/team/", rules("team/runs/"), "ok"),
    ],
)
def test_a_lifecycle_rule_must_match_the_keys_of_a_run(
    played: PlayedAws, amazon: Amazon, root: str, body: bytes, state: str
) -> None:
    played.script("GET /bench", Reply(body, headers={"Content-Type": "application/xml"}))
    assert aws.lifecycle(amazon, "us-east-1", root).state == state


def test_no_lifecycle_at_all_is_a_warning(played: PlayedAws, amazon: Amazon) -> None:
    body = b"<Error><Code>NoSuchLifecycleConfiguration</Code><Message>none</Message></Error>"
    played.script("GET /bench", Reply(body, 404))
    found = aws.lifecycle(amazon, "us-east-1", "s3://bench")
    assert found.state == "warn" and "for ever" in found.what
