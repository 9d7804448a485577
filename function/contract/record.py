"""The record: one row per request a worker touched. Column names, types and the ledger's words.

A part is an Arrow IPC file (zstd) with these columns and, in its schema metadata, `benchctl.in_flight`: JSON
`[[request_index, stage, scheduled_ns, sent_ns], ...]` of the requests sent and not yet ended at the flush; each such
entry is superseded by a later row with the same request_index. `benchctl.shard` and `benchctl.attempt` name the writer.

Times (`*_ns`) are int64 ns since the run's t0 on the worker's one monotonic clock. Token times are stored as gaps:
`token_gaps[0]` is first output event minus sent, then differences; an entry of
GAP_MORE means "add GAP_MORE and read on".
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Status = Literal["ok", "failed", "timed_out", "missed", "aborted", "lost"]
STATUSES: tuple[Status, ...] = ("ok", "failed", "timed_out", "missed", "aborted", "lost")

# error_kind, by status. failed also takes http_<status>.
FAILED_KINDS = (
    "dns",
    "connect",
    "tls",
    "connection_lost",
    "protocol",
    "malformed_event",
    "error_event",
    "truncated",
    "empty_output",
    "target_refused",
)
TIMED_OUT_KINDS = ("connect_timeout", "first_token_timeout", "idle_timeout", "total_timeout")
MISSED_KINDS = ("late", "no_time_left", "not_granted", "cap_at_seam")
ABORTED_KINDS = ("user", "breaker", "lease")
LOST_KINDS = ("no_record",)

GAP_MORE = 0xFFFFFFFF
IN_FLIGHT_KEY = "benchctl.in_flight"
SHARD_KEY = "benchctl.shard"
ATTEMPT_KEY = "benchctl.attempt"


class Column(NamedTuple):
    name: str
    type: Literal["int64", "int32", "utf8", "bool", "list<uint32>"]
    nullable: bool = True


COLUMNS: tuple[Column, ...] = (
    Column("request_index", "int64", False),  # k
    Column("row", "int64", False),  # row of the workload part it was built from (closed loops reuse rows)
    Column("stage", "int32", False),
    Column("scheduled_ns", "int64"),
    Column("eligible_ns", "int64"),  # max(scheduled, the cap freed a place): lateness counts from here
    Column("sent_ns", "int64"),
    Column("first_byte_ns", "int64"),
    Column("first_token_ns", "int64"),
    Column("first_content_token_ns", "int64"),
    Column("last_token_ns", "int64"),
    Column("end_ns", "int64"),
    Column("status", "utf8", False),
    Column("http_status", "int32"),
    Column("error_kind", "utf8"),
    Column("error_message", "utf8"),
    Column("prompt_tokens", "int64"),  # the server's usage; null when it gave none
    Column("output_tokens", "int64"),  # the server's usage; null when it gave none
    Column("cached_tokens", "int64"),
    Column("reasoning_tokens", "int64"),
    Column("request_bytes", "int64"),
    Column("response_bytes", "int64"),
    Column("connection_reused", "bool"),
    Column("connect_ns", "int64"),
    Column("events", "int64"),  # output-bearing events
    Column("malformed_events", "int64"),
    Column("finish_reason", "utf8"),
    Column("asked_tokens", "int64"),  # output length asked for; null when none was
    Column("session_id", "utf8"),
    Column("model", "utf8"),
    Column("output_text", "utf8"),  # only where tokens must be counted after the run: the server gave no usage
    Column("token_gaps", "list<uint32>", False),
)
