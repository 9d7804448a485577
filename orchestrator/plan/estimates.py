"""What a plan will take of the platform: invocations alive at once, requests of control traffic, requests for a p99.

Estimates where a run's course decides; each function says which number it assumes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from function.contract.plan import Coordination, StagePlan
from orchestrator.plan.fanout import ASSUMED_ANSWER_S, POLL_TIMEOUT_S, Provider, progress_s
from orchestrator.plan.partition import lanes_of
from orchestrator.plan.phases import Phase

# Requests for a 95 % interval on p99, by the server's load, from simulated queues (docs/methodology).
REQUESTS_FOR_P99 = {"independent": 2_300, "load 0.3": 4_500, "load 0.7": 27_000, "load 0.9": 290_000}
_ONCE_A_SHARD = 9  # invocation, spec, workload, claim and its read-back, ready, go, receipt, one text
_ORCHESTRATOR_A_S = 3  # lists and reads of ready, progress and receipts


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


def control_requests(phases: Iterable[Phase], terms: Coordination, provider: Provider) -> int:
    """Requests to the object store: every worker's polls, progress and flushes, what it reads once, and the beats.

    A worker is alive for its slice, the wait before it (5 s for the first, the lead for later ones) and one answer.
    """
    total = 0.0
    each_s = 1 / terms.poll_s + 1 / progress_s(terms, provider) + 1 / terms.flush_s
    for phase in phases:
        length = length_s(phase)
        alive_s = length + len(phase.slices) * ASSUMED_ANSWER_S + 5.0 + (len(phase.slices) - 1) * terms.lead_s
        lanes = lanes_of(phase, terms.lanes)
        total += lanes * (alive_s * each_s + len(phase.slices) * _ONCE_A_SHARD)
        total += length * (1 / terms.beat_s + _ORCHESTRATOR_A_S)
    return math.ceil(total)


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
