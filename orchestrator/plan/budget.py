"""What a run may not exceed: `budget` against the plan. Errors at the key that was exceeded; never a smaller plan."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.config.load import Load, Stage
from orchestrator.config.root import Config
from orchestrator.outcome import Problem
from orchestrator.plan.phases import Schedule, prepared
from orchestrator.plan.shapes import shape_of

MOST_SHARDS = 100_000
MOST_PROCESSES = 2_000  # of one run on one machine, where each is one shard
PROCESSES_PER_CORE = 64  # at once; many more only measure how this machine shares itself out
LEAST_BURSTINESS = 0.01  # gaps ten times as variable as a Poisson process's; below, nearly all of them vanish
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


def check_provisioned(lanes: int, most: int | None) -> Iterator[Problem]:
    """Workers refuse what was not provisioned, whatever the plan says."""
    if most is not None and lanes > most:
        message = f"the plan has {lanes} lanes, and the provisioned functions take {most}"
        yield Problem("max_lanes", message, "fanout.lanes", f"at most {most}, or provision more: benchctl infra up")


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
    rows = [_rows(load, stage, slice_s) for stage in load.stages]
    if sum(rows) > MOST_REQUESTS:
        message = f"{sum(rows):,} requests are more than one plan holds ({MOST_REQUESTS:,})"
        yield Problem("too_many_requests", message, f"load.stages.{rows.index(max(rows))}", "split the run")
    if load.type == "gamma" and load.burstiness < LEAST_BURSTINESS:
        message = f"{load.burstiness:g} is burstier than can be told from everything at once"
        yield Problem("impossible", message, "load.burstiness", f"at least {LEAST_BURSTINESS:g}")
    closed = load.type == "concurrent"
    length_s = sum(stage.duration or 0.0 for stage in load.stages)
    length_s += 0.0 if closed else load.interval * (len(load.stages) - 1)
    shards = int(lanes * (len(load.stages) + (length_s // slice_s if slice_s else 0)))
    if shards > MOST_SHARDS:
        message = f"{shards:,} shards are more than an orchestrator can watch ({MOST_SHARDS:,})"
        yield Problem("too_many_shards", message, "fanout.slice", "longer slices, or fewer fanout.lanes")


def check_processes(lanes: int, shards: int, sliced: bool, cpus: int) -> Iterator[Problem]:
    """Where every lane is a process of this machine. `sliced`: the next slice's come up while this one's send."""
    at_once, most = lanes * (2 if sliced else 1), PROCESSES_PER_CORE * cpus
    if at_once > most:
        message = f"{at_once:,} worker processes at once are more than this machine can run ({most:,} on {cpus} cores)"
        least = max(1, most // (2 if sliced else 1))
        yield Problem("too_many_processes", message, "fanout.lanes", f"at most {least}, or leave fanout.lanes out")
    elif shards > MOST_PROCESSES:
        message = f"{shards:,} worker processes one after another are more than one machine should start"
        hint = f"longer slices, or fewer fanout.lanes: together at most {MOST_PROCESSES:,} shards"
        yield Problem("too_many_processes", message, "fanout.slice", hint)


def _rows(load: Load, stage: Stage, slice_s: float | None) -> int:
    """Rows that the stage will take, about."""
    if load.type != "concurrent":
        return int(shape_of(stage).total)
    if stage.num_requests is not None:
        return stage.num_requests
    length_s, users = stage.duration or 0.0, stage.concurrency_level or 1
    width_s = length_s if slice_s is None else min(length_s, slice_s)
    return int(prepared(users, width_s) * (length_s / width_s))
