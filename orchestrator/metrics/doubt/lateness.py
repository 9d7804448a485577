"""late_median, late_tail: was it sent when it was due? Against the stage's own latency, for the stage and lane by lane.

Lateness counts from when the request could be sent at all: waiting for the concurrency cap is the server's doing, and
is in the latency from scheduled. A stage's tail is p99.9 of all its sends; a stall of one lane among thousands does not
reach it and hurts no percentile, so lanes are looked at by themselves, more leniently, and only degrade.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from orchestrator.metrics.doubt.where import NAMED, lanes_beyond, lanes_of, scope_of
from orchestrator.metrics.finding import Finding, Scope
from orchestrator.metrics.requests import Int64
from orchestrator.metrics.stage_view import StageView
from orchestrator.metrics.thresholds import (
    LANE_TAIL_FROM,
    LANE_TAIL_SHARE,
    LATE_MEDIAN,
    LATE_TAIL,
    TAIL_FROM,
    TAIL_SHARE,
    Share,
)

ADVICE = (
    "The load generator was late, not the server: give it more lanes (fanout.lanes) or a less busy machine. "
    "Latencies from scheduled include this delay, those from sent do not."
)


def lateness(view: StageView) -> Iterator[Finding]:
    late = view.lateness_ns
    if not late.size or view.p50_s is None or view.p99_s is None:
        return
    median = _stage(view, "late_median", float(np.median(late)) / 1e9, LATE_MEDIAN, view.p50_s)
    tail_ns = tail_of(late)
    tail = None if tail_ns is None else _stage(view, "late_tail", tail_ns / 1e9, LATE_TAIL, view.p99_s)
    yield from (finding for finding in (median, tail) if finding is not None)
    if lanes_of(view.requests) > 1:
        if median is None:
            yield from _lanes(view, "late_median", 0.5, LATE_MEDIAN, view.p50_s)
        if tail is None and median is None:
            yield from _lanes(view, "late_tail", LANE_TAIL_SHARE, LATE_TAIL, view.p99_s)


def tail_of(late_ns: Int64) -> float | None:
    """p99.9; of fewer than TAIL_FROM the second largest: one late send is bad luck. None of a single one."""
    if late_ns.size >= TAIL_FROM:
        return float(np.quantile(late_ns, TAIL_SHARE))
    return float(np.partition(late_ns, -2)[-2]) if late_ns.size >= 2 else None


def _stage(view: StageView, code: str, value_s: float, share: Share, base_s: float) -> Finding | None:
    severity = share.judge(value_s, base_s)
    if severity is None:
        return None
    limit_s = share.limit_s(base_s)
    late_rows = _rows_later_than(view, limit_s)
    which = "half of the sends were" if code == "late_median" else "the latest sends were"
    return Finding(
        code,
        severity,
        f"stage {view.index}: {which} {_ms(value_s)} late or more, against a limit of {_ms(limit_s)} "
        f"({share.degraded:.0%} of {view.word} {'p50' if code == 'late_median' else 'p99'}, {_ms(base_s)})",
        ADVICE,
        {"value": value_s, "threshold": limit_s, "base": base_s, "late": int(late_rows.size)},
        scope_of(view, late_rows),
    )


def _lanes(view: StageView, code: str, quantile: float, share: Share, base_s: float) -> Iterator[Finding]:
    """One finding that names the worst lane, where the stage as a whole is clean."""
    requests, limit_s = view.requests, share.limit_s(base_s)
    lanes = lanes_beyond(requests.lane[requests.sent], view.lateness_ns, quantile, limit_s * 1e9)
    bad = np.flatnonzero(lanes.counts >= LANE_TAIL_FROM)
    if not bad.size:
        return
    bad = bad[np.argsort(-lanes.values[bad], kind="stable")]
    lane, value_s = int(lanes.lanes[bad[0]]), float(lanes.values[bad[0]]) / 1e9
    rows = _rows_later_than(view, limit_s)
    rows = rows[requests.lane[rows] == lane]
    where = scope_of(view, rows)
    others = f", and {bad.size - 1} more lanes" if bad.size > 1 else ""
    yield Finding(
        code,
        "degraded",
        f"stage {view.index}: lane {lane}{others} sent late, by {_ms(value_s)} or more in "
        f"{1 - quantile:.0%} of its sends, against a limit of {_ms(limit_s)}; the stage as a whole is within it",
        ADVICE,
        {
            "value": value_s,
            "threshold": limit_s,
            "base": base_s,
            "lanes": [int(number) for number in lanes.lanes[bad][:NAMED]],
            "lanes_late": int(bad.size),
        },
        Scope(view.index, lane, where.slice, where.from_s, where.to_s),
    )


def _rows_later_than(view: StageView, limit_s: float) -> Int64:
    rows = np.flatnonzero(view.requests.sent)
    return rows[view.lateness_ns > limit_s * 1e9]


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms"
