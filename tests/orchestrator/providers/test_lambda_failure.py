"""Both forms of a failure message, and what each says about whether the attempt can still be running."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.providers.lambda_failure import Failure, read_failure

PAYLOAD = {"run": "s3://b/runs/r", "shard": "0-1-2", "attempt": 1, "plan_hash": "h", "not_after": 1.0}
REQUEST = "11111111-2222-3333-4444-555555555555"


def destination(condition: str, answer: Any = None, payload: Any = None) -> str:
    record: dict[str, Any] = {
        "version": "1.0",
        "requestContext": {"requestId": REQUEST, "functionArn": "arn", "condition": condition},
        "requestPayload": PAYLOAD if payload is None else payload,
    }
    if answer is not None:
        record |= {"responseContext": {"statusCode": 200, "functionError": "Unhandled"}, "responsePayload": answer}
    return json.dumps(record)


def read(body: str, **attributes: str) -> Failure:
    found = read_failure(body, attributes)
    assert found is not None
    assert (found.run, found.shard, found.attempt) == ("s3://b/runs/r", "0-1-2", 1)
    return found


@pytest.mark.parametrize(
    ("kind", "said", "began"),
    [
        ("Sandbox.Timedout", "RequestId: x Error: Task timed out after 3.00 seconds", True),
        ("Runtime.ExitError", "RequestId: x Error: Runtime exited with error: signal: killed", True),
        ("Runtime.ImportModuleError", "Unable to import module 'function.entry.aws_lambda'", False),
        ("Runtime.ExitError", "RequestId: x Error: Runtime exited during init", False),
        ("Sandbox.Timedout", "RequestId: x Error: Init timed out", False),
    ],
)
def test_a_function_error_is_named_in_the_platforms_words(kind: str, said: str, began: bool) -> None:
    found = read(destination("RetriesExhausted", {"errorType": kind, "errorMessage": said}))
    assert (found.reason, found.began, found.request_id) == (kind, began, REQUEST)
    assert kind in found.words and said in found.words and REQUEST in found.words


def test_a_workers_own_error_stands_as_it_said_it() -> None:
    said = "error[store_denied]: the store refused (look at the role)"
    found = read(destination("RetriesExhausted", {"errorType": "WorkerFailed", "errorMessage": said}))
    assert found.began and found.words == f"{said} (request {REQUEST})"


def test_an_event_that_waited_too_long_never_began() -> None:
    found = read(destination("EventAgeExceeded"))
    assert (found.reason, found.began) == ("EventAgeExceeded", False) and "concurrency" in found.words


def test_a_dead_letter_is_the_payload_itself() -> None:
    found = read(json.dumps(PAYLOAD), RequestID=REQUEST, ErrorCode="200", ErrorMessage="Task timed out after 3.00 s")
    assert (found.reason, found.request_id, found.began) == ("Sandbox.Timedout", REQUEST, True)


def test_what_is_not_of_a_shard_is_nobodys() -> None:
    assert read_failure(destination("RetriesExhausted", {}, {"probe": {}}), {}) is None
    assert read_failure("no JSON", {}) is None
    assert read_failure("[1]", {}) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*PAYLOAD, "requestPayload"]), inner),
    max_leaves=12,
)


@given(json_values)
def test_no_message_breaks_it(value: Any) -> None:
    found = read_failure(json.dumps(value), {})
    assert found is None or isinstance(found.words, str)
