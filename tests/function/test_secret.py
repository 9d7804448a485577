"""Secrets become header values in the worker and are named nowhere."""

from __future__ import annotations

import pytest

from function.contract.errors import UsageError
from function.contract.spec import SecretRef
from function.secret import from_environment, resolve_headers


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
