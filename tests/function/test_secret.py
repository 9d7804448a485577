"""Secrets become header values in the worker and are named nowhere."""

from __future__ import annotations

import msgspec
import pytest

from function.arrival import Arrival, Piece
from function.contract.errors import UsageError
from function.contract.spec import SecretRef, Target
from function.dialects import DIALECTS
from function.prompts import BodyTemplate
from function.secret import from_environment, resolve_headers, secret_texts, with_secret_body


def test_prefix_and_value() -> None:
    sources = {"env": from_environment({"KEY": "s3cret", "OTHER": "t0ken"})}
    headers = {"Authorization": SecretRef("env", "KEY", "Bearer "), "X-Key": SecretRef("env", "OTHER")}
    assert resolve_headers(headers, sources) == {"Authorization": "Bearer s3cret", "X-Key": "t0ken"}


@pytest.mark.parametrize("environment", [{}, {"KEY": ""}])
def test_a_variable_that_is_not_set_is_refused_by_name(environment: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="KEY is not set") as caught:
        resolve_headers({"A": SecretRef("env", "KEY")}, {"env": from_environment(environment)})
    assert caught.value.code == "secret_missing"


def test_a_source_this_worker_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match="aws_secret") as caught:
        resolve_headers({"A": SecretRef("aws_secret", "arn:x")}, {"env": from_environment({})})
    assert caught.value.code == "secret_source"


def test_members_of_the_body_are_json() -> None:
    target = Target("http://h", "chat", True, extra_body={"n": 1}, secret_body={"user": SecretRef("env", "U")})
    made = with_secret_body(target, {"env": from_environment({"U": '{"key": ["s3cret", 5, {"a": "t0ken"}]}'})})
    assert made.extra_body == {"n": 1, "user": {"key": ["s3cret", 5, {"a": "t0ken"}]}}
    assert list(secret_texts(made)) == ["s3cret", "t0ken"]
    plain = Target("http://h", "chat", True, extra_body={"n": "x"})
    assert with_secret_body(plain, {}) is plain and list(secret_texts(plain)) == []


def test_a_member_that_is_not_json_is_not_quoted() -> None:
    target = Target("http://h", "chat", True, secret_body={"user": SecretRef("env", "U")})
    with pytest.raises(UsageError, match="user of the body") as caught:
        with_secret_body(target, {"env": from_environment({"U": "s3cret"})})
    assert "s3cret" not in str(caught.value) and caught.value.__cause__ is None


def test_a_requests_body_holds_the_member() -> None:
    target = Target("http://h", "chat", True, extra_body={"n": 1}, secret_body={"user": SecretRef("env", "U")})
    made = with_secret_body(target, {"env": from_environment({"U": '"s3cret"'})})
    template = BodyTemplate(made, ("m",), DIALECTS["chat"], [b"hi"])
    body = msgspec.json.decode(template.render(Arrival(0, 0, 0, 0, 0, None, 0, None, (Piece(1, 0, 0, 2),))))
    assert (body["n"], body["user"]) == (1, "s3cret")
