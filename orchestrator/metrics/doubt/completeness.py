"""sent_short, requests_lost: was all of the plan sent, and is it known how it ended?

What an abort kept from being sent is run_aborted's to say, and is left out of the share here.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from orchestrator.metrics.doubt.where import NAMED, lanes_of, scope_of
from orchestrator.metrics.finding import Finding, Scope
from orchestrator.metrics.requests import ABORTED, LOST, MISSED, Bool
from orchestrator.metrics.stage_view import StageView
from orchestrator.metrics.thresholds import (
    LANE_SHORT,
    LANE_SHORT_FROM,
    LOST_INVALID,
    SENT_SHORT_DEGRADED,
    SENT_SHORT_INVALID,
)

SHORT_ADVICE = (
    "Percentiles describe a lighter load than planned. More lanes, a longer fanout.max_lateness or a higher "
    "load.max_concurrency keep arrivals from being missed."
)
LOST_ADVICE = (
    "A lost tail is not random: what was slowest is likeliest to be lost. Look at how the shard ended (shards[] in "
    "summary.json), and run again."
)


def completeness(view: StageView) -> Iterator[Finding]:
    yield from _sent_short(view)
    yield from _lost(view)


def _sent_short(view: StageView) -> Iterator[Finding]:
    requests = view.requests
    due = ~(view.excused | (requests.status == ABORTED))
    unsent = due & ~requests.sent
    planned, missing = int(due.sum()), int(unsent.sum())
    share = 1 - missing / planned if planned else 1.0
    if share >= SENT_SHORT_DEGRADED:
        if lanes_of(requests) > 1 and missing:
            yield from _lane_short(view, due, unsent)
        return
    invalid = share < SENT_SHORT_INVALID
    yield Finding(
        "sent_short",
        "invalid" if invalid else "degraded",
        f"stage {view.index}: {missing:,} of {planned:,} planned requests {_unsent(view, unsent)}",
        SHORT_ADVICE,
        {
            "value": share,
            "threshold": SENT_SHORT_INVALID if invalid else SENT_SHORT_DEGRADED,
            "missing": missing,
            "planned": planned,
        },
        scope_of(view, unsent),
    )


def _lane_short(view: StageView, due: Bool, unsent: Bool) -> Iterator[Finding]:
    lane = view.requests.lane
    planned, missing = np.bincount(lane[due]), np.bincount(lane[unsent], minlength=int(lane.max()) + 1)
    shares = 1 - missing[: planned.size] / np.maximum(planned, 1)
    bad = np.flatnonzero((missing[: planned.size] >= LANE_SHORT_FROM) & (shares < LANE_SHORT))
    if not bad.size:
        return
    worst = int(bad[shares[bad].argmin()])
    others = f", and {bad.size - 1} more lanes" if bad.size > 1 else ""
    yield Finding(
        "sent_short",
        "degraded",
        f"stage {view.index}: lane {worst}{others} did not send {missing[worst]:,} of its {planned[worst]:,} requests; "
        "the stage as a whole is within its limit",
        SHORT_ADVICE,
        {
            "value": float(shares[worst]),
            "threshold": LANE_SHORT,
            "missing": int(missing[worst]),
            "planned": int(planned[worst]),
            "lanes": bad[:NAMED].tolist(),
        },
        Scope(stage=view.index, lane=worst),
    )


def _unsent(view: StageView, unsent: Bool) -> str:
    """`were not sent (12 late, 3 not_granted)`. A lost one may have been: its record is gone, not its load."""
    kinds = view.requests.error_kind.take(np.flatnonzero(unsent & (view.requests.status == MISSED)))
    counts = np.bincount(kinds.codes[kinds.codes >= 0], minlength=len(kinds.words))
    parts = [f"{count:,} {word}" for word, count in zip(kinds.words, counts) if count]
    lost = int((unsent & (view.requests.status == LOST)).sum())
    parts += [f"{lost:,} lost"] if lost else []
    verb = "are not known to have been sent" if lost else "were not sent"
    return verb + (f" ({', '.join(parts)})" if parts else "")


def _lost(view: StageView) -> Iterator[Finding]:
    lost, planned = view.ledger.lost, view.ledger.planned
    if not lost:
        return
    share = lost / planned
    rows = view.requests.status == LOST
    in_flight = int((rows & view.requests.sent).sum())
    known = f"; {in_flight:,} of them are known to have been sent" if in_flight else ""
    yield Finding(
        "requests_lost",
        "invalid" if share > LOST_INVALID else "degraded",
        f"stage {view.index}: nobody can say what became of {lost:,} of {planned:,} planned requests{known}",
        LOST_ADVICE,
        {"value": share, "threshold": LOST_INVALID if share > LOST_INVALID else 0.0, "lost": lost, "planned": planned},
        scope_of(view, rows),
    )
