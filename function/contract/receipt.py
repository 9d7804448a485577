"""The receipt: a shard's commit. What it lists was measured; what it does not list does not count.

Written once, last, by the attempt that ran, or sealed by merge when that attempt can no longer write it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

# complete: sent everything it owned and drained · abort: control said so · lease: the gate lapsed
# time: the invocation's limit came near · not_granted: never named by a go · not_allowed: abort/not_after before go
# salvaged: sealed by merge from the parts found · failed: the worker could not go on (message)
StopReason = Literal["complete", "abort", "lease", "time", "not_granted", "not_allowed", "salvaged", "failed"]


class Part(msgspec.Struct, frozen=True):
    key: str
    rows: int
    bytes: int
    sha256: str


class HealthSecond(msgspec.Struct, frozen=True):
    """One second of a worker's own health. `at_s` counts from the run's t0."""

    at_s: float
    cpu: float  # share of one core used by this process
    loop_lag_p99_ns: int  # how late the event loop ran a timer, sampled every 10 ms
    loop_lag_max_ns: int
    in_flight: int
    sent: int


class Health(msgspec.Struct, frozen=True):
    cpu_p95: float
    loop_lag_p50_ns: int
    loop_lag_p99_ns: int
    loop_lag_max_ns: int
    suspended_ns: int  # CLOCK_BOOTTIME minus CLOCK_MONOTONIC gained while running
    cold_start_ns: int
    rss_max_bytes: int
    seconds: tuple[HealthSecond, ...] = ()
    kernel_stamps: bool = False  # then loop lag delays no stamp
    clock_steps: int = 0  # steps of the wall clock that made kernel stamps fall back to the monotonic clock


class Counts(msgspec.Struct, frozen=True):
    ok: int = 0
    failed: int = 0
    timed_out: int = 0
    missed: int = 0
    aborted: int = 0


class Receipt(msgspec.Struct, frozen=True):
    """`stopped_ns` (since the run's t0): sending stopped then for a reason other than having sent everything."""

    shard: str
    attempt: int
    nonce: str
    reason: StopReason
    parts: tuple[Part, ...]
    rows: int
    counts: Counts
    stopped_ns: int | None
    stop_detail: str | None  # control.reason of an abort, the message of a failure, what salvaged it
    clock_offset_ns: int
    clock_error_ns: int
    health: Health | None
    at_unix_ns: int
    sealed_by: Literal["worker", "merge"] = "worker"
    schema_version: int = 1
