"""Secrets that lie in AWS, and probes: what the handler reads, where it is sent, and that it is nowhere else."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from function.contract.codec import encode
from function.contract.probe import Answer, Probe, ProbePayload
from function.contract.spec import SecretRef, Target
from function.contract.version import code_version
from function.entry import aws_lambda
from function.store.port import ObjectStore
from tests.emulators.moto import REGION, root_client
from tests.function.entry.responder import Responder
from tests.function.entry.sandbox import CANARY, Run, invoke, refusal

# Secrets.


@pytest.fixture
def secret_arn(moto_url: str, bucket: str) -> str:
    made = root_client("secretsmanager", moto_url).create_secret(Name=f"key-{bucket}", SecretString=CANARY)
    arn: str = made["ARN"]
    return arn


@pytest.fixture
def parameter_arn(moto_url: str, bucket: str) -> str:
    root_client("ssm", moto_url).put_parameter(Name=f"/key/{bucket}", Value=CANARY, Type="SecureString")
    return f"arn:aws:ssm:{REGION}:123456789012:parameter/key/{bucket}"


@pytest.mark.parametrize("kind", ["secret_arn", "parameter_arn"])
def test_a_secret_is_sent_and_is_nowhere_else(
    begin: Callable[..., Run],
    root: ObjectStore,
    responder: Responder,
    request: pytest.FixtureRequest,
    capfd: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    arn = request.getfixturevalue(kind)
    target = Target(
        root=responder.url,
        api="chat",
        streaming=True,
        secret_headers={"Authorization": SecretRef("aws_secret", arn, "Bearer ")},
        secret_body={"key": SecretRef("aws_secret", arn)},
    )
    run = begin(target=target)
    said = refusal(run.event())  # as a member of the body the secret is no JSON
    assert "error[secret_form]" in said and CANARY not in said
    run.close()
    for entry in list(root.list()):
        root.delete(entry.key)
    run = begin(target=msgspec.structs.replace(target, secret_body={}))
    answer = invoke(run.event())
    assert answer["outcome"] == "ran" and run.little.receipt().counts.ok == 20
    assert responder.headers[-1]["authorization"].lower() == f"bearer {CANARY}"
    for entry in root.list():
        assert CANARY.encode() not in root.get(entry.key).body, entry.key
    assert CANARY not in json.dumps(answer) + "".join(capfd.readouterr())
    assert CANARY not in repr(vars(aws_lambda)) and CANARY not in repr(aws_lambda._SECRETS)


def test_a_secret_that_is_missing_is_named(begin: Callable[..., Run], responder: Responder) -> None:
    arn = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:nothing-AbCdEf"
    target = Target(
        root=responder.url, api="chat", streaming=True, secret_headers={"Authorization": SecretRef("aws_secret", arn)}
    )
    said = refusal(begin(target=target).event())
    assert "error[secret_missing]" in said and arn in said and "ResourceNotFoundException" in said
    assert responder.asked == []


# Probes.


def probe(**asked: Any) -> Answer:
    event = json.loads(encode(ProbePayload(Probe(**asked))))
    return msgspec.convert(invoke(event), Answer)


def test_an_empty_probe_says_what_runs_here(bucket: str, responder: Responder) -> None:
    before_ns = time.time_ns()
    answer = probe()
    assert answer.code_version == code_version()
    assert re.fullmatch(r"3\.\d+\.\d+\S*", answer.python) and answer.architecture in ("arm64", "x86_64")
    assert before_ns <= answer.wall_ns <= time.time_ns()
    assert answer.guard.root_uri == f"s3://{bucket}" and answer.guard.max_lanes == 2
    assert answer.guard.allowed_targets == (responder.url,)
    assert answer.target is None and answer.secrets == ()


def test_a_probe_goes_the_way_of_a_request(responder: Responder, secret_arn: str, root: ObjectStore) -> None:
    target = Target(
        root=responder.url,
        api="chat",
        streaming=True,
        secret_headers={"Authorization": SecretRef("aws_secret", secret_arn, "Bearer ")},
    )
    answer = probe(
        target=target, models=True, secrets=(SecretRef("aws_secret", secret_arn + "x"), SecretRef("env", "HOME"))
    )
    found = answer.target
    assert found is not None and found.allowed and found.connected and found.http_status == 200 and not found.kind
    assert responder.asked[-1][1] == "" and responder.headers[-1]["authorization"].lower() == f"bearer {CANARY}"
    assert responder.lines[-1].startswith("GET /v1/models ")
    assert [(one.readable, one.code) for one in answer.secrets] == [
        (True, ""), (False, "secret_missing"), (False, "secret_source")
    ]  # fmt: skip
    assert CANARY not in repr(answer)
    assert [entry.key for entry in root.list()] == []


def test_a_probe_of_a_target_off_the_list_sends_nothing(bucket: str, responder: Responder) -> None:
    found = probe(target=Target(root="http://127.0.0.1:1", api="chat", streaming=True), models=True).target
    assert found is not None and not found.allowed and not found.connected and found.kind == "target_refused"
    assert responder.asked == []


def test_a_probe_names_what_stands_in_the_way(
    bucket: str, responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target(root=responder.url, api="chat", streaming=True)
    monkeypatch.setenv("BENCHCTL_ALLOWED_CIDRS", "")
    found = probe(target=target, models=True).target
    assert found is not None and found.allowed and not found.connected and found.kind == "target_refused"
    responder.stop()
    monkeypatch.setenv("BENCHCTL_ALLOWED_CIDRS", "127.0.0.0/8")
    monkeypatch.setenv("BENCHCTL_ALLOWED_TARGETS", "http://127.0.0.1:1,http://model.invalid")
    found = probe(target=msgspec.structs.replace(target, root="http://127.0.0.1:1"), models=True).target
    assert found is not None and found.allowed and found.kind == "connect"
    found = probe(target=msgspec.structs.replace(target, root="http://model.invalid"), models=True).target
    assert found is not None and found.allowed and found.kind == "dns"
