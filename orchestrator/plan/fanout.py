"""`fanout` with every `auto` resolved, and what that asks of the platform. Pure; each rule is one small function.

lanes        load.num_workers, else max(peak rate / ceiling, streams / ceiling), no more than this machine has cores
             where the lanes are local processes; never more than the users or places they would share
slice        local, gcp: the whole phase. aws: 600 s, less where the function's timeout has no room for that
lead         local 3 s + 0.4 s x lanes; aws 45 s, gcp 90 s, both + lanes/50 s
poll         local 0.1 s before go and 0.2 s after; clouds max(1 s, lanes/2,500 s)
start_delay  local 0.3 s, clouds 5 s, and never less than three polls
beat         max(1 s, lease/6), on gcp not under 2 s (one write a second per object, and an abort must fit in)
drain        load.request_timeout.total, at most 120 s
flush        as given; on clouds not under lanes/1,000 s, so that writes stay far below a bucket's 3,500 a second
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec import structs

from function.contract.plan import Coordination, PhasePlan
from orchestrator.config.root import Config
from orchestrator.outcome import Problem
from orchestrator.plan.lane_capacity import ASSUMED, ASSUMED_ANSWER_S, LaneCapacity
from orchestrator.plan.shapes import shape_of

Provider = Literal["local", "aws", "gcp"]

POLL_TIMEOUT_S = 1.0
AWS_INVOCATION_S = 900.0  # the longest there is
_SAFETY_S = 15.0
_DRAIN_MOST_S = 120.0
_AWS_SLICE_S = 600.0


@dataclass(frozen=True, slots=True)
class Demand:
    """What the load asks for at its highest. `sharable`: users or places to be shared; no lane can be without."""

    requests_per_s: float
    streams: int
    sharable: int | None


def demand(config: Config) -> Demand:
    load = config.load
    if load.type == "concurrent":
        users = [stage.concurrency_level or 1 for stage in load.stages]
        return Demand(0.0, max(users), max(users))
    peak = max(shape_of(stage).peak_rate for stage in load.stages)
    streams = math.ceil(peak * min(ASSUMED_ANSWER_S, load.request_timeout.total))
    cap = load.max_concurrency
    return Demand(peak, streams if cap is None else min(cap, streams), cap)


def lane_ceiling(config: Config, capacity: LaneCapacity = ASSUMED) -> tuple[float, int]:
    """(requests/s, open streams) that one lane is planned for: both about half of what one busy core does."""
    given, streaming = config.fanout.lane_ceiling, config.api.streaming
    rate = capacity.requests_per_s(streaming) if given.requests_per_s == "auto" else given.requests_per_s
    return rate, capacity.streams(streaming) if given.streams == "auto" else given.streams


def lanes(config: Config, provider: Provider, cpus: int, capacity: LaneCapacity = ASSUMED) -> int:
    if config.fanout.lanes != "auto":
        return config.fanout.lanes
    asked = demand(config)
    if config.load.num_workers is not None:
        count = max(1, config.load.num_workers)
    else:
        rate, streams = lane_ceiling(config, capacity)
        count = max(1, math.ceil(asked.requests_per_s / rate), math.ceil(asked.streams / streams))
        if provider == "local":
            count = min(count, max(1, cpus))
    return count if asked.sharable is None else min(count, asked.sharable)


def coordination(
    config: Config,
    provider: Provider,
    cpus: int,
    invocation_s: float = AWS_INVOCATION_S,
    capacity: LaneCapacity = ASSUMED,
) -> Coordination:
    """Every setting of the run's coordination. `detached` and its lease are the plan's to set. `invocation_s`: an
    invocation's time limit, where the provider has one."""
    fanout = config.fanout
    count = lanes(config, provider, cpus, capacity)
    local = provider == "local"
    poll_s = 0.2 if local else max(1.0, count / 2500)
    poll_wait_s = 0.1 if local else poll_s
    delay_s = (0.3 if local else 5.0) if fanout.start_delay == "auto" else fanout.start_delay
    drain_s = min(config.load.request_timeout.total, _DRAIN_MOST_S) if fanout.drain == "auto" else fanout.drain
    lead_s = _lead_s(provider, count) if fanout.lead == "auto" else fanout.lead
    flush_s = fanout.flush if local else max(fanout.flush, count / 1000)
    terms = Coordination(
        lanes=count,
        slice_s=None if fanout.slice == "auto" else fanout.slice,
        lead_s=lead_s,
        ready_min=fanout.ready.min,
        ready_timeout_s=fanout.ready.timeout,
        start_delay_s=max(delay_s, 3 * poll_wait_s),
        lease_s=fanout.lease,
        beat_s=max(2.0 if provider == "gcp" else 1.0, fanout.lease / 6),
        poll_s=poll_s,
        poll_wait_s=poll_wait_s,
        max_lateness_s=fanout.max_lateness,
        drain_s=drain_s,
        flush_s=flush_s,
    )
    if fanout.slice != "auto" or provider != "aws":
        return terms
    phases = len(config.load.stages) if config.load.type == "concurrent" else 1
    room_s = invocation_s - beside_s(terms, phases > 1, config.load.interval)
    return structs.replace(terms, slice_s=max(1.0, min(_AWS_SLICE_S, room_s)))


def beside_s(terms: Coordination, several_phases: bool, pause_s: float) -> float:
    """What an invocation of limited time spends before and after its slice, and keeps as a margin.

    Workers of a later phase are up while the one before drains; `pause_s` lies between the two.
    """
    wait_s = terms.ready_timeout_s + terms.start_delay_s
    if several_phases:
        wait_s += pause_s + terms.max_lateness_s + terms.drain_s + 2 * terms.flush_s
    return max(wait_s, terms.lead_s) + terms.drain_s + terms.flush_s + _SAFETY_S


def check_invocation(terms: Coordination, phases: Sequence[PhasePlan], invocation_s: float) -> Iterator[Problem]:
    """Whether the longest slice of known length fits into an invocation with all that goes with it."""
    lengths = [(cut.end_ns - cut.start_ns) / 1e9 for phase in phases for cut in phase.slices if cut.end_ns is not None]
    longest_s = max(lengths, default=0.0)
    room_s = invocation_s - beside_s(terms, len(phases) > 1, max(phase.pause_before_s for phase in phases))
    if longest_s <= room_s:
        return
    message = f"a slice of {longest_s:g}s does not fit into a function's {invocation_s:g}s"
    spent = f"wait {max(terms.ready_timeout_s + terms.start_delay_s, terms.lead_s):g}s, drain {terms.drain_s:g}s"
    if room_s >= 1:
        hint = f"at most {math.floor(room_s):g}s: {spent}, flush and margin take the rest"
        yield Problem("impossible", message, "fanout.slice", hint)
    else:
        hint = f"{spent} leave nothing of it: a shorter fanout.drain or fanout.ready.timeout, or a longer timeout"
        yield Problem("impossible", message, "fanout.drain", hint)


def _lead_s(provider: Provider, count: int) -> float:
    return {"local": 3.0 + 0.4 * count, "aws": 45.0 + count / 50, "gcp": 90.0 + count / 50}[provider]


def progress_s(terms: Coordination, provider: Provider) -> float:
    """Between two writes of a worker's progress."""
    return 1.0 if provider == "local" else max(2.0, terms.lanes / 1500)


def ready_wait_s(terms: Coordination, phase: PhasePlan, slice_: int) -> float:
    """How long a worker waits for go: longer than the orchestrator may still grant, then it leaves without load.

    Twice the orchestrator's own longest wait, since an attempt may be started a second time half way; a later phase's
    first workers are up while the phase before drains.
    """
    longest_s = terms.ready_timeout_s
    if slice_:
        longest_s = max(terms.lead_s, longest_s)
    elif phase.index:
        longest_s += phase.pause_before_s + terms.max_lateness_s + terms.drain_s + 2 * terms.flush_s
    return 2 * longest_s + terms.start_delay_s + 3 * terms.poll_wait_s + 10.0


def check(config: Config, terms: Coordination, capacity: LaneCapacity = ASSUMED) -> Iterator[Problem]:
    """What cannot work as given (errors), and what a lane was not planned for (warnings)."""
    asked = demand(config)
    if terms.lease_s / 2 <= terms.beat_s + terms.poll_s + POLL_TIMEOUT_S:
        least = _least_lease(terms)
        message = f"{terms.lease_s:g}s is too short: half of it must outlast a beat, a poll and the poll's timeout"
        yield Problem("impossible", message, "fanout.lease", f"at least {least:g}s for {terms.lanes} lanes")
    if config.load.type != "concurrent" and asked.sharable is not None and terms.lanes > asked.sharable:
        message = f"{asked.sharable} requests in flight cannot be shared among {terms.lanes} lanes"
        yield Problem("impossible", message, "load.max_concurrency", f"at least {terms.lanes}, or fewer fanout.lanes")
    rate, streams = lane_ceiling(config, capacity)
    given = config.fanout.lane_ceiling
    for have, ceiling, key, unit in (
        (asked.requests_per_s / terms.lanes, rate, "requests_per_s", "requests/s"),
        (math.ceil(asked.streams / terms.lanes), streams, "streams", "open streams"),
    ):
        if have > ceiling:
            message = f"up to {have:g} {unit} a lane, planned for {ceiling:g}: it may send late"
            hint = "more fanout.lanes; nothing is throttled, and the verdict will tell"
            hint += f" (the ceiling is {capacity.source})" if getattr(given, key) == "auto" else ""
            yield Problem("lane_ceiling", message, f"fanout.lane_ceiling.{key}", hint, "warning")


def _least_lease(terms: Coordination) -> float:
    """Half of the lease against a beat of a sixth of it leaves a third for poll and timeout."""
    return float(math.ceil(max(3 * (terms.poll_s + POLL_TIMEOUT_S), 2 * (terms.beat_s + terms.poll_s + 1)) + 0.5))
