"""From the table and the facts of a run to its summary: stages, whole, findings, verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from function.contract.plan import PhasePlan, StagePlan
from function.contract.record import STATUSES
from orchestrator.merge.block import (
    NOTHING,
    Computed,
    PerSecond,
    compute,
    per_second,
    unmeasured,
    with_ledger,
)
from orchestrator.merge.regions import RegionSummary, by_region
from orchestrator.merge.summary import Block, LaneHealth, ShardSummary, StageSummary, Summary
from orchestrator.metrics.doubt.answers import answers
from orchestrator.metrics.doubt.client import client
from orchestrator.metrics.doubt.completeness import completeness
from orchestrator.metrics.doubt.course import course
from orchestrator.metrics.doubt.lateness import lateness
from orchestrator.metrics.doubt.stamps import stamps
from orchestrator.metrics.doubt.steady import steadiness, withheld
from orchestrator.metrics.doubt.where import quantile_by_lane
from orchestrator.metrics.facts import RunFacts
from orchestrator.metrics.finding import Finding, finding_from, ranked, verdict_of
from orchestrator.metrics.latency import headline
from orchestrator.metrics.ledger import Ledger, ledger_of
from orchestrator.metrics.requests import Bool, Requests
from orchestrator.metrics.stage_view import StageView, view_of
from orchestrator.metrics.window import Window, window_of


@dataclass(frozen=True, slots=True)
class _Stage:
    """A stage looked at: as findings see it, its block, and what was found."""

    view: StageView
    computed: Computed
    rates: PerSecond
    findings: tuple[Finding, ...]

    @property
    def saturated(self) -> bool:
        return any(finding.code == "saturated" for finding in self.findings)


def summarise(requests: Requests, facts: RunFacts) -> Summary:
    excused = _excused(requests, facts)
    windows, stages, summaries = [], [], []
    for plan in facts.plan.stages:
        own = requests.stage == plan.index
        part = requests.where(own)
        window = window_of(plan, facts.phase_ns[plan.phase], part, facts.stopped_ns)
        windows.append(window)
        if plan.warmup:
            summaries.append(_stage_summary(plan, window, unmeasured(ledger_of(part.status))))
            continue
        stage = _look(plan, window, part, excused[own], facts)
        stages.append(stage)
        summaries.append(_stage_summary(plan, window, stage.computed.block))
    whole = _whole(requests, stages)
    views = [stage.view for stage in stages]
    found = [
        *(finding_from(stored) for stored in facts.plan.findings),
        *(finding for stage in stages for finding in stage.findings),
        *_of_run(requests, facts, views),
        *_of_whole(facts, stages, whole),
    ]
    findings = ranked([*found, *_nothing_ok(whole.block.ledger, found)])
    return Summary(
        run_id=facts.plan.run_id,
        provider=facts.plan.provider,
        aborted=facts.aborted,
        verdict=verdict_of(findings),
        findings=findings,
        run=with_ledger(whole.block, ledger_of(requests.status)),
        shards=_shards(requests, facts),
        lanes=_lanes(requests, facts),
        estimate_usd=facts.plan.cost.usd,
        actual_usd=facts.observed.actual_usd if facts.observed is not None else None,
        stages=tuple(summaries),
        regions=_regions(requests, facts, stages),
    )


def _regions(requests: Requests, facts: RunFacts, stages: Sequence[_Stage]) -> tuple[RegionSummary, ...]:
    names = [region.region for region in facts.plan.regions]
    measured = requests.where(np.isin(requests.stage, [stage.view.index for stage in stages]))
    return by_region(requests, measured, names, facts.plan.coordination.lanes, facts.plan.report.streaming)


def _look(plan: StagePlan, window: Window, requests: Requests, excused: Bool, facts: RunFacts) -> _Stage:
    settings = facts.plan.report
    phase = _phase(facts, plan)
    planned_end = facts.phase_ns[plan.phase] + round((plan.start_s + (plan.duration_s or 0.0)) * 1e9)
    cut = facts.stopped_ns is not None and plan.duration_s is not None and facts.stopped_ns < planned_end
    view = view_of(plan, phase.kind, window, requests, settings.streaming, excused, cut)
    findings = [
        *lateness(view),
        *completeness(view),
        *answers(view, settings.ignore_eos),
        *steadiness(view),
    ]
    rates = per_second(view, settings.goodput)
    saturated = any(finding.code == "saturated" for finding in findings)
    computed = compute(requests, [view], rates, with_intervals=not saturated)
    findings += withheld(plan.index, computed.sure, headline(settings.streaming))
    return _Stage(view, computed, rates, tuple(findings))


def _whole(requests: Requests, stages: Sequence[_Stage]) -> Computed:
    """All measured stages together. Of a single one nothing need be computed twice."""
    if len(stages) == 1:
        return stages[0].computed
    if not stages:
        return Computed(unmeasured(Ledger()), {})
    rates = NOTHING
    for stage in stages:
        rates = rates + stage.rates
    measured = requests.where(np.isin(requests.stage, [stage.view.index for stage in stages]))
    steady = not any(stage.saturated for stage in stages)
    return compute(measured, [stage.view for stage in stages], rates, with_intervals=steady)


def _of_whole(facts: RunFacts, stages: Sequence[_Stage], whole: Computed) -> Iterator[Finding]:
    """What all stages together lack and none of them has said."""
    said = any(finding.code == "interval_withheld" for stage in stages for finding in stage.findings)
    if len(stages) > 1 and not said:
        yield from withheld(None, whole.sure, headline(facts.plan.report.streaming))


def _of_run(requests: Requests, facts: RunFacts, views: Sequence[StageView]) -> Iterator[Finding]:
    planned = {shard.shard: shard.rows if shard.requests is None else shard.requests for shard in facts.plan.shards}
    yield from course(facts, planned, views)
    medians = [view.p50_s for view in views if view.p50_s is not None]
    base_s = min(medians, default=None)
    yield from client(facts, _weights(requests), base_s)
    yield from stamps(facts, requests, base_s)


# Each says itself why nothing could be measured.
_SAY_WHY = frozenset({"errors", "run_aborted", "shard_missing", "requests_lost"})


def _nothing_ok(ledger: Ledger, found: Iterable[Finding]) -> Iterator[Finding]:
    """That there is nothing to report, where no other finding makes the run invalid by saying why."""
    if ledger.ok or any(finding.code in _SAY_WHY and finding.severity == "invalid" for finding in found):
        return
    became = [(count, status) for status, count in ledger.as_dict().items() if status in STATUSES and count]
    what = ", ".join(f"{count:,} {status}" for count, status in became)
    yield Finding(
        "errors",
        "invalid",
        "not one measured request succeeded" + (f": {what}" if what else ": none was planned"),
        "There is nothing to report. See the ledger for what became of the requests.",
        {"value": 0, "threshold": 1},
    )


def _excused(requests: Requests, facts: RunFacts) -> Bool:
    codes = [code for code, shard in enumerate(facts.shards) if shard.excused]
    excused: Bool = np.isin(requests.shard, codes)
    return excused


def _weights(requests: Requests) -> dict[str, float]:
    """Each shard's share of the requests sent."""
    counts = np.bincount(requests.shard[requests.sent], minlength=len(requests.shard_ids))
    total = max(1, int(counts.sum()))
    return {shard: float(count) / total for shard, count in zip(requests.shard_ids, counts)}


def _shards(requests: Requests, facts: RunFacts) -> tuple[ShardSummary, ...]:
    size = len(STATUSES)
    counts = np.bincount(requests.shard * size + requests.status, minlength=len(facts.shards) * size)
    return tuple(
        ShardSummary(
            shard.shard,
            shard.attempt,
            shard.name.lane,
            shard.name.slice,
            shard.state,
            Ledger(int(row.sum()), *(int(count) for count in row)),
            None if shard.state == "complete" else facts.last_words(shard),
        )
        for shard, row in zip(facts.shards, counts.reshape(-1, size))
    )


def _lanes(requests: Requests, facts: RunFacts) -> tuple[LaneHealth, ...]:
    sent = requests.sent
    delays = quantile_by_lane(requests.lane[sent], requests.sent_ns[sent] - requests.scheduled_ns[sent], 0.99)
    delay = dict(zip(delays.lanes.tolist(), delays.values.tolist()))
    by_lane: dict[int, list[int]] = {}
    for place, shard in enumerate(facts.shards):
        by_lane.setdefault(shard.name.lane, []).append(place)
    return tuple(_lane(facts, lane, places, delay.get(lane)) for lane, places in sorted(by_lane.items()))


def _lane(facts: RunFacts, lane: int, places: Sequence[int], delay_ns: float | None) -> LaneHealth:
    receipts = [receipt for place in places if (receipt := facts.shards[place].receipt) is not None]
    own = [receipt.health for receipt in receipts if receipt.health is not None]
    return LaneHealth(
        lane=lane,
        cpu_p95=max((health.cpu_p95 for health in own), default=None),
        loop_lag_p99_s=max((health.loop_lag_p99_ns / 1e9 for health in own), default=None),
        schedule_delay_p99_s=None if delay_ns is None else delay_ns / 1e9,
        clock_error_s=max((abs(receipt.clock_offset_ns) / 1e9 for receipt in receipts), default=None),
        cold_start_s=max((health.cold_start_ns / 1e9 for health in own), default=None),
    )


def _phase(facts: RunFacts, stage: StagePlan) -> PhasePlan:
    return next(phase for phase in facts.plan.phases if phase.index == stage.phase)


def _stage_summary(plan: StagePlan, window: Window, block: Block) -> StageSummary:
    return StageSummary(
        plan.index,
        plan.label,
        plan.type,
        plan.warmup,
        plan.rate,
        plan.concurrency,
        window.start_ns / 1e9,
        window.end_ns / 1e9,
        block,
    )
