"""Where secrets go: into a worker's environment and our own question, and into nothing that is stored or shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from function.contract.spec import SecretRef
from orchestrator.config.loading import load_config
from orchestrator.launch.headers import Headers, headers_of

LITERAL = "sk-literal-0123456789"


def found(environment: dict[str, str], headers: dict[str, Any] | None = None, key: Any = None) -> Headers:
    tree: dict[str, Any] = {
        "server": {"type": "vllm", "base_url": "http://h"},
        "data": {"type": "mock"},
        "load": {"type": "constant", "stages": [{"rate": 1, "duration": 1}]},
        "api": {"headers": headers or {}},
    }
    if key is not None:
        tree["server"]["api_key"] = key
    return headers_of(load_config(json.dumps(tree, indent=1)).config, environment)


def test_a_literal_key_travels_in_a_variable() -> None:
    made = found({}, key=LITERAL)
    (ref,) = made.refs.values()
    assert made.refs == {"Authorization": SecretRef("env", ref.name, "Bearer ")}
    assert made.variables == {ref.name: LITERAL}
    assert made.values == {"Authorization": f"Bearer {LITERAL}"}
    assert made.key_path == "server.api_key"
    assert LITERAL not in repr(made) and LITERAL not in repr(made.refs)


def test_a_reference_is_passed_on_with_its_variable() -> None:
    made = found({"KEY": "v", "OTHER": "o"}, key={"env": "KEY"})
    assert made.refs == {"Authorization": SecretRef("env", "KEY", "Bearer ")}
    assert made.variables == {"KEY": "v"}
    assert made.values == {"Authorization": "Bearer v"}


def test_a_variable_that_is_not_set_has_no_value_here() -> None:
    made = found({}, key={"env": "KEY"})
    assert (made.variables, made.values) == ({}, {})
    assert made.refs["Authorization"].name == "KEY"


@pytest.mark.parametrize("source", ["aws_secret", "gcp_secret"])
def test_a_clouds_secret_is_only_passed_on(source: str) -> None:
    made = found({"arn": "x"}, key={source: "arn"})
    assert made.refs["Authorization"].source == source
    assert (made.variables, made.values) == ({}, {})


def test_plain_headers_are_no_secrets_and_sensitive_names_are() -> None:
    made = found({}, headers={"X-Team": "a", "X-Api-Key": LITERAL})
    assert set(made.refs) == {"X-Api-Key"}
    assert made.values == {"X-Team": "a", "X-Api-Key": LITERAL}
    assert list(made.variables.values()) == [LITERAL]
    assert made.key_path == "api.headers.X-Api-Key"


def test_without_secrets_there_is_no_key_to_blame() -> None:
    assert found({}, headers={"X-Team": "a"}).key_path is None
