"""Made-up runs for the report's tests: requests drawn from a seed, and the summary that the product makes of them.

`Stage` bends a stage; `made` adds findings of its own to those that the product found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from function.contract.plan import (
    Coordination,
    Cost,
    PhasePlan,
    Plan,
    ReportSettings,
    ShardPlan,
    SlicePlan,
    StagePlan,
)
from function.contract.receipt import Counts, Health, Receipt
from orchestrator.merge.summarise import summarise
from orchestrator.metrics.facts import RunFacts, ShardFacts
from orchestrator.metrics.finding import Finding, Scope, ranked, verdict_of
from orchestrator.metrics.requests import (
    ABORTED,
    FAILED,
    LOST,
    MISSED,
    NEVER,
    OK,
    TIMED_OUT,
    UNKNOWN,
    Coded,
    Requests,
    TokenTimes,
)

T0 = 1_790_000_000_000_000_000
KINDS = ("http_429", "http_500", "connection_lost", "total_timeout", "late", "user", "no_record")
SAMPLES = (
    '{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}',
    "upstream connect error or disconnect/reset before headers",
    "the connection was closed before the end of the answer",
    "no end of the answer within 300 s",
    "later than fanout.max_lateness (5 s)",
    "cancelled in flight",
    "no record of how it ended",
)
LIMITS = {"ttft": 0.25, "request_latency": 3.0}


@dataclass(frozen=True)
class Stage:
    """`failing` and the rest: shares of the stage's requests."""

    rate: float = 20.0
    seconds: float = 30.0
    ttft_ms: float = 60.0
    itl_ms: float = 9.0
    failing: float = 0.0
    timing_out: float = 0.0
    missing: float = 0.0
    aborting: float = 0.0
    losing: float = 0.0
    warmup: bool = False


@dataclass(frozen=True)
class Made:
    summary: dict[str, Any]
    requests: Requests


def made(
    stages: Sequence[Stage] = (Stage(),),
    *,
    lanes: int = 2,
    slices: int = 1,
    streaming: bool = True,
    tokens: int = 40,
    goodput: Mapping[str, float] | None = None,
    findings: Sequence[Finding] = (),
    seed: int = 7,
    late_ms: float = 0.15,
    stopped_s: float | None = None,
    **more: Any,
) -> Made:
    """`findings` are added to the product's own, `more` lays keys over summary.json's. `stopped_s`: aborted then."""
    requests = requests_of(stages, lanes, slices, streaming, tokens, seed, late_ms)
    summary = summarise(requests, facts_of(stages, requests, streaming, goodput, stopped_s))
    found = ranked([*summary.findings, *findings])
    whole = replace(summary, findings=found, verdict=verdict_of(found))
    return Made({**whole.as_dict(), **more}, requests)


def requests_of(
    stages: Sequence[Stage], lanes: int, slices: int, streaming: bool, tokens: int, seed: int, late_ms: float
) -> Requests:
    rng = np.random.default_rng(seed)
    blocks, at = [], 0.0
    for index, stage in enumerate(stages):
        n = round(stage.rate * stage.seconds)
        blocks.append((np.sort(rng.uniform(at, at + stage.seconds, n)), np.full(n, index)))
        at += stage.seconds
    due = np.concatenate([block[0] for block in blocks]) if blocks else np.empty(0)
    stage_of = np.concatenate([block[1] for block in blocks]).astype(np.int32) if blocks else np.empty(0, np.int32)
    n = len(due)
    pick = {name: np.array([getattr(stage, name) for stage in stages])[stage_of] for name in ("ttft_ms", "itl_ms")}
    wave = 1 + 0.25 * np.sin(due / 7.0)
    late = rng.exponential(late_ms, n) / 1e3
    ttft = pick["ttft_ms"] / 1e3 * wave * rng.lognormal(0, 0.35, n) * np.where(rng.random(n) < 0.01, 4, 1)
    count = np.maximum(1, rng.poisson(tokens, n)).astype(np.int32)
    gaps = rng.gamma(6, 1 / 6, int(count.sum())) * np.repeat(pick["itl_ms"], count) * 1e6
    start = np.concatenate(([0], np.cumsum(count)[:-1])).astype(np.int64) if n else np.empty(0, np.int64)
    if n:
        gaps[start] = ttft * 1e9
    gaps = gaps.astype(np.uint32)
    scheduled = (due * 1e9).astype(np.int64)
    sent = scheduled + (late * 1e9).astype(np.int64)
    total = np.add.reduceat(gaps.astype(np.int64), start) if n else np.empty(0, np.int64)
    first, last = sent + (ttft * 1e9).astype(np.int64), sent + total
    shard_ids, shard = _shards(due, at, lanes, slices)
    status, kind = _outcomes(stages, stage_of, rng)
    made_up = Requests(
        shard_ids=shard_ids,
        request_index=np.arange(n),
        stage=stage_of,
        shard=shard,
        scheduled_ns=scheduled,
        eligible_ns=scheduled.copy(),
        sent_ns=sent,
        first_byte_ns=first - 200_000,
        first_token_ns=first,
        first_content_token_ns=first.copy(),
        last_token_ns=last,
        end_ns=last + 100_000,
        connect_ns=np.full(n, NEVER),
        status=status,
        http_status=np.where(status == OK, 200, UNKNOWN).astype(np.int32),
        error_kind=Coded(kind, KINDS),
        error_message=Coded(kind.copy(), SAMPLES),
        prompt_tokens=rng.integers(80, 700, n).astype(np.int32),
        planned_tokens=np.full(n, UNKNOWN, np.int32),
        output_tokens=count.copy(),
        asked_tokens=count.copy(),
        cached_tokens=np.full(n, UNKNOWN, np.int32),
        reasoning_tokens=np.full(n, UNKNOWN, np.int32),
        events=count.copy(),
        malformed_events=np.zeros(n, np.int32),
        request_bytes=np.full(n, 900),
        response_bytes=np.full(n, 9000),
        connection_reused=np.ones(n, np.int8),
        usage=np.ones(n, np.bool_),
        session=Coded(np.full(n, UNKNOWN, np.int32), ()),
        model=Coded(np.zeros(n, np.int32), ("meta-llama/Llama-3.1-8B-Instruct",)),
        tokens=TokenTimes(start, count, gaps),
    )
    return _with_ends(made_up, streaming)


def _shards(due: Any, seconds: float, lanes: int, slices: int) -> tuple[tuple[str, ...], Any]:
    ids = tuple(f"0-{lane}-{part}" for part in range(slices) for lane in range(lanes))
    part = np.minimum((due / max(seconds, 1e-9) * slices).astype(np.int32), slices - 1)
    return ids, (part * lanes + np.arange(len(due)) % lanes).astype(np.int32)


def _outcomes(stages: Sequence[Stage], stage_of: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    status = np.zeros(len(stage_of), np.int8)
    kind = np.full(len(stage_of), UNKNOWN, np.int32)
    words = (
        ("failing", FAILED),
        ("timing_out", TIMED_OUT),
        ("missing", MISSED),
        ("aborting", ABORTED),
        ("losing", LOST),
    )
    first_kind = {FAILED: 0, TIMED_OUT: 3, MISSED: 4, ABORTED: 5, LOST: 6}
    for index, stage in enumerate(stages):
        rows = rng.permutation(np.flatnonzero(stage_of == index))
        begin = 0
        for name, code in words:
            some = rows[begin : begin + round(getattr(stage, name) * len(rows))]
            begin += len(some)
            status[some] = code
            kind[some] = first_kind[code]
            if code == FAILED:
                kind[some] = rng.choice(3, len(some), p=(0.6, 0.3, 0.1))
    return status, kind


def _with_ends(requests: Requests, streaming: bool) -> Requests:
    """What did not happen to requests of each status is NEVER."""
    status = requests.status
    http = requests.http_status.copy()
    http[requests.error_kind.is_word("http_429")] = 429
    http[requests.error_kind.is_word("http_500")] = 500
    unsent, bad = status == MISSED, status != OK
    never = {
        "sent_ns": unsent,
        "first_byte_ns": bad,
        "first_token_ns": bad | (not streaming),
        "first_content_token_ns": bad | (not streaming),
        "last_token_ns": bad | (not streaming),
        "end_ns": unsent | (status == LOST),
    }
    columns = {name: np.where(mask, NEVER, getattr(requests, name)) for name, mask in never.items()}
    count = np.where(bad | (not streaming), 0, requests.tokens.count).astype(np.int32)
    return replace(requests, http_status=http, tokens=replace(requests.tokens, count=count), **columns)


def facts_of(
    stages: Sequence[Stage],
    requests: Requests,
    streaming: bool = True,
    goodput: Mapping[str, float] | None = None,
    stopped_s: float | None = None,
) -> RunFacts:
    plans, at = [], 0.0
    for index, stage in enumerate(stages):
        count = int((requests.stage == index).sum())
        label = f"{stage.rate:g}/s"
        plans.append(StagePlan(index, 0, "poisson", label, at, stage.seconds, count, stage.rate, warmup=stage.warmup))
        at += stage.seconds
    settings = ReportSettings(goodput=dict(goodput or {}), streaming=streaming)
    shards = tuple(_shard(requests, number) for number in range(len(requests.shard_ids)))
    return RunFacts(
        plan=_plan(tuple(plans), requests, settings),
        shards=shards,
        t0_unix_ns=T0,
        phase_ns=(0,),
        aborted=stopped_s is not None,
        reason=None if stopped_s is None else "user",
        stopped_ns=None if stopped_s is None else round(stopped_s * 1e9),
    )


def _plan(stages: tuple[StagePlan, ...], requests: Requests, settings: ReportSettings) -> Plan:
    return Plan(
        run_id="made-run",
        provider="local",
        created_unix_ns=T0,
        benchctl_version="0",
        code_version="0",
        seed=7,
        load={"type": "poisson"},
        target={"root": "http://127.0.0.1:8000", "api": "chat", "model": "made", "server": "vllm"},
        stages=stages,
        phases=(PhasePlan(0, "open", tuple(stage.index for stage in stages), (SlicePlan(0, 0, None),)),),
        shards=tuple(
            ShardPlan(shard, int((requests.shard == i).sum()), 0, "", 0) for i, shard in enumerate(requests.shard_ids)
        ),
        requests=len(requests),
        workload_hash="0",
        coordination=Coordination(1, None, 3, 1, 60, 0.3, 30, 5, 0.2, 1, 5, 120, 5),
        report=settings,
        cost=Cost(0.0),
        data={"type": "mock"},
    )


def _shard(requests: Requests, number: int) -> ShardFacts:
    rng = np.random.default_rng(number)
    shard = requests.shard_ids[number]
    health = Health(
        cpu_p95=float(rng.uniform(0.03, 0.3)),
        loop_lag_p50_ns=60_000,
        loop_lag_p99_ns=int(rng.uniform(4e5, 1.6e6)),
        loop_lag_max_ns=3_000_000,
        suspended_ns=0,
        cold_start_ns=int(rng.uniform(2e8, 6e8)),
        rss_max_bytes=80_000_000,
    )
    receipt = Receipt(
        shard, 0, "", "complete", (), 0, Counts(), None, None, int(rng.uniform(1e5, 2e6)), 3_000_000, health, T0
    )
    lost = bool((requests.status[requests.shard == number] == LOST).any())
    return ShardFacts(shard, 0, "partial" if lost else "complete", receipt)


LATE = Finding(
    "late_tail",
    "degraded",
    "stage 1: the latest sends were 84.2 ms late or more, against a limit of 19.7 ms (10% of TTFT p99, 197 ms)",
    "The load generator was late, not the server: give it more lanes (fanout.lanes) or a less busy machine. "
    "Latencies from scheduled include this delay, those from sent do not.",
    {"value": 0.0842, "threshold": 0.0197, "base": 0.197, "late": 14},
    Scope(stage=1, lane=3, slice=1, from_s=41.2, to_s=44.7),
)
ERRORS = Finding(
    "errors",
    "degraded",
    "stage 0: 65 of 100 planned requests failed (0.65 of them), most often http_429",
    "Success-only percentiles hide this: read `adjusted`, and errors[] for what the server said.",
    {"value": 0.65, "threshold": 0.01, "failed": 65, "planned": 100},
    Scope(stage=0),
)
SHARD_MISSING = Finding(
    "shard_missing",
    "invalid",
    "1 of 8 shards left nothing behind (0-1-3)",
    "Part of the load was never there. Look at how its invocation ended (orchestrator.json, the provider's log).",
    {"value": 1, "threshold": 0, "shards": ["0-1-3"]},
    Scope(lane=1, slice=3),
)
WITHHELD = Finding(
    "interval_withheld",
    "info",
    "stage 0: no interval is given where it would not cover; it would take about p99: 4,520 requests",
    "Plan a longer stage, or repeat the run: intervals over repeats also see slow conditions.",
    {
        "value": 6.1,
        "threshold": 20,
        "n_eff_median": 612.0,
        "requests_needed": {"p99": 4520.4},
        "latencies": {"time_to_first_token": {"p99": 4520.4}},
    },
    Scope(stage=0),
)
