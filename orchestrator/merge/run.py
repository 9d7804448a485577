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
from orchestrator.merge.summary import Summary
from orchestrator.metrics.requests import Requests


@dataclass(frozen=True, slots=True)
class Merged:
    """`requests`: one row per planned request. `summary.verdict` and `summary.aborted` give the exit code."""

    plan: Plan
    requests: Requests
    summary: Summary


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
    raise NotImplementedError
