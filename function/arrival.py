"""One planned request as a worker holds it, and the row it becomes. Values only.

An Arrival comes from the workload part (or from a closed loop's user becoming free); a Row goes to the recorder.
Times are ns since the run's t0 on this worker's one monotonic clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from function.contract.record import Status


class Piece(NamedTuple):
    """`role` indexes contract.workload.ROLES or is CONTINUE; start and bytes cut the text table's entry `text`."""

    role: int
    text: int
    start: int
    bytes: int


class InFlight(NamedTuple):
    """Sent, and without a row yet: an entry of contract.record.IN_FLIGHT_KEY."""

    request_index: int
    stage: int
    scheduled_ns: int
    sent_ns: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """`scheduled_ns`: when due; in closed loops when the user became free. `eligible_ns`: when the cap let it."""

    request_index: int
    row: int
    stage: int
    scheduled_ns: int
    eligible_ns: int
    output_tokens: int | None
    model: int
    session: str | None
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """contract.record.COLUMNS, one request. `token_ns` are absolute; the recorder turns them into gaps. `content` is no
    column: what the answer adds to its session, where the session goes on with it."""

    request_index: int
    row: int
    stage: int
    scheduled_ns: int | None
    eligible_ns: int | None
    status: Status
    sent_ns: int | None = None
    first_byte_ns: int | None = None
    first_token_ns: int | None = None
    first_content_token_ns: int | None = None
    last_token_ns: int | None = None
    end_ns: int | None = None
    http_status: int | None = None
    error_kind: str | None = None
    error_message: str | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    request_bytes: int | None = None
    response_bytes: int | None = None
    connection_reused: bool | None = None
    connect_ns: int | None = None
    events: int | None = None
    malformed_events: int | None = None
    finish_reason: str | None = None
    asked_tokens: int | None = None
    session_id: str | None = None
    model: str | None = None
    output_text: str | None = None
    token_ns: tuple[int, ...] = ()
    content: str = ""
