"""One measured stage as findings look at it: its requests, its window, and the latency that doubts are measured by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from function.contract.plan import PhaseKind, StagePlan
from orchestrator.metrics.dist import quantiles
from orchestrator.metrics.latency import E2E, TTFT, headline, measure
from orchestrator.metrics.ledger import Ledger, ledger_of
from orchestrator.metrics.requests import Bool, Int64, Requests
from orchestrator.metrics.window import Window


@dataclass(frozen=True, slots=True)
class StageView:
    """`p50_s`, `p99_s`: of the headline latency of ok requests; None when nothing succeeded. `excused`: rows that an
    abort kept from being sent."""

    plan: StagePlan
    kind: PhaseKind
    window: Window
    requests: Requests
    streaming: bool
    ledger: Ledger
    excused: Bool
    complete: bool
    p50_s: float | None
    p99_s: float | None

    @property
    def index(self) -> int:
        return self.plan.index

    @property
    def word(self) -> str:
        """What the latency is called where people read it."""
        return "TTFT" if self.streaming else "request latency"

    @property
    def lateness_ns(self) -> Int64:
        """Of the sent requests, in their order: sent - max(scheduled, the cap freed a place)."""
        requests = self.requests
        late = requests.sent_ns - np.maximum(requests.scheduled_ns, requests.eligible_ns)
        return late[requests.sent]

    @property
    def headline_values(self) -> tuple[Int64, Int64]:
        """(values in ns, their scheduled times) of ok requests, in order of scheduled time."""
        found = measure(headline(self.streaming), self.requests, self.requests.ok, self.streaming)
        scheduled = self.requests.scheduled_ns[found.rows]
        order = np.argsort(scheduled, kind="stable")
        return found.values[order], scheduled[order]


def view_of(
    plan: StagePlan, kind: PhaseKind, window: Window, requests: Requests, streaming: bool, excused: Bool, cut: bool
) -> StageView:
    """`requests`: the stage's own. `cut`: an abort ended the stage before its time."""
    ledger = ledger_of(requests.status)
    found = measure(TTFT if streaming else E2E, requests, requests.ok, streaming)
    p50, p99 = None, None
    if found.values.size:
        p50, p99 = (float(value) / 1e9 for value in quantiles(np.sort(found.values), (0.5, 0.99)))
    complete = not cut and not ledger.aborted and not excused.any()
    return StageView(plan, kind, window, requests, streaming, ledger, excused, complete, p50, p99)
