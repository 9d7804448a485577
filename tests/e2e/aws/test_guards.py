"""What must not happen on AWS: a secret where it can be read, a request to where none may go, a run nobody can afford.

The key lies in Secrets Manager and travels by its ARN; the endpoint sees it, and nothing else does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.aws.account import BUCKET, FANOUT, FUNCTION, NAME, Account
from tests.e2e.harness import Ended, config
from tests.e2e.served import served
from tests.emulators.mock import RunningMock, running_mock

CANARY = "sk-canary-8d41f7"


@dataclass
class Guarded:
    ended: Ended
    server: RunningMock


def secret_arn(account: Account) -> str:
    (found,) = [one for one in account.client("secretsmanager").list_secrets()["SecretList"] if NAME in one["Name"]]
    return str(found["ARN"])


def settings(account: Account, url: str) -> dict[str, Any]:
    wanted = config(url, [{"rate": 10, "duration": 2}], fanout={**FANOUT, "lanes": 1}, load={"request_timeout": "3s"})
    wanted["server"]["api_key"] = {"aws_secret": secret_arn(account)}
    return wanted


@pytest.fixture(scope="module")
def guarded(account: Account) -> Iterator[Guarded]:
    account.client("secretsmanager").put_secret_value(SecretId=secret_arn(account), SecretString=CANARY)
    with account.server(ttft_s=0.01, itl_s=0.001, api_key=CANARY) as server:
        ended = account.launch(settings(account, server.url), "--run-id", "guarded")
        assert ended.exit_code in (0, 3, 4), ended.stdout + ended.stderr
        yield Guarded(ended, server)


def places_of(account: Account, text: bytes) -> list[str]:
    """Where in the account and on this machine a text can be read."""
    found = [key for key in account.keys("") if text in account.body(key)]
    found += [line for line in account.log_lines() if text in line.encode()]
    found += [str(one.event) for one in account.cloud.service.deliveries if text in json.dumps(one.event).encode()]
    variables = account.client("lambda").get_function_configuration(FunctionName=FUNCTION)["Environment"]
    found += [str(variables)] if text in json.dumps(variables).encode() else []
    files = [path for path in account.folder.rglob("*") if path.is_file()]
    return found + [str(path) for path in files if text in path.read_bytes()]


def test_the_endpoint_got_the_key_and_nobody_else(guarded: Guarded, account: Account) -> None:
    assert guarded.ended.result["ledger"]["ok"] == 20, "the endpoint took the key"
    told = account.benchctl("logs", "guarded", "--json")
    for words in (guarded.ended, told):
        assert CANARY not in words.stdout + words.stderr
    assert places_of(account, CANARY.encode()) == []


def test_planted_the_canary_would_be_found(guarded: Guarded, account: Account) -> None:
    account.client("s3").put_object(Bucket=BUCKET, Key="runs/planted/note", Body=f"key {CANARY}".encode())
    try:
        assert places_of(account, CANARY.encode()) == ["runs/planted/note"]
    finally:
        account.client("s3").delete_object(Bucket=BUCKET, Key="runs/planted/note")


def test_launch_refuses_a_target_that_is_not_provisioned(guarded: Guarded, account: Account) -> None:
    with running_mock() as foreign:
        ended = account.launch(settings(account, foreign.url), "--run-id", "foreign")
        assert ended.exit_code == 2, ended.stdout
        assert "target_refused" in ended.stdout and ended.envelope["error"]["hint"]
        assert foreign.records() == [] and account.keys("runs/foreign/") == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}", "http://localhost:{port}", "http://169.254.169.254:80"])
def test_a_worker_invoked_directly_calls_no_foreign_target(guarded: Guarded, account: Account, address: str) -> None:
    """Whoever may write to the bucket and invoke, and leaves benchctl out, still reaches only what is allowed."""
    with running_mock() as foreign:
        payload = forged(account, address.format(port=foreign.port))
        answer = account.client("lambda").invoke(FunctionName=f"{FUNCTION}:live", Payload=json.dumps(payload).encode())
        said = answer["Payload"].read().decode()
        assert "FunctionError" in answer and "target_refused" in said, said
        assert foreign.records() == []
    assert account.keys("runs/forged/ready/") == []


def test_a_worker_serves_no_run_that_lies_elsewhere(guarded: Guarded, account: Account) -> None:
    account.client("s3").create_bucket(Bucket="somebody-elses")
    try:
        payload = {**forged(account, guarded.server.url), "run": "s3://somebody-elses/runs/forged"}
        answer = account.client("lambda").invoke(FunctionName=f"{FUNCTION}:live", Payload=json.dumps(payload).encode())
        assert "run_refused" in answer["Payload"].read().decode()
    finally:
        account.client("s3").delete_bucket(Bucket="somebody-elses")


def test_more_lanes_than_are_provisioned_are_refused_before_anything_is_sent(
    guarded: Guarded, account: Account
) -> None:
    wanted = settings(account, guarded.server.url) | {"fanout": {**FANOUT, "lanes": 9}}
    ended = account.launch(wanted, "--run-id", "too-many")
    assert ended.exit_code == 2 and "max_lanes" in ended.stdout, ended.stdout
    assert served(guarded.server, "too-many") == [] and account.keys("runs/too-many/") == []


def forged(account: Account, root: str) -> dict[str, Any]:
    """The payload of a run that was never planned: a real one's objects, with another target in the spec."""
    s3 = account.client("s3")
    for key in account.keys("runs/forged/"):
        s3.delete_object(Bucket=BUCKET, Key=key)
    for key in account.keys("runs/guarded/"):
        if "/claims/" not in key and "/receipts/" not in key and "/ready/" not in key:
            s3.put_object(Bucket=BUCKET, Key=key.replace("/guarded/", "/forged/", 1), Body=account.body(key))
    place = "runs/forged/shards/0-0-0/spec.json"
    spec = json.loads(account.body(place))
    spec["target"]["root"] = root
    s3.put_object(Bucket=BUCKET, Key=place, Body=json.dumps(spec).encode())
    run = f"s3://{BUCKET}/runs/forged"
    return {"run": run, "shard": "0-0-0", "attempt": 0, "plan_hash": spec["plan_hash"], "not_after": 4e9}
