"""`fanout` with every `auto` resolved, and what that asks of the platform. Pure; each rule is one small function.

lanes        load.num_workers, else max(peak rate / ceiling, streams / ceiling), no more than this machine has cores
             where the lanes are local processes; never more than the users or places they would share
slice        local, gcp: the whole phase. aws: 600 s, less where an invocation of 900 s has no room for that
lead         local 3 s + 0.4 s x lanes; aws 45 s, gcp 90 s, both + lanes/50 s
poll         local 0.1 s before go and 0.2 s after; clouds max(1 s, lanes/2,500 s)
start_delay  local 0.3 s, clouds 5 s, and never less than three polls
beat         max(1 s, lease/6), on gcp not under 2 s (one write a second per object, and an abort must fit in)
drain        load.request_timeout.total, at most 120 s
flush        as given; on clouds not under lanes/1,000 s, so that writes stay far below a bucket's 3,500 a second
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from function.contract.plan import Coordination, PhasePlan
from orchestrator.config.root import Config
from orchestrator.outcome import Problem
from orchestrator.plan.shapes import shape_of

Provider = Literal["local", "aws", "gcp"]

LANE_REQUESTS_PER_S = 200.0
LANE_STREAMS = 500
ASSUMED_ANSWER_S = 2.5  # streams open at once = rate x this, where nothing caps them
POLL_TIMEOUT_S = 1.0
_AWS_INVOCATION_S = 900.0
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


def lane_ceiling(config: Config) -> tuple[float, int]:
    """(requests/s, open streams) that one lane is planned for: both about half of what one busy core was seen to do."""
    given = config.fanout.lane_ceiling
    rate = LANE_REQUESTS_PER_S if given.requests_per_s == "auto" else given.requests_per_s
    return rate, LANE_STREAMS if given.streams == "auto" else given.streams


def lanes(config: Config, provider: Provider, cpus: int) -> int:
    if config.fanout.lanes != "auto":
        return config.fanout.lanes
    asked = demand(config)
    if config.load.num_workers is not None:
        count = max(1, config.load.num_workers)
    else:
        rate, streams = lane_ceiling(config)
        count = max(1, math.ceil(asked.requests_per_s / rate), math.ceil(asked.streams / streams))
        if provider == "local":
            count = min(count, max(1, cpus))
    return count if asked.sharable is None else min(count, asked.sharable)


def coordination(config: Config, provider: Provider, cpus: int) -> Coordination:
    """Every setting of the run's coordination. `detached` and its lease are the plan's to set."""
    fanout = config.fanout
    count = lanes(config, provider, cpus)
    local = provider == "local"
    poll_s = 0.2 if local else max(1.0, count / 2500)
    poll_wait_s = 0.1 if local else poll_s
    delay_s = (0.3 if local else 5.0) if fanout.start_delay == "auto" else fanout.start_delay
    drain_s = min(config.load.request_timeout.total, _DRAIN_MOST_S) if fanout.drain == "auto" else fanout.drain
    lead_s = _lead_s(provider, count) if fanout.lead == "auto" else fanout.lead
    flush_s = fanout.flush if local else max(fanout.flush, count / 1000)
    wait_s = max(fanout.ready.timeout + delay_s, lead_s)
    whole_s = _slice_s(provider, wait_s + drain_s + flush_s)
    return Coordination(
        lanes=count,
        slice_s=whole_s if fanout.slice == "auto" else fanout.slice,
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


def _slice_s(provider: Provider, beside_s: float) -> float | None:
    """None: the whole phase. `beside_s`: what an invocation spends before and after its slice."""
    if provider != "aws":
        return None
    return max(1.0, min(_AWS_SLICE_S, _AWS_INVOCATION_S - beside_s - _SAFETY_S))


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


def check(config: Config, terms: Coordination) -> Iterator[Problem]:
    """What cannot work as given (errors), and what a lane was not planned for (warnings)."""
    asked = demand(config)
    if terms.lease_s / 2 <= terms.beat_s + terms.poll_s + POLL_TIMEOUT_S:
        least = _least_lease(terms)
        message = f"{terms.lease_s:g}s is too short: half of it must outlast a beat, a poll and the poll's timeout"
        yield Problem("impossible", message, "fanout.lease", f"at least {least:g}s for {terms.lanes} lanes")
    if config.load.type != "concurrent" and asked.sharable is not None and terms.lanes > asked.sharable:
        message = f"{asked.sharable} requests in flight cannot be shared among {terms.lanes} lanes"
        yield Problem("impossible", message, "load.max_concurrency", f"at least {terms.lanes}, or fewer fanout.lanes")
    rate, streams = lane_ceiling(config)
    for have, ceiling, key, unit in (
        (asked.requests_per_s / terms.lanes, rate, "requests_per_s", "requests/s"),
        (math.ceil(asked.streams / terms.lanes), streams, "streams", "open streams"),
    ):
        if have > ceiling:
            message = f"up to {have:g} {unit} a lane, planned for {ceiling:g}: it may send late"
            hint = "more fanout.lanes; nothing is throttled, and the verdict will tell"
            yield Problem("lane_ceiling", message, f"fanout.lane_ceiling.{key}", hint, "warning")


def _least_lease(terms: Coordination) -> float:
    """Half of the lease against a beat of a sixth of it leaves a third for poll and timeout."""
    return float(math.ceil(max(3 * (terms.poll_s + POLL_TIMEOUT_S), 2 * (terms.beat_s + terms.poll_s + 1)) + 0.5))
