from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.environment import expand
from orchestrator.config.redaction import HIDDEN, may_hold_secret, redacted_yaml
from orchestrator.config.yaml_text import parse

SECRET = "hunter2hunter2"
REFERENCE = {"env": "NAME"}


def shown(tree: dict[str, Any], filled: frozenset[Any] = frozenset()) -> Any:
    text = redacted_yaml(tree, filled)
    return parse(text, "t")[0]


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"server": {"api_key": SECRET}}, {"server": {"api_key": HIDDEN}}),
        ({"server": {"api_key": REFERENCE}}, {"server": {"api_key": REFERENCE}}),
        ({"server": {"api_key": None}}, {"server": {"api_key": None}}),
        ({"tokenizer": {"token": SECRET}}, {"tokenizer": {"token": HIDDEN}}),
        (
            {"api": {"headers": {"Authorization": SECRET, "x-api-key": SECRET, "COOKIE": SECRET, "X-Team": "blue"}}},
            {"api": {"headers": {"Authorization": HIDDEN, "x-api-key": HIDDEN, "COOKIE": HIDDEN, "X-Team": "blue"}}},
        ),
        (
            {"api": {"headers": {"Authorization": REFERENCE}}},
            {"api": {"headers": {"Authorization": REFERENCE}}},
        ),
        (
            {"api": {"extra_body": {"max_tokens": 5, "metadata": {"api_key": SECRET, "secret": [SECRET]}}}},
            {"api": {"extra_body": {"max_tokens": 5, "metadata": {"api_key": HIDDEN, "secret": [HIDDEN]}}}},
        ),
        (
            {"metrics": {"prometheus": {"url": f"http://me:{SECRET}@host/p"}}},
            {"metrics": {"prometheus": {"url": f"http://{HIDDEN}@host/p"}}},
        ),
    ],
)
def test_secrets_go_names_stay(tree: dict[str, Any], expected: dict[str, Any]) -> None:
    assert shown(tree) == expected
    assert SECRET not in redacted_yaml(tree, frozenset())


def test_a_header_from_the_environment_is_hidden_whatever_its_name() -> None:
    tree = {"api": {"headers": {"X-Team": SECRET, "X-Plain": "p"}}, "server": {"model_name": "m"}}
    filled = frozenset({("api", "headers", "X-Team"), ("server", "model_name")})
    assert shown(tree, filled) == {
        "api": {"headers": {"X-Team": HIDDEN, "X-Plain": "p"}},
        "server": {"model_name": "m"},
    }


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.text() | st.integers() | st.none()))
def test_what_is_no_secret_reads_back_the_same(values: dict[str, Any]) -> None:
    tree = {"data": values}
    if "@" not in str(values):
        assert expand(shown(tree), {}).tree == tree


def test_where_a_value_is_never_quoted() -> None:
    assert may_hold_secret(("server", "api_key", "env")) and may_hold_secret(("api", "headers", "X-Team"))
    assert not may_hold_secret(("load", "base_seed")) and not may_hold_secret(("api", "type"))
