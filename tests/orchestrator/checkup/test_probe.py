"""What is made of a worker's answer, and of none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from function.contract.probe import Probe
from orchestrator.checkup.check import Check
from orchestrator.checkup.probe import Load, ask, judge
from orchestrator.providers.amazon import Amazon
from tests.emulators.played_aws import PlayedAws, Reply, played_aws, refused
from tests.emulators.played_lambda import seen_by_worker
from tests.orchestrator.checkup.test_aws import REGION

CODE, GUARD = seen_by_worker()["code_version"], seen_by_worker()["guard"]


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


def checks(played: PlayedAws, amazon: Amazon, answer: Any, headers: dict[str, str] | None = None) -> list[Check]:
    played.script("Invoke", Reply(answer, headers=headers or {}))
    found = ask(amazon, REGION, Probe())
    return [found] if isinstance(found, Check) else list(judge(found, REGION, CODE, Load("s3://b", 10, 60)))


def test_all_well(played: PlayedAws, amazon: Amazon) -> None:
    secret = {"source": "aws_secret", "name": "arn", "readable": True}
    found = checks(played, amazon, seen_by_worker(secrets=[secret]))
    assert [(one.name, one.state) for one in found] == [
        ("caps", "ok"),
        ("worker", "ok"),
        ("worker_clock", "ok"),
        ("secret", "ok"),
        ("target", "ok"),
    ]
    (call,) = played.named("Invoke")
    assert call.headers["x-amz-invocation-type"] == "RequestResponse" and set(call.json) == {"probe"}


@pytest.mark.parametrize(
    ("change", "name", "state", "code"),
    [
        ({"code_version": "x"}, "worker", "fail", "code_mismatch"),
        ({"guard": GUARD | {"max_requests_per_s": 9}}, "caps", "fail", "cap_exceeded"),
        ({"guard": GUARD | {"max_duration_s": 59}}, "caps", "fail", "cap_exceeded"),
        ({"guard": GUARD | {"root_uri": "s3://other"}}, "caps", "fail", "root_elsewhere"),
        ({"wall_ns": time.time_ns() - 60 * 10**9}, "worker_clock", "warn", "preflight"),
        (
            {"secrets": [{"source": "aws_secret", "name": "a", "readable": False, "code": "denied"}]},
            "secret",
            "fail",
            "secret_unreadable",
        ),
    ],
)
def test_what_is_not_well(
    played: PlayedAws, amazon: Amazon, change: dict[str, Any], name: str, state: str, code: str
) -> None:
    found = {one.name: one for one in checks(played, amazon, seen_by_worker(**change))}
    assert (found[name].state, found[name].code) == (state, code) and found[name].hint


@pytest.mark.parametrize(
    ("target", "state", "code"),
    [
        ({"allowed": False}, "fail", "target_refused"),
        ({"kind": "dns", "message": "no such name"}, "fail", "endpoint_unreachable"),
        ({"kind": "tls"}, "fail", "endpoint_tls"),
        ({"http_status": 401}, "fail", "key_refused"),
        ({"http_status": 307}, "fail", "endpoint_redirects"),
        ({"http_status": 503}, "warn", "models_unavailable"),
        ({"http_status": 404}, "ok", "preflight"),
        ({"http_status": None}, "ok", "preflight"),
    ],
)
def test_the_endpoint_as_a_worker_sees_it(
    played: PlayedAws, amazon: Amazon, target: dict[str, Any], state: str, code: str
) -> None:
    (found,) = [one for one in checks(played, amazon, seen_by_worker(target)) if one.name == "target"]
    assert (found.state, found.code) == (state, code)


def test_a_function_that_fails_is_named_with_its_words(played: PlayedAws, amazon: Amazon) -> None:
    broken = {"errorType": "Runtime.ImportModuleError", "errorMessage": "no module"}
    (found,) = checks(played, amazon, broken, {"X-Amz-Function-Error": "Unhandled"})
    assert (found.state, found.code) == ("fail", "function_broken") and "no module" in found.what


def test_an_answer_of_another_version_is_a_mismatch(played: PlayedAws, amazon: Amazon) -> None:
    (found,) = checks(played, amazon, {"hello": 1})
    assert (found.state, found.code) == ("fail", "code_mismatch")


def test_not_being_let_in_is_told(played: PlayedAws, amazon: Amazon) -> None:
    played.script("Invoke", refused("AccessDeniedException", 403, "not you"))
    found = ask(amazon, REGION, Probe())
    assert isinstance(found, Check) and (found.state, found.code) == ("fail", "aws_denied")
