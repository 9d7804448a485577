from __future__ import annotations

from typing import Any

from function.contract import codec
from function.contract.spec import SecretRef, Timeouts
from orchestrator.config.root import Config
from orchestrator.plan.target import described, report_settings, secret_headers, target
from tests.orchestrator.plan.planned import config

ROOT = "http://h:1/p"


def asked(api: dict[str, Any] | None = None, server: dict[str, Any] | None = None, **load: Any) -> Config:
    return config(
        {"stages": [{"rate": 1, "duration": 1}], **load},
        api={"type": "chat", "streaming": True, **(api or {})},
        server={"type": "vllm", "model_name": "m", "base_url": ROOT, **(server or {})},
    )


def test_no_secret_of_any_kind_is_in_the_target() -> None:
    headers = {"X-Api-Key": "literal-1", "X-Team": "blue", "X-Ref": {"aws_secret": "arn:x"}}
    one = asked({"headers": headers}, {"api_key": "literal-2"})
    made = target(one, ROOT, {}, ())
    assert made.headers == {"X-Team": "blue"}
    assert made.secret_headers == {
        "X-Api-Key": SecretRef("env", "BENCHCTL_SECRET_0"),
        "X-Ref": SecretRef("aws_secret", "arn:x"),
        "Authorization": SecretRef("env", "BENCHCTL_SECRET_1", "Bearer "),
    }
    assert b"literal" not in codec.encode(made)


def test_literals_reach_a_local_worker_by_its_environment() -> None:
    found = secret_headers(asked({"headers": {"X-Api-Key": "literal-1"}}, {"api_key": {"env": "KEY"}}))
    assert {name: value.get_secret_value() for name, value in found.environment.items()} == {
        "BENCHCTL_SECRET_0": "literal-1"
    }
    assert found.refs["Authorization"] == SecretRef("env", "KEY", "Bearer ")
    assert "literal" not in repr(found)


def test_a_header_of_ones_own_stands_before_the_api_key() -> None:
    found = secret_headers(asked({"headers": {"authorization": {"env": "MINE"}}}, {"api_key": {"env": "KEY"}}))
    assert found.refs == {"authorization": SecretRef("env", "MINE")}


def test_references_given_from_outside_replace_what_they_name() -> None:
    made = target(asked({"headers": {"X-Team": "blue"}}), ROOT, {"x-team": SecretRef("env", "TEAM")}, ("h:1",))
    assert (made.headers, made.secret_headers) == ({}, {"x-team": SecretRef("env", "TEAM")})
    assert made.allowed == ("h:1",)


def test_api_body_and_limits_are_carried() -> None:
    limits = {"connect": 2, "first_token": 3, "idle": 4, "total": 5}
    one = asked({"type": "completion", "streaming": False, "extra_body": {"top_p": 0.5}}, request_timeout=limits)
    made = target(one, ROOT, {}, ())
    assert (made.api, made.streaming, made.extra_body, made.root) == ("completion", False, {"top_p": 0.5}, ROOT)
    assert made.timeouts == Timeouts(total_s=5, connect_s=2, first_token_s=3, idle_s=4)


def test_people_read_where_it_goes() -> None:
    assert described(asked(), ROOT, ("a", "b")) == {"root": ROOT, "api": "chat", "model": "a, b", "server": "vllm"}


def test_report_settings_are_the_configs() -> None:
    one = config(
        {"stages": [{"rate": 1, "duration": 1}]},
        report={
            "request_lifecycle": {"per_request": True, "percentiles": [50, 99]},
            "goodput": {"constraints": {"ttft": "250ms"}},
        },
        storage={"local_storage": {"path": "out", "report_file_prefix": "p-"}},
    )
    made = report_settings(one)
    assert (made.per_request, made.percentiles, made.goodput) == (True, (50, 99), {"ttft": 0.25})
    assert (made.local_path, made.file_prefix, made.tokenizer, made.streaming) == ("out", "p-", None, True)
