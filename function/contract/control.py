"""The small objects by which orchestrator and workers speak to each other through the store.

Unix times are on the store's clock, in ns. Nothing here decides anything; the gate and the fleet do.
"""

from __future__ import annotations

from typing import Literal

import msgspec

ControlState = Literal["wait", "go", "abort", "done"]


class Payload(msgspec.Struct, frozen=True):
    """What an invocation is given. No secrets, no config. `run` is the URI of the run's folder; `not_after` unix s."""

    run: str
    shard: str
    attempt: int
    plan_hash: str
    not_after: float


class Control(msgspec.Struct, frozen=True):
    """The one mutable object. `beat` grows by one with every renewal, so no two bodies are the same.

    `granted` lists the groups (`<phase>-<slice>`) whose go object exists; workers read no key that may be missing.
    `writer` is a nonce of the process that wrote it (epochs tell owners apart, nonces tell two abort writers apart).
    """

    state: ControlState
    epoch: int
    beat: int
    granted: tuple[str, ...]
    lease_s: float
    writer: str
    reason: str | None = None
    schema_version: int = 1


class Go(msgspec.Struct, frozen=True):
    """Created once per group: the attempt that may send, per shard. A shard not named never sends."""

    phase: int
    slice: int
    t0_unix_ns: int  # of this phase; decided once, the later slices of the phase repeat it
    run_t0_unix_ns: int  # of the run's first phase: the zero of all times in records
    attempts: dict[str, int]
    writer: str
    schema_version: int = 1


class Claim(msgspec.Struct, frozen=True):
    """Created once per attempt. `nonce` is drawn by the handler: duplicates of one event share everything else."""

    shard: str
    attempt: int
    nonce: str


class Ready(msgspec.Struct, frozen=True):
    """An attempt is warm. `send_until_unix_ns`: when its invocation must stop sending; None where there is no limit."""

    shard: str
    attempt: int
    nonce: str
    clock_offset_ns: int  # store clock minus this worker's wall clock
    clock_error_ns: int
    cold_start_ns: int
    code_version: str
    send_until_unix_ns: int | None = None


class Progress(msgspec.Struct, frozen=True):
    """Overwritten every second or two. Counts are cumulative; `ttft` is a log histogram for the live view only.

    `ttft[i]` counts first tokens with 10^(i/10) ms <= TTFT < 10^((i+1)/10) ms; i = 0 also takes what is faster.
    """

    shard: str
    attempt: int
    nonce: str
    state: Literal["waiting", "sending", "draining", "ended"]
    at_unix_ns: int
    sent: int
    ok: int
    failed: int
    timed_out: int
    missed: int
    aborted: int
    in_flight: int
    ttft: tuple[int, ...]
    stages: dict[int, int]  # stage index -> sent so far
    errors: dict[str, int]  # error_kind -> count
    schedule_delay_max_ns: int
