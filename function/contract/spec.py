"""A shard's own spec: together with its workload part, all that one worker needs. Seconds in JSON, ns for instants."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class SecretRef(msgspec.Struct, frozen=True):
    """Where a secret lies; never the secret. `env` is resolved in the worker's own environment."""

    source: Literal["env", "aws_secret", "gcp_secret"]
    name: str
    prefix: str = ""  # put before the secret's value: "Bearer "


class Timeouts(msgspec.Struct, frozen=True):
    """None: no limit of that kind. `idle` counts from the last data event; comments do not reset it."""

    total_s: float | None = 300.0
    connect_s: float | None = 10.0
    first_token_s: float | None = None
    idle_s: float | None = None


class Target(msgspec.Struct, frozen=True):
    """`root` has no trailing slash and no /v1: the worker adds the API's path. `headers`, `extra_body` hold no secrets.

    `secret_body`: members of the body beside `extra_body`; each secret is the member's value as JSON.
    """

    root: str
    api: Literal["chat", "completion"]
    streaming: bool
    headers: dict[str, str] = {}
    secret_headers: dict[str, SecretRef] = {}
    extra_body: dict[str, Any] = {}
    secret_body: dict[str, SecretRef] = {}
    ignore_eos: bool = True
    session_header: str | None = None  # carries `<run_id>-<session>` of a request that is a session's turn
    ca_file: str | None = None
    cert_path: str | None = None
    key_path: str | None = None
    transport: Literal["auto", "native", "aiohttp"] = "auto"
    timeouts: Timeouts = Timeouts()
    allowed: tuple[str, ...] = ()  # host:port a worker may call; () only on the local provider: the target's own


class TextRef(msgspec.Struct, frozen=True):
    """Entry i of the shard's text table; pieces name it by i. `sha256` is of the stored bytes and is its key."""

    sha256: str
    bytes: int


class StageWindow(msgspec.Struct, frozen=True):
    index: int
    start_ns: int  # since the phase's t0
    end_ns: int | None  # None: bounded by count


class ShardSpec(msgspec.Struct, frozen=True):
    """All instants are ns since the phase's t0 (`Go.t0_unix_ns`)."""

    run_id: str
    shard: str
    phase: int
    lane: int
    slice: int
    lanes: int
    plan_hash: str
    code_version: str
    kind: Literal["open", "closed_count", "closed_time"]
    requests: int  # rows of the workload part
    workload_sha256: str
    texts: tuple[TextRef, ...]
    models: tuple[str, ...]
    target: Target
    stages: tuple[StageWindow, ...]
    slice_start_ns: int
    slice_end_ns: int | None  # None: bounded by count
    users: int | None = None  # closed loop: this lane's share of the concurrency
    cap: int | None = None  # open loop: this lane's share of load.max_concurrency
    backlog_s: float = 0.0  # open loop with a cap: so long after the slice's end what waits may be sent
    # closed loop by time: first request_index of this slice's block of M; with sessions the first one for rows used
    # again, past all that the rows have
    next_index: int = 0
    index_stride: int = 1  # closed loop by time: lanes; a reused row takes the next unused index of the block
    index_limit: int | None = None  # closed loop by time: end of the block
    lease_s: float = 30.0
    poll_s: float = 1.0  # before go and after; local: 0.1 before, 0.2 after (the worker is told both)
    poll_wait_s: float = 1.0
    ready_wait_s: float = 120.0  # gives up waiting for go then; longer than the orchestrator may still grant
    max_lateness_s: float = 5.0
    drain_s: float = 120.0
    flush_s: float = 5.0
    progress_s: float = 1.0
    # Rows of one session are turns, sent one after the other. received: a turn's prompt quotes the answers that came;
    # recorded: its row brings the answer to the turn before. None: every row stands alone.
    history: Literal["received", "recorded"] | None = None
    schema_version: int = 1
