"""What Lambda says of an event it could not carry out, from the message it puts into the failure queue.

Two forms: the record of an on-failure destination, which has the payload and the function's error in it, and a
dead-letter message, which is the payload with the error in its attributes. Pure; foreign messages are None.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Errors before any code of ours could claim anything: another delivery of the same event may be at work.
_UNBEGUN = (
    "Runtime.ImportModuleError",
    "Runtime.HandlerNotFound",
    "Runtime.UserCodeSyntaxError",
    "Runtime.MalformedHandlerName",
    "Runtime.InvalidEntrypoint",
    "Runtime.InvalidWorkingDir",
    "Runtime.Init",
    "Sandbox.Init",
    "Extension.",
)


@dataclass(frozen=True, slots=True)
class Failure:
    """`reason`: the platform's word (`Sandbox.Timedout`). `began` False: it failed before our code could claim."""

    run: str
    shard: str
    attempt: int
    reason: str
    message: str
    request_id: str
    began: bool

    @property
    def words(self) -> str:
        """A worker's own error stands as it said it; before the platform's is the platform's word for it."""
        said = f"{self.reason}: {self.message}" if self.message else self.reason
        said = self.message if self.message.startswith("error[") else said
        return said + (f" (request {self.request_id})" if self.request_id else "")


def read_failure(body: str, attributes: Mapping[str, str]) -> Failure | None:
    """`attributes`: the message's own, by name. None for what no invocation of a shard left."""
    try:
        record = json.loads(body)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    if "requestPayload" in record:
        return _from_destination(record)
    return _from_dead_letter(record, attributes)


def _from_destination(record: Mapping[str, Any]) -> Failure | None:
    context, answer = _object(record.get("requestContext")), _object(record.get("responsePayload"))
    condition = str(context.get("condition", ""))
    kind = str(answer.get("errorType", ""))
    said = str(answer.get("errorMessage", ""))
    reason = kind or condition or "Failed"
    if condition == "EventAgeExceeded" and not kind:
        said = said or "it waited too long for a free function: the account's concurrency was used up"
    return _failure(record["requestPayload"], reason, said, str(context.get("requestId", "")), condition)


def _from_dead_letter(payload: Mapping[str, Any], attributes: Mapping[str, str]) -> Failure | None:
    said = attributes.get("ErrorMessage", "")
    reason = "Sandbox.Timedout" if "timed out" in said else "DeadLetter"
    return _failure(payload, reason, said, attributes.get("RequestID", ""), "")


def _failure(payload: object, reason: str, said: str, request_id: str, condition: str) -> Failure | None:
    asked = _object(payload)
    run, shard, attempt = asked.get("run"), asked.get("shard"), asked.get("attempt")
    if not isinstance(run, str) or not isinstance(shard, str) or not isinstance(attempt, int):
        return None
    unbegun = condition == "EventAgeExceeded" or reason.startswith(_UNBEGUN) or _in_init(said)
    return Failure(run, shard, attempt, reason, said, request_id, not unbegun)


def _in_init(said: str) -> bool:
    lower = said.lower()
    return "during init" in lower or "init timed out" in lower or "initialization" in lower


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
