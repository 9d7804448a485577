"""The summary: everything computed of a run, as frozen values; `as_dict` is summary.json.

Seconds, unrounded; None where something was not measured, never NaN. Keys are a contract with those who read the file;
what is here beyond it (`label`, `warmup`, `window`, `interval_grade`, `regions`, `ended` of a shard) is additive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.merge.regions import RegionSummary
from orchestrator.metrics.adjusted import Adjusted
from orchestrator.metrics.arrivals import Arrivals
from orchestrator.metrics.dist import Dist
from orchestrator.metrics.facts import State
from orchestrator.metrics.finding import Finding, Verdict
from orchestrator.metrics.goodput import Goodput
from orchestrator.metrics.ledger import Ledger
from orchestrator.metrics.throughput import Throughput
from orchestrator.metrics.window import Rates

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Load:
    """Per second of the measurement window; `drain_s`: from its end to the last answer's."""

    rates: Rates
    schedule_delay: Dist
    arrivals: Arrivals
    window_s: float
    drain_s: float | None

    def as_dict(self) -> dict[str, Any]:
        return {
            **asdict(self.rates),
            "schedule_delay": self.schedule_delay.as_dict(),
            "arrivals": self.arrivals.as_dict(),
            "window_s": self.window_s,
            "drain_s": self.drain_s,
        }


@dataclass(frozen=True, slots=True)
class Tokens:
    """Over ok requests. `source`: usage | tokenizer (where any answer had to be counted), None: nobody counted.

    Answers by who counted their output: `by_usage`, `by_tokenizer`, and the `uncounted`.
    """

    prompt: Dist
    output: Dist
    events: int
    by_usage: int = 0
    by_tokenizer: int = 0
    uncounted: int = 0

    @property
    def source(self) -> str | None:
        return "tokenizer" if self.by_tokenizer else "usage" if self.by_usage else None

    def as_dict(self) -> dict[str, Any]:
        return {
            "prompt": self.prompt.as_dict(),
            "output": self.output.as_dict(),
            "source": self.source,
            "events": self.events,
            "counted": {"usage": self.by_usage, "tokenizer": self.by_tokenizer, "none": self.uncounted},
        }


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    error_kind: str
    http_status: int | None
    count: int
    sample: str | None


@dataclass(frozen=True, slots=True)
class Block:
    """What is computed of any set of requests: a stage's, or the run's. `interval_grade` goes with every ci95."""

    ledger: Ledger
    load: Load
    latency: Mapping[str, Dist]
    adjusted: Mapping[str, Adjusted]
    throughput: Throughput
    tokens: Tokens
    goodput: Goodput | None
    errors: tuple[ErrorGroup, ...]
    interval_grade: str | None

    def as_dict(self) -> dict[str, Any]:
        return {
            "ledger": self.ledger.as_dict(),
            "load": self.load.as_dict(),
            "latency": {key: dist.as_dict() for key, dist in self.latency.items()},
            "adjusted": {key: adjusted.as_dict() for key, adjusted in self.adjusted.items()},
            "throughput": self.throughput.as_dict(),
            "tokens": self.tokens.as_dict(),
            "goodput": None if self.goodput is None else self.goodput.as_dict(),
            "errors": [asdict(error) for error in self.errors],
            "interval_grade": self.interval_grade,
        }


@dataclass(frozen=True, slots=True)
class StageSummary:
    """`start_s`, `end_s`: the measurement window since t0. A warm-up stage is in the ledger and measured by nothing."""

    index: int
    label: str
    type: str
    warmup: bool
    rate: float | None
    concurrency: int | None
    start_s: float
    end_s: float
    block: Block

    def as_dict(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "label": self.label,
            "type": self.type,
            "warmup": self.warmup,
            "rate": self.rate,
            "concurrency": self.concurrency,
            "window": {"start_s": self.start_s, "end_s": self.end_s},
            **self.block.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class ShardSummary:
    shard: str
    attempt: int | None
    lane: int
    slice: int
    state: State
    ledger: Ledger
    ended: str | None = None  # of one that is not complete: the platform's or the worker's last words

    def as_dict(self) -> dict[str, Any]:
        return {
            "shard": self.shard,
            "attempt": self.attempt,
            "lane": self.lane,
            "slice": self.slice,
            "state": self.state,
            "ledger": self.ledger.as_dict(),
            **({} if self.ended is None else {"ended": self.ended}),
        }


@dataclass(frozen=True, slots=True)
class LaneHealth:
    """The worst of a lane's invocations. `clock_error_s`: how far its clock is proven to be off."""

    lane: int
    cpu_p95: float | None
    loop_lag_p99_s: float | None
    schedule_delay_p99_s: float | None
    clock_error_s: float | None
    cold_start_s: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """`run` speaks of all stages but warm-ups; its ledger of all requests, so that shards and stages add up to it."""

    run_id: str
    provider: str
    aborted: bool
    verdict: Verdict
    findings: tuple[Finding, ...]
    run: Block
    shards: tuple[ShardSummary, ...]
    lanes: tuple[LaneHealth, ...]
    estimate_usd: float | None
    actual_usd: float | None
    stages: tuple[StageSummary, ...]
    regions: tuple[RegionSummary, ...] = ()

    @property
    def ledger(self) -> Ledger:
        return self.run.ledger

    def as_dict(self) -> dict[str, Any]:
        run = self.run.as_dict()
        return {
            "schema_version": SCHEMA_VERSION,
            "run_id": self.run_id,
            "provider": self.provider,
            "aborted": self.aborted,
            "verdict": self.verdict,
            "findings": [finding.as_dict() for finding in self.findings],
            "ledger": run.pop("ledger"),
            "shards": [shard.as_dict() for shard in self.shards],
            **run,
            "client": {"lanes": [asdict(lane) for lane in self.lanes]},
            "cost": {"estimate_usd": self.estimate_usd, "actual_usd": self.actual_usd},
            "stages": [stage.as_dict() for stage in self.stages],
            "regions": [region.as_dict() for region in self.regions],
            "server_metrics": None,
        }
