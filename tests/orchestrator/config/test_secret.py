import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from orchestrator.config.secret import Secret, is_sensitive, parse_secret


@given(st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=8))
def test_a_literal_is_kept_but_never_shown(value: str) -> None:
    secret = parse_secret(value)
    assert secret.literal is not None and secret.literal.get_secret_value() == value
    for shown in (repr(secret), str(secret), f"{secret}", repr([secret]), str({"a": secret})):
        assert value not in shown


def test_copies_stay_equal() -> None:
    secret = parse_secret("sk-1")
    assert copy.deepcopy(secret) == secret == pickle.loads(pickle.dumps(secret))


@pytest.mark.parametrize("source", ["env", "aws_secret", "gcp_secret"])
def test_a_reference_is_a_name(source: Any) -> None:
    secret = parse_secret({source: " NAME "})
    assert secret == Secret(source, name="NAME")
    assert str(secret) == f"{{{source}: NAME}}"


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "sk-\n1",
        12345,
        1.5,
        True,
        None,
        [],
        {},
        {"env": ""},
        {"env": 5},
        {"file": "x"},
        {"env": "A", "aws_secret": "B"},
    ],
)
def test_anything_else_is_refused_without_being_quoted(bad: Any) -> None:
    with pytest.raises(PydanticCustomError) as refusal:
        parse_secret(bad)
    if isinstance(bad, (str, int)) and len(str(bad)) > 2:
        assert str(bad) not in str(refusal.value)


def test_null_beside_a_reference_is_absent() -> None:
    assert parse_secret({"env": "A", "aws_secret": None}).name == "A"


@pytest.mark.parametrize(
    ("name", "sensitive"),
    [
        ("Authorization", True),
        ("proxy-authorization", True),
        ("X-API-Key", True),
        ("api_key", True),
        ("apikey", True),
        ("Cookie", True),
        ("x-session-token", True),
        ("Ocp-Apim-Subscription-Key", True),
        ("Idempotency-Key", False),
        ("X-Team", False),
        ("x-author", False),
        ("max_tokens", False),
        ("keyboard", False),
    ],
)
def test_which_names_hold_secrets(name: str, sensitive: bool) -> None:
    assert is_sensitive(name) is sensitive
