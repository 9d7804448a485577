"""What a plan will take of the platform: invocations alive at once, requests of control traffic, requests for a p99.

Estimates where a run's course decides; each function says which number it assumes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from function.contract.plan import Coordination, StagePlan
from orchestrator.plan.fanout import POLL_TIMEOUT_S, Provider, progress_s
from orchestrator.plan.lane_capacity import ASSUMED_ANSWER_S
from orchestrator.plan.partition import lanes_of
from orchestrator.plan.phases import Phase

# Requests for a 95 % interval on p99, by the server's load, from simulated queues (docs/methodology).
REQUESTS_FOR_P99 = {"independent": 2_300, "load 0.3": 4_500, "load 0.7": 27_000, "load 0.9": 290_000}
# A shard: invocation, spec, workload, claim and its read-back, ready, go, receipt, one text.
_READ_ONCE, _WRITTEN_ONCE = 5, 4
_ORCHESTRATOR_A_S = 3  # lists and reads of ready, progress and receipts


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests to the object store. Lists are priced as writes."""

    reads: float
    writes: float


def peak_concurrency(phases: Iterable[Phase], terms: Coordination) -> int:
    """The most shards alive at once, each from its boundary - lead to its slice's end + drain. Phases are apart."""
    return max(_alive_slices(phase, terms) * lanes_of(phase, terms.lanes) for phase in phases)


def _alive_slices(phase: Phase, terms: Coordination) -> int:
    """At the instant at which each begins: those begun by then less those over by then."""
    starts = np.array([cut.start_ns for cut in phase.slices]) / 1e9
    ends = np.array([math.inf if cut.end_ns is None else cut.end_ns / 1e9 for cut in phase.slices])
    begins = np.maximum(starts - terms.lead_s, 0.0)
    begun = np.searchsorted(begins, begins, side="right")
    over = np.searchsorted(ends + terms.drain_s, begins, side="right")
    return int((begun - over).max())


def length_s(phase: Phase) -> float:
    """Planned length; by count: the requests, shared among the users, at 2.5 s an answer."""
    end_ns = phase.slices[-1].end_ns
    if end_ns is None:
        return math.ceil(phase.rows / (phase.users or 1)) * ASSUMED_ANSWER_S
    return end_ns / 1e9


def requests(phase: Phase) -> float:
    """Requests it will send; by time in a closed loop: its users, each with an answer in 2.5 s."""
    if phase.kind == "closed_time":
        return (phase.users or 1) * length_s(phase) / ASSUMED_ANSWER_S
    return phase.rows


def alive_s(phase: Phase, terms: Coordination) -> float:
    """How long one lane's workers are alive: the slices, the waits before them (5 s, and the lead for later ones) and
    one answer after each."""
    slices = len(phase.slices)
    return length_s(phase) + slices * ASSUMED_ANSWER_S + 5.0 + (slices - 1) * terms.lead_s


def traffic(phases: Iterable[Phase], terms: Coordination, provider: Provider) -> Traffic:
    """Every worker's polls, progress and flushes, what it reads and writes once, and the orchestrator's beats."""
    reads, writes = 0.0, 0.0
    for phase in phases:
        lanes, slices, alive = lanes_of(phase, terms.lanes), len(phase.slices), alive_s(phase, terms)
        reads += lanes * (alive / terms.poll_s + slices * _READ_ONCE)
        writes += lanes * (alive * (1 / progress_s(terms, provider) + 1 / terms.flush_s) + slices * _WRITTEN_ONCE)
        writes += length_s(phase) * (1 / terms.beat_s + _ORCHESTRATOR_A_S)
    return Traffic(reads, writes)


def control_requests(phases: Iterable[Phase], terms: Coordination, provider: Provider) -> int:
    """Requests to the object store altogether."""
    found = traffic(phases, terms, provider)
    return math.ceil(found.reads + found.writes)


def abort_bound_s(terms: Coordination) -> float:
    """Until when after an abort every worker has read it, the store answering."""
    return terms.poll_s + POLL_TIMEOUT_S


def notes(stages: Iterable[StagePlan], terms: Coordination) -> Iterator[str]:
    needed = REQUESTS_FOR_P99["independent"]
    few = [
        f"{stage.index} ({stage.requests:,})"
        for stage in stages
        if not stage.warmup and stage.requests is not None and stage.requests < needed
    ]
    if few:
        more = ", ".join(f"{count:,} at {load}" for load, count in list(REQUESTS_FOR_P99.items())[1:])
        yield (
            f"few requests for a p99 in stage {', '.join(few)}: its interval needs about {needed:,} where they are "
            f"independent, {more}; p90 a tenth, p50 a fiftieth"
        )
    yield f"an abort reaches every worker within about {abort_bound_s(terms):.1f} s"
