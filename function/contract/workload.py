"""A shard's workload part: its requests as data, ordered as they are to be sent. Names and types.

An Arrow IPC file (zstd) of record batches of at most BATCH_ROWS rows, read one batch at a time:

    request_index  int64   k, ascending; in a closed loop by time the first use's index
    scheduled_ns   int64   since the phase's t0; 0 in closed loops
    stage          int32
    output_tokens  int64   asked for; -1: not asked
    prompt_tokens  int64   the plan's count; -1: not counted
    model          int32   index into spec.models
    session        utf8    null where there is none; a session's turns follow each other, no other rows between
    piece_role     list<uint8>   ROLES index: opens a message of that role; CONTINUE: more of the same message
    piece_text     list<int32>   index into spec.texts
    piece_start    list<int64>   byte offset into that text
    piece_bytes    list<int32>   byte length

A text is a JSON string's inside: UTF-8, escaped (`\\n`, `\\"`), without quotes; so a worker builds a body by joining
bytes. A piece never cuts an escape or a character. For the completion API all pieces join to one prompt. A turn's row
holds only what the turn adds: the worker puts it behind what its session has said.
"""

from __future__ import annotations

ROLES = ("system", "user", "assistant", "tool", "developer")
CONTINUE = 255
BATCH_ROWS = 4096


def session_name(session: str | None, times: int) -> str | None:
    """The name of a session that was played `times` times before, where a closed loop by time uses rows again."""
    return session if session is None or not times else f"{session}.{times}"


COLUMNS: tuple[tuple[str, str], ...] = (
    ("request_index", "int64"),
    ("scheduled_ns", "int64"),
    ("stage", "int32"),
    ("output_tokens", "int64"),
    ("prompt_tokens", "int64"),
    ("model", "int32"),
    ("session", "utf8"),
    ("piece_role", "list<uint8>"),
    ("piece_text", "list<int32>"),
    ("piece_start", "list<int64>"),
    ("piece_bytes", "list<int32>"),
)
