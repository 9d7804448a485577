from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.config.api import OURS_IN_BODY, OURS_IN_HEADERS, Api


def test_header_values_are_secrets_and_never_shown() -> None:
    api = Api.model_validate({"headers": {"X-Team": "hunter2", "Authorization": {"env": "TOKEN"}, "Gone": None}})
    assert "hunter2" not in repr(api) + str(api)
    assert api.headers["X-Team"].literal is not None
    assert (api.headers["Authorization"].source, api.headers["Authorization"].name) == ("env", "TOKEN")


@pytest.mark.parametrize(
    "headers",
    [
        {"a b": "x"},
        {"": "x"},
        {"A": "x", "a": "y"},
        {"X": "a\r\nB: c"},
        {"X": 5},
        *({name: "x"} for name in OURS_IN_HEADERS),
    ],
)
def test_headers_that_cannot_be_sent_are_refused(headers: Any) -> None:
    with pytest.raises(ValidationError):
        Api.model_validate({"headers": headers})


@pytest.mark.parametrize("name", ["a b", "", "X\n", *OURS_IN_HEADERS, "Host", "authorization"])
def test_headers_that_cannot_carry_a_session_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Api.model_validate({"session_id_header_key": name})
    assert Api.model_validate({"session_id_header_key": "X-Session-ID"}).session_id_header_key == "X-Session-ID"


@pytest.mark.parametrize("key", OURS_IN_BODY)
def test_the_body_keys_that_are_ours(key: str) -> None:
    with pytest.raises(ValidationError, match="set by benchctl"):
        Api.model_validate({"extra_body": {key: "x"}})


def test_the_rest_of_the_body_is_free_and_null_stays() -> None:
    body = {"temperature": 0.7, "stop": None, "nested": {"a": [1, None]}}
    assert Api.model_validate({"extra_body": body}).extra_body == body


def test_a_schema_must_be_given_where_one_is_asked() -> None:
    with pytest.raises(ValidationError, match="json_schema"):
        Api.model_validate({"response_format": {"name": "x"}})
    assert Api.model_validate({"response_format": {"type": "json_object"}}).response_format
