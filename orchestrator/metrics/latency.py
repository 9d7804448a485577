"""One definition of each latency. `sent` and `scheduled` variants differ only in where they count from.

    time_to_first_token                 first token - sent
    first_content_token                 first token of the answer itself (not reasoning) - sent
    inter_token_latency                 gaps between consecutive output events, pooled over requests
    time_per_output_token               (last token - first token) / (output tokens - 1), output tokens >= 2
    normalized_time_per_output_token    request latency / output tokens, output tokens >= 1
    request_latency                     last token (body end when not streaming) - sent

Token latencies exist only where the answer was streamed. Values stay in ns until they are described.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.metrics.requests import NEVER, Bool, Int64, Requests
from orchestrator.metrics.window import answered_ns

TTFT, TTFT_FROM_SCHEDULED = "time_to_first_token", "time_to_first_token_from_scheduled"
CONTENT, ITL, TPOT = "first_content_token", "inter_token_latency", "time_per_output_token"
NTPOT, E2E = "normalized_time_per_output_token", "request_latency"
E2E_FROM_SCHEDULED = "request_latency_from_scheduled"
KEYS = (TTFT, TTFT_FROM_SCHEDULED, CONTENT, ITL, TPOT, NTPOT, E2E, E2E_FROM_SCHEDULED)


@dataclass(frozen=True, slots=True)
class Measured:
    """`values` in ns. `rows[i]`: the request of value i; where a request has several, `per_row[i]` of them follow each
    other for `rows[i]`."""

    values: NDArray[Any]
    rows: Int64
    per_row: Int64 | None = None


NOTHING = Measured(np.empty(0, np.int64), np.empty(0, np.int64))


def headline(streaming: bool) -> str:
    """The latency that judgements are made on: TTFT, or the whole time where nothing was streamed."""
    return TTFT if streaming else E2E


def measure(key: str, requests: Requests, chosen: Bool, streaming: bool) -> Measured:
    """The latency `key` of the rows in `chosen` that have it."""
    if key in _STREAMED and not streaming:
        return NOTHING
    return _MEASURES[key](requests, chosen)


def _between(requests: Requests, chosen: Bool, start_ns: Int64, end_ns: Int64) -> Measured:
    rows = np.flatnonzero(chosen & (start_ns != NEVER) & (end_ns != NEVER))
    return Measured(end_ns[rows] - start_ns[rows], rows)


def _ttft(requests: Requests, chosen: Bool) -> Measured:
    return _between(requests, chosen, requests.sent_ns, requests.first_token_ns)


def _ttft_from_scheduled(requests: Requests, chosen: Bool) -> Measured:
    return _between(requests, chosen, requests.scheduled_ns, requests.first_token_ns)


def _content(requests: Requests, chosen: Bool) -> Measured:
    return _between(requests, chosen, requests.sent_ns, requests.first_content_token_ns)


def _e2e(requests: Requests, chosen: Bool) -> Measured:
    return _between(requests, chosen, requests.sent_ns, answered_ns(requests))


def _e2e_from_scheduled(requests: Requests, chosen: Bool) -> Measured:
    return _between(requests, chosen, requests.scheduled_ns, answered_ns(requests))


def _tpot(requests: Requests, chosen: Bool) -> Measured:
    found = _between(requests, chosen & (requests.output_tokens >= 2), requests.first_token_ns, requests.last_token_ns)
    return Measured(found.values / (requests.output_tokens[found.rows] - 1), found.rows)


def _ntpot(requests: Requests, chosen: Bool) -> Measured:
    found = _e2e(requests, chosen & (requests.output_tokens >= 1))
    return Measured(found.values / requests.output_tokens[found.rows], found.rows)


def _itl(requests: Requests, chosen: Bool) -> Measured:
    """Values lie in the pool's order, so nothing is gathered: a mask over the pool leaves the chosen rows' gaps."""
    tokens = requests.tokens
    rows = np.flatnonzero(chosen & (tokens.count > 0))
    rows = rows[np.argsort(tokens.start[rows], kind="stable")]
    start, count = tokens.start[rows], tokens.count[rows].astype(np.int64)
    edges = np.zeros(len(tokens.gaps) + 1, np.int8)
    edges[start] += 1
    edges[start + count] -= 1
    np.cumsum(edges, dtype=np.int8, out=edges)
    mask = edges[:-1].view(np.bool_)
    mask[start] = False  # the first gap is the wait for the first token
    several = count >= 2
    return Measured(tokens.gaps[mask], rows[several], count[several] - 1)


_MEASURES: dict[str, Callable[[Requests, Bool], Measured]] = {
    TTFT: _ttft,
    TTFT_FROM_SCHEDULED: _ttft_from_scheduled,
    CONTENT: _content,
    ITL: _itl,
    TPOT: _tpot,
    NTPOT: _ntpot,
    E2E: _e2e,
    E2E_FROM_SCHEDULED: _e2e_from_scheduled,
}
_STREAMED = frozenset({TTFT, TTFT_FROM_SCHEDULED, CONTENT, ITL, TPOT})
