"""The emulated Lambda behaves as AWS documents Lambda, seen through the SDK and with AWS' own runtime client."""

from __future__ import annotations

import io
import json
import os
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.emulators.aws.cloud import Cloud, running_cloud
from tests.emulators.aws.faults import InvocationFault, ServiceFault, of_shard
from tests.emulators.aws.lambda_service import Settings
from tests.emulators.aws.runtime import RuntimeUnavailable
from tests.emulators.ministack import ACCOUNT, MinistackUnavailable

NAME = "little"
SOURCE = """
import json, os, sys, time
print("loaded")
seen = 0

def handler(event, context):
    global seen
    seen += 1
    print("told", json.dumps(event))
    kind = event.get("do")
    if kind == "raise":
        raise ValueError("as asked")
    if kind == "exit":
        sys.stdout.flush()
        os._exit(3)
    if kind == "sleep":
        time.sleep(event["seconds"])
    return {"seen": seen, "pid": os.getpid(), "version": sys.version_info[:2],
            "left": context.get_remaining_time_in_millis(), "arn": context.invoked_function_arn,
            "key": os.environ["AWS_ACCESS_KEY_ID"], "mine": os.environ.get("MINE")}
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        }
    ],
}


def packed() -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("little.py", SOURCE)
    return body.getvalue()


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    settings = Settings(time_scale=0.005, account_limit=6)
    try:
        with running_cloud((NAME,), settings) as found:
            provision(found)
            yield found
    except (MinistackUnavailable, RuntimeUnavailable) as error:
        pytest.skip(f"SKIPPED FOR WANT OF A PART: {error}")


@pytest.fixture(autouse=True)
def no_faults_left(cloud: Cloud) -> Iterator[None]:
    yield
    cloud.plan.clear()


def client(cloud: Cloud, service: str, key: str = "test", secret: str = "test") -> Any:
    return boto3.client(
        service,
        endpoint_url=cloud.url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


def provision(cloud: Cloud) -> None:
    iam, sqs, functions = client(cloud, "iam"), client(cloud, "sqs"), client(cloud, "lambda")
    role = iam.create_role(RoleName="little", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    queue = sqs.create_queue(QueueName="little-failed")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_role_policy(RoleName="little", PolicyName="destination", PolicyDocument=policy)
    client(cloud, "logs").create_log_group(logGroupName=f"/aws/lambda/{NAME}")
    functions.create_function(
        FunctionName=NAME,
        Runtime="python3.13",
        Role=role,
        Handler="little.handler",
        Code={"ZipFile": packed()},
        Timeout=3,
        MemorySize=256,
        Environment={"Variables": {"MINE": "yes"}},
        Publish=True,
    )
    functions.create_alias(FunctionName=NAME, Name="live", FunctionVersion="1")
    functions.put_function_event_invoke_config(
        FunctionName=NAME,
        Qualifier="live",
        MaximumRetryAttempts=1,
        MaximumEventAgeInSeconds=600,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )


def invoke(cloud: Cloud, event: dict[str, Any], kind: str = "RequestResponse") -> Any:
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{NAME}:live"
    found = client(cloud, "lambda").invoke(FunctionName=arn, InvocationType=kind, Payload=json.dumps(event).encode())
    found["Payload"] = json.loads(found["Payload"].read() or b"null")
    return found


def failed_events(cloud: Cloud, count: int) -> list[dict[str, Any]]:
    sqs = client(cloud, "sqs")
    queue = sqs.get_queue_url(QueueName="little-failed")["QueueUrl"]
    found: list[dict[str, Any]] = []

    def enough() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return len(found) >= count

    eventually(enough)
    return found


def eventually(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def test_it_runs_the_zip_on_python_313_with_the_roles_own_credentials(cloud: Cloud) -> None:
    found = invoke(cloud, {"hello": 1})
    said = found["Payload"]
    assert found["StatusCode"] == 200 and found["ExecutedVersion"] == "1" and "FunctionError" not in found
    assert said["version"] == [3, 13] and said["mine"] == "yes" and said["arn"].endswith(":live")
    assert said["key"] not in ("test", "testing") and 2000 < said["left"] <= 3000


def test_a_sandbox_is_used_again_and_not_by_two_at_once(cloud: Cloud) -> None:
    first, second = invoke(cloud, {})["Payload"], invoke(cloud, {})["Payload"]
    assert first["pid"] == second["pid"] and second["seen"] == first["seen"] + 1
    both: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=lambda: both.append(invoke(cloud, {"do": "sleep", "seconds": 0.5})["Payload"]))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({said["pid"] for said in both}) == 2


def test_errors_have_lambdas_form_and_only_a_dead_process_costs_its_sandbox(cloud: Cloud) -> None:
    raised = invoke(cloud, {"do": "raise"})
    assert raised["FunctionError"] == "Unhandled" and raised["Payload"]["errorType"] == "ValueError"
    before = invoke(cloud, {})["Payload"]["pid"]
    exited = invoke(cloud, {"do": "exit"})
    assert (
        exited["Payload"]["errorType"] == "Runtime.ExitError" and "exit status 3" in exited["Payload"]["errorMessage"]
    )
    assert invoke(cloud, {})["Payload"]["pid"] != before


def test_the_limit_kills(cloud: Cloud) -> None:
    cloud.plan.add(InvocationFault("timeout", of_shard("slow"), seconds=0.4))
    started = time.monotonic()
    found = invoke(cloud, {"shard": "slow", "do": "sleep", "seconds": 30})
    assert found["Payload"]["errorType"] == "Sandbox.Timedout" and time.monotonic() - started < 10


def test_an_event_that_fails_is_retried_and_then_sent_to_the_destination(cloud: Cloud) -> None:
    assert invoke(cloud, {"do": "raise", "mark": "retried"}, "Event")["StatusCode"] == 202
    (record,) = failed_events(cloud, 1)
    assert record["requestPayload"] == {"do": "raise", "mark": "retried"}
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["responsePayload"]["errorType"] == "ValueError"


def test_above_the_limit_calls_are_refused_and_events_wait(cloud: Cloud) -> None:
    functions = client(cloud, "lambda")
    functions.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=1)
    try:
        invoke(cloud, {"do": "sleep", "seconds": 1, "mark": "first"}, "Event")
        eventually(lambda: cloud.service._busy["us-east-1", NAME] == 1)
        with pytest.raises(ClientError) as refused:
            invoke(cloud, {})
        assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
        assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        invoke(cloud, {"mark": "second"}, "Event")
        eventually(lambda: "second" in marks(cloud))
    finally:
        functions.delete_function_concurrency(FunctionName=NAME)


def marks(cloud: Cloud) -> list[str]:
    return [str(delivery.event.get("mark")) for delivery in cloud.service.deliveries]


def test_an_event_too_old_is_sent_to_the_destination_undelivered(cloud: Cloud) -> None:
    functions = client(cloud, "lambda")
    functions.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=0)
    try:
        invoke(cloud, {"mark": "old"}, "Event")
        (record,) = failed_events(cloud, 1)
    finally:
        functions.delete_function_concurrency(FunctionName=NAME)
    assert record["requestContext"]["condition"] == "EventAgeExceeded" and "responsePayload" not in record
    assert "old" not in marks(cloud)


@pytest.mark.parametrize(("kind", "times"), [("lose", 0), ("duplicate", 2), ("delay", 1)])
def test_events_are_lost_doubled_or_late_as_planned(cloud: Cloud, kind: Any, times: int) -> None:
    cloud.plan.add(InvocationFault(kind, of_shard(kind), seconds=0.2))
    invoke(cloud, {"shard": kind, "mark": kind}, "Event")
    if times:
        eventually(lambda: marks(cloud).count(kind) == times)
    else:
        time.sleep(0.3)
        assert kind not in marks(cloud)
    ids = {delivery.request_id for delivery in cloud.service.deliveries if delivery.event.get("mark") == kind}
    assert len(ids) == min(times, 1)


def test_a_throttled_invoke_a_failed_init_and_a_kill_as_planned(cloud: Cloud) -> None:
    cloud.plan.add(InvocationFault("throttle", of_shard("a")))
    with pytest.raises(ClientError) as refused:
        invoke(cloud, {"shard": "a"}, "Event")
    assert refused.value.response["Reason"] == "CallerRateLimitExceeded"
    cloud.call(cloud.service.retire())
    cloud.plan.add(InvocationFault("init", of_shard("b")))
    assert invoke(cloud, {"shard": "b"})["Payload"]["errorType"] == "Runtime.ImportModuleError"
    cloud.plan.add(InvocationFault("kill", of_shard("c"), seconds=0.1))
    found = invoke(cloud, {"shard": "c", "do": "sleep", "seconds": 2.5})
    assert "SIGKILL" in found["Payload"]["errorMessage"]


def test_logs_come_to_cloudwatch(cloud: Cloud) -> None:
    invoke(cloud, {"mark": "for the log"})
    events = client(cloud, "logs").filter_log_events(logGroupName=f"/aws/lambda/{NAME}")["events"]
    text = "\n".join(event["message"] for event in events)
    assert "START RequestId:" in text and "for the log" in text and "REPORT RequestId:" in text


def test_a_stranger_may_not_invoke_and_an_unknown_alias_is_not_there(cloud: Cloud) -> None:
    made = client(cloud, "iam")
    made.create_user(UserName="stranger")
    key = made.create_access_key(UserName="stranger")["AccessKey"]
    stranger = client(cloud, "lambda", key["AccessKeyId"], key["SecretAccessKey"])
    with pytest.raises(ClientError) as refused:
        stranger.invoke(FunctionName=f"{NAME}:live", Payload=b"{}")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(ClientError) as missing:
        client(cloud, "lambda").invoke(FunctionName=f"{NAME}:gone", Payload=b"{}")
    assert missing.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_storage_faults_before_and_after_the_fact(cloud: Cloud) -> None:
    s3 = client(cloud, "s3")
    s3.create_bucket(Bucket="little-bucket")
    cloud.plan.add(ServiceFault(lambda call: call.method == "PUT" and call.path.endswith("/one")))
    with pytest.raises(ClientError) as slow:
        s3.put_object(Bucket="little-bucket", Key="one", Body=b"1")
    assert slow.value.response["Error"]["Code"] == "SlowDown"
    cloud.plan.add(ServiceFault(lambda call: call.path.endswith("/two"), 500, "InternalError", after=True))
    with pytest.raises(ClientError):
        s3.put_object(Bucket="little-bucket", Key="two", Body=b"22")
    cloud.plan.add(ServiceFault(lambda call: call.path.endswith("/three"), 0))
    with pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket="little-bucket", Key="three", Body=b"3")
    listed = s3.list_objects_v2(Bucket="little-bucket")["Contents"]
    assert [found["Key"] for found in listed] == ["two"]
    assert s3.head_object(Bucket="little-bucket", Key="two")["ContentLength"] == 2


def test_a_frozen_sandbox_stands_still_between_invocations(cloud: Cloud) -> None:
    cloud.settings.freeze = True
    cloud.call(cloud.service.retire())
    try:
        pid = invoke(cloud, {})["Payload"]["pid"]
        eventually(lambda: Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T")
        assert invoke(cloud, {})["Payload"]["pid"] == pid
    finally:
        cloud.settings.freeze = False
        cloud.call(cloud.service.retire())
    assert not os.path.exists(f"/proc/{pid}")
