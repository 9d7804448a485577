"""What the workers of some attempts wrote on AWS: their lines out of the log group that all runs share.

An invocation is found by its request id where the platform named one, else by the lines that name its attempt: from
there on by the request id that those lines carry. A sandbox serves invocations one after the other, so a log stream
alone would mix runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.providers.amazon import Amazon

MOST_LINES = 1000  # of one attempt
_REQUEST = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Span:
    """Where and when to look: unix ms."""

    region: str
    log_group: str
    start_ms: int
    end_ms: int


def attempt_lines(amazon: Amazon, span: Span, run_id: str, attempt: str, told: str) -> list[str]:
    """Of one attempt, in order. `told`: what is known of its end, which may name its request. Raises CallFailed."""
    requests = list(dict.fromkeys(_REQUEST.findall(told)))
    if not requests:
        # The attempt's id alone is every run's.
        own = [event for event in _found(amazon, span, f'"{attempt}"') if run_id in event["message"]]
        requests = list(dict.fromkeys(request for event in own for request in _REQUEST.findall(event["message"])[:1]))
        if not requests:
            return [event["message"].rstrip() for event in own]
    return [event["message"].rstrip() for request in requests for event in _found(amazon, span, f'"{request}"')]


def _found(amazon: Amazon, span: Span, pattern: str) -> Iterator[dict[str, Any]]:
    asked: dict[str, Any] = {
        "logGroupName": span.log_group,
        "startTime": span.start_ms,
        "endTime": span.end_ms,
        "filterPattern": pattern,
    }
    seen = 0
    while seen < MOST_LINES:
        answer = amazon.call(span.region, "logs", "filter_log_events", **asked)
        events = answer.get("events", [])[: MOST_LINES - seen]
        seen += len(events)
        yield from events
        token = answer.get("nextToken")
        if not token:
            return
        asked["nextToken"] = token
