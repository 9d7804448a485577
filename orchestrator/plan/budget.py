"""What a run may not exceed: `budget` against the plan. Errors at the key that was exceeded; never a smaller plan."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.config.load import Load
from orchestrator.config.root import Config
from orchestrator.outcome import Problem
from orchestrator.plan.phases import Schedule
from orchestrator.plan.shapes import shape_of

MOST_SHARDS = 100_000
MOST_REQUESTS = 100_000_000  # of which a plan takes about 13 GB


def _exceeded(key: str, message: str, hint: str) -> Problem:
    return Problem("budget_exceeded", message, f"budget.{key}", hint)


def check(config: Config, plan: Schedule, lanes: int, peak_rate: float) -> Iterator[Problem]:
    budget = config.budget
    if budget.max_lanes is not None and lanes > budget.max_lanes:
        yield _exceeded("max_lanes", f"the plan has {lanes} lanes, the budget {budget.max_lanes}", "fewer fanout.lanes")
    if budget.max_requests_per_s is not None and peak_rate > budget.max_requests_per_s:
        message = f"the plan reaches {peak_rate:g} requests/s, the budget is {budget.max_requests_per_s:g}"
        yield _exceeded("max_requests_per_s", message, "lower the rates of load.stages")
    length_s = planned_length_s(plan)
    if budget.max_duration is not None and length_s > budget.max_duration:
        message = f"the plan takes {length_s:g}s, the budget is {budget.max_duration:g}s"
        yield _exceeded("max_duration", message, "shorter load.stages")


def check_cost(config: Config, usd: float | None) -> Iterator[Problem]:
    most = config.budget.max_usd
    if most is not None and usd is not None and usd > most:
        message = f"the plan is estimated at {usd:.2f} USD, the budget is {most:g}"
        yield _exceeded("max_usd", message, "a smaller load, or raise budget.max_usd")


def planned_length_s(plan: Schedule) -> float:
    """From the first stage's start to the last one's end, as far as it is known: stages by count have no length."""
    known = 0.0
    for phase in plan.phases:
        end_ns = phase.slices[-1].end_ns
        known += phase.pause_before_s + (end_ns or 0) / 1e9
    return known


def check_rows(plan: Schedule) -> Iterator[Problem]:
    if plan.rows == 0:
        message = "no request falls into any stage: nothing would be sent"
        yield Problem("no_requests", message, "load.stages", "longer stages, higher rates, or another load.base_seed")


def check_size(load: Load, lanes: int, slice_s: float | None) -> Iterator[Problem]:
    """Before anything is laid out: what would not fit into memory, or into an orchestrator's sight."""
    stages = load.stages
    closed = load.type == "concurrent"
    counts = [stage.num_requests or 0 for stage in stages] if closed else [shape_of(stage).total for stage in stages]
    most = int(max(counts))
    if sum(counts) > MOST_REQUESTS:
        message = f"{int(sum(counts)):,} requests are more than one plan holds ({MOST_REQUESTS:,})"
        yield Problem("too_many_requests", message, f"load.stages.{[*map(int, counts)].index(most)}", "split the run")
    lengths_s = [stage.duration or 0.0 for stage in stages]
    pauses_s = 0.0 if closed else load.interval * (len(stages) - 1)
    shards = lanes * ((sum(lengths_s) + pauses_s) // slice_s + len(stages) if slice_s else len(stages))
    if shards > MOST_SHARDS:
        message = f"{int(shards):,} shards are more than an orchestrator can watch ({MOST_SHARDS:,})"
        yield Problem("too_many_shards", message, "fanout.slice", "longer slices, or fewer fanout.lanes")
