"""Merging: from what lies in the store to one table of all planned requests and the summary of it.

The one entry for launch, attach, merge and report. It writes receipts where none can come any more (`seal`) and, alone,
an abort where nobody beats any longer; nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from function.contract.plan import Plan
from function.store.port import ObjectStore
from orchestrator.merge.outputs import token_counter
from orchestrator.merge.seal import seal
from orchestrator.merge.settle import settle
from orchestrator.merge.stored import StoredRun, read_run
from orchestrator.merge.summarise import summarise
from orchestrator.merge.summary import Summary
from orchestrator.merge.table import Built, build_table
from orchestrator.metrics.facts import RunFacts
from orchestrator.metrics.requests import Requests


@dataclass(frozen=True, slots=True)
class Merged:
    """`requests`: one row per planned request. `summary.verdict` and `summary.aborted` give the exit code."""

    plan: Plan
    requests: Requests
    summary: Summary
    facts: RunFacts


def merge_run(
    store: ObjectStore,
    *,
    ended: Collection[str] = (),
    alone: bool = True,
    sleep: Callable[[float], None] = time.sleep,
) -> Merged:
    """Merge the run whose folder `store` is (`root.at("runs/<id>")`).

    `alone=False`: the caller has watched the run to its end (`Finish`); shards without a receipt are sealed at once,
    `ended` naming the attempts whose invocations it has seen end. `alone=True` (merge, report, attach after a lapse):
    where receipts are missing and control says neither done nor abort, control is watched for one lease.

    Raises UsageError `run_active` (exit 2) when control still moves, `run_not_found` when there is no plan.json.
    """
    run = settle(store, sleep) if alone else read_run(store)
    run = seal(store, run, ended)
    phase_ns = _phase_starts(run)
    built = build_table(store, run, phase_ns, lambda: token_counter(run.plan.report.tokenizer))
    facts = _facts(run, built, phase_ns)
    return Merged(run.plan, built.requests, summarise(built.requests, facts), facts)


def _phase_starts(run: StoredRun) -> tuple[int, ...]:
    """t0 of each phase since the run's. A phase that never began is put where the plan would have had it."""
    starts: list[int] = []
    next_ns = 0
    for phase in run.plan.phases:
        gos = [go for go in run.gos.values() if go.phase == phase.index]
        start = gos[0].t0_unix_ns - gos[0].run_t0_unix_ns if gos else next_ns + round(phase.pause_before_s * 1e9)
        starts.append(start)
        next_ns = start + max((cut.end_ns or 0 for cut in phase.slices), default=0)
    return tuple(starts)


def _facts(run: StoredRun, built: Built, phase_ns: tuple[int, ...]) -> RunFacts:
    # An abort that found everything done stopped nothing.
    aborted = run.control is not None and run.control.state == "abort"
    aborted = aborted and any(shard.state != "complete" for shard in built.shards)
    return RunFacts(
        plan=run.plan,
        shards=built.shards,
        t0_unix_ns=run.t0_unix_ns,
        phase_ns=phase_ns,
        aborted=aborted,
        reason=run.control.reason if run.control is not None else None,
        stopped_ns=_stopped_ns(run) if aborted else None,
        observed=run.observed,
        damaged=run.damaged,
    )


def _stopped_ns(run: StoredRun) -> int | None:
    """When the first worker read the abort; where leases had lapsed, when the first one did; else when it was put.

    A lane whose lease lapsed long before the others were stopped did not end the run.
    """
    for reason in ("abort", "lease"):
        receipts = [standing.receipt for standing in run.standings if standing.receipt is not None]
        told = [receipt.stopped_ns for receipt in receipts if receipt.reason == reason]
        known = [stopped for stopped in told if stopped is not None]
        if known:
            return min(known)
    return None if run.t0_unix_ns is None else run.control_ns - run.t0_unix_ns
