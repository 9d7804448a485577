"""What a run will do, counted: needs neither data nor tokenizer nor network. `plan` shows it, `build` fills it.

Nothing here refuses by itself: what is wrong is in `problems`, at the key to change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec import structs

from function.contract.plan import Coordination, PhasePlan, StagePlan
from orchestrator.config.invalid import ConfigInvalid
from orchestrator.config.root import Config
from orchestrator.outcome import Problem
from orchestrator.plan import budget, estimates, fanout
from orchestrator.plan.inputs import PlanInputs
from orchestrator.plan.lane_capacity import ASSUMED
from orchestrator.plan.partition import lanes_of
from orchestrator.plan.phases import Schedule, schedule


@dataclass(frozen=True, slots=True)
class Outline:
    """What will happen, counted. `problems` holds errors (the run is refused) and warnings.

    `requests` is None when a stage is bounded by time in a closed loop. `rows`: workload rows to be made. `slices` are
    those of all phases. `schedule` holds the arrivals themselves, for `build`.
    """

    stages: tuple[StagePlan, ...]
    phases: tuple[PhasePlan, ...]
    coordination: Coordination
    requests: int | None
    rows: int
    lanes: int
    slices: int
    shards: int
    peak_concurrency: int
    control_requests: int
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    schedule: Schedule

    @property
    def past_k(self) -> int:
        """Every request_index of the run's rows is below it: the `limit` of its dataset."""
        return self.schedule.phases[-1].past_k


def outline(config: Config, inputs: PlanInputs) -> Outline:
    """Stages, counts, lanes, slices, settings; what is wrong is in `problems`. ConfigInvalid: too large to lay out."""
    terms = fanout.coordination(config, inputs.provider, inputs.cpus, inputs.platform.invocation_s, inputs.capacity)
    too_large = tuple(budget.check_size(config.load, terms.lanes, terms.slice_s))
    if too_large:
        raise ConfigInvalid("the plan", too_large)
    timed = schedule(config.load, inputs.seed, terms.slice_s)
    terms = _declare(terms, timed, inputs.detach)
    phases = tuple(phase.plan() for phase in timed.phases)
    slices = sum(len(phase.slices) for phase in phases)
    shards = sum(len(phase.slices) * lanes_of(phase, terms.lanes) for phase in timed.phases)
    problems = (
        *fanout.check(config, terms, inputs.capacity),
        *budget.check(config, timed, terms.lanes, fanout.demand(config).requests_per_s),
        *budget.check_rows(timed),
        *_check_processes(inputs, terms, phases, shards),
        *_check_cloud(inputs, terms, phases),
        *_check_detached(inputs.detach, slices),
        *_check_lead(terms, max(len(phase.slices) for phase in phases)),
    )
    return Outline(
        stages=timed.stages,
        phases=phases,
        coordination=terms,
        requests=timed.requests,
        rows=timed.rows,
        lanes=terms.lanes,
        slices=slices,
        shards=shards,
        peak_concurrency=estimates.peak_concurrency(timed.phases, terms),
        control_requests=estimates.control_requests(timed.phases, terms, inputs.provider),
        problems=problems,
        notes=(*estimates.notes(timed.stages, terms), *_ceiling_note(config, inputs)),
        schedule=timed,
    )


def _declare(terms: Coordination, timed: Schedule, detached: bool) -> Coordination:
    """A run that its orchestrator leaves has no beat: its lease is declared as its end. The gate counts half of it."""
    if not detached:
        return terms
    end_s = budget.planned_length_s(timed) + terms.start_delay_s + terms.drain_s
    return structs.replace(terms, detached=True, lease_s=2 * end_s)


def _ceiling_note(config: Config, inputs: PlanInputs) -> Iterator[str]:
    """Where a measurement says what a lane is planned for, it says so."""
    if inputs.capacity is not ASSUMED and config.fanout.lane_ceiling.requests_per_s == "auto":
        rate, streams = fanout.lane_ceiling(config, inputs.capacity)
        yield f"a lane is planned for {rate:.0f} requests/s and {streams:,} open streams: {inputs.capacity.source}"


def _check_lead(terms: Coordination, most_slices: int) -> Iterator[Problem]:
    """The second slice's workers are started with the phase at the earliest: a short slice leaves them little time."""
    if most_slices > 1 and terms.slice_s is not None and terms.slice_s < terms.lead_s:
        time_s = terms.slice_s + terms.start_delay_s
        message = f"{terms.slice_s:g}s is less than the lead of {terms.lead_s:g}s"
        hint = f"the second slice's workers have {time_s:g}s to come up; if they need more, its shards are missing"
        yield Problem("slice_short", message, "fanout.slice", hint, "warning")


def _check_processes(
    inputs: PlanInputs, terms: Coordination, phases: tuple[PhasePlan, ...], shards: int
) -> Iterator[Problem]:
    if inputs.provider == "local":
        sliced = max(len(phase.slices) for phase in phases) > 1
        yield from budget.check_processes(terms.lanes, shards, sliced, inputs.cpus)


def _check_cloud(inputs: PlanInputs, terms: Coordination, phases: tuple[PhasePlan, ...]) -> Iterator[Problem]:
    """Where an invocation has a time limit, and lanes a cap that was provisioned."""
    if inputs.provider == "aws":
        yield from fanout.check_invocation(terms, phases, inputs.platform.invocation_s)
        yield from budget.check_provisioned(terms.lanes, inputs.platform.max_lanes)


def _check_detached(detached: bool, slices: int) -> Iterator[Problem]:
    if detached and slices > 1:
        message = f"{slices} slices need an orchestrator to the end: only a one-slice plan can be left alone"
        yield Problem("detach_slices", message, "--detach", "leave --detach out, or a longer fanout.slice")
