"""plan.json: what a run will do, decided before anything acts. Immutable; plan_hash is the digest of its bytes.

Seconds for what people read and for settings, ns for instants. Merge and report need nothing of the config but this.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

PhaseKind = Literal["open", "closed_count", "closed_time"]


class StagePlan(msgspec.Struct, frozen=True):
    """`start_s`: since its phase's t0. `requests` None: not known beforehand (concurrency by time)."""

    index: int
    phase: int
    type: str  # constant | poisson | gamma | concurrent
    label: str  # "50/s", "1 -> 25/s", "8 users"
    start_s: float
    duration_s: float | None
    requests: int | None
    rate: float | None  # mean offered arrivals/s of an open loop
    concurrency: int | None = None
    warmup: bool = False


class SlicePlan(msgspec.Struct, frozen=True):
    index: int
    start_ns: int  # since the phase's t0
    end_ns: int | None  # None: bounded by count


class PhasePlan(msgspec.Struct, frozen=True):
    index: int
    kind: PhaseKind
    stages: tuple[int, ...]
    slices: tuple[SlicePlan, ...]
    pause_before_s: float = 0.0  # after the receipts of the phase before


class ShardPlan(msgspec.Struct, frozen=True):
    """`requests`: arrivals it owns, or None in a closed loop by time (rows are prepared then, see the spec)."""

    shard: str
    requests: int | None
    rows: int
    workload_sha256: str
    workload_bytes: int


class Coordination(msgspec.Struct, frozen=True):
    """`fanout` with every `auto` resolved; seconds."""

    lanes: int
    slice_s: float | None
    lead_s: float
    ready_min: float
    ready_timeout_s: float
    start_delay_s: float
    lease_s: float
    beat_s: float
    poll_s: float
    poll_wait_s: float
    max_lateness_s: float
    drain_s: float
    flush_s: float
    detached: bool = False


class ReportSettings(msgspec.Struct, frozen=True):
    """What merge and report need of the config. `goodput`: metric -> s; `percentiles` is for inference-perf's files."""

    goodput: dict[str, float] = {}
    percentiles: tuple[float, ...] = (0.1, 1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9)
    summary: bool = True
    per_stage: bool = True
    per_request: bool = False
    streaming: bool = True
    ignore_eos: bool = True
    local_path: str | None = None  # storage.local_storage.path
    file_prefix: str | None = None
    tokenizer: str | None = None  # counts outputs where the server gives no usage
    max_error_messages: int = 100


class Cost(msgspec.Struct, frozen=True):
    usd: float | None
    note: str = ""
    upload_bytes: int | None = None
    control_requests: int | None = None


class RegionPlan(msgspec.Struct, frozen=True):
    """Where lanes of a cloud's run are invoked, and where their failures and logs are found. No secrets.

    `function`: what is invoked. `failure_queue`, `log_group`: "" where the platform has none.
    """

    region: str
    function: str
    failure_queue: str = ""
    log_group: str = ""


class Plan(msgspec.Struct, frozen=True):
    """Lane i runs in `regions[i % len(regions)]`; none on the local provider."""

    run_id: str
    provider: Literal["local", "aws", "gcp"]
    created_unix_ns: int
    benchctl_version: str
    code_version: str
    seed: int
    load: dict[str, Any]  # the config's load section as validated (JSON types)
    target: dict[str, str]  # what people read: root, api, model, server type
    stages: tuple[StagePlan, ...]
    phases: tuple[PhasePlan, ...]
    shards: tuple[ShardPlan, ...]
    requests: int | None
    workload_hash: str
    coordination: Coordination
    report: ReportSettings
    cost: Cost
    data: dict[str, Any]  # {"type", "usable", "skipped": [{"reason","count"}], "notes": [...]}
    findings: tuple[dict[str, Any], ...] = ()  # findings known at plan time, e.g. key_ignored, embedded in the report
    max_concurrency: int | None = None
    regions: tuple[RegionPlan, ...] = ()
    schema_version: int = 1
