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
from orchestrator.metrics.requests import LOST, Requests
from tests.orchestrator.report.made_requests import Stage, requests_of

T0 = 1_790_000_000_000_000_000
LIMITS = {"ttft": 0.25, "request_latency": 3.0}


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
    late_ms: float = 0.15,
    stopped_s: float | None = None,
) -> Made:
    """`findings` are added to the product's own. `stopped_s`: aborted then."""
    requests = requests_of(stages, lanes, slices, streaming, tokens, late_ms)
    summary = summarise(requests, facts_of(stages, requests, streaming, goodput, stopped_s))
    found = ranked([*summary.findings, *findings])
    whole = replace(summary, findings=found, verdict=verdict_of(found))
    return Made(whole.as_dict(), requests)


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
