"""trend, saturated, warmup_suspected: was it one thing that was measured? And interval_withheld: how sure is it?

In simulated queues: 95-99 % of drifts and overloads are caught with no false alarm on steady runs; a cold server five
times slower is caught always, at the cost of 6-10 % of steady runs at loads of 0.7 to 0.9.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import sqrt

from orchestrator.metrics.finding import Finding, Scope
from orchestrator.metrics.intervals import NEEDED, Sureness
from orchestrator.metrics.stage_view import StageView
from orchestrator.metrics.steadiness import backlog_of, is_steady, trend_of, warm_up_of
from orchestrator.metrics.thresholds import (
    SATURATED_SHARE,
    SATURATED_SIGMAS,
    TREND_RATIO,
    TREND_TAU,
    WARM_UP_CUT_S,
    WARM_UP_FROM,
    WARM_UP_RATIO,
)


def steadiness(view: StageView) -> Iterator[Finding]:
    values, scheduled = view.headline_values
    # Where the planned rate changes, latency is meant to.
    steady = view.kind != "open" or is_steady(view.requests.scheduled_ns, view.window)
    trend = trend_of(values) if steady else None
    if trend is not None and trend.tau > TREND_TAU and trend.ratio > TREND_RATIO:
        yield Finding(
            "trend",
            "degraded",
            f"stage {view.index}: {view.word} rose through the stage; the last quarter's median is {trend.ratio:.3g} "
            "times the first's",
            "The percentiles depend on how long the stage is. Find out what grows (queue, cache, temperature).",
            {"value": trend.tau, "threshold": TREND_TAU, "last_over_first": trend.ratio, "ratio_limit": TREND_RATIO},
            Scope(stage=view.index),
        )
    yield from _saturated(view)
    warm_up = warm_up_of(values, scheduled, view.window) if steady else None
    if (
        warm_up is not None
        and warm_up.cut_s >= WARM_UP_CUT_S
        and warm_up.ratio > WARM_UP_RATIO
        and min(warm_up.head, warm_up.tail) >= WARM_UP_FROM
    ):
        start_s = view.window.start_ns / 1e9
        yield Finding(
            "warmup_suspected",
            "degraded",
            f"stage {view.index}: the first {warm_up.cut_s} s were {warm_up.ratio:.3g} times slower than the rest",
            "Nothing was trimmed. Warm the server up with a stage of its own (warmup: true), or say that it was cold.",
            {"value": warm_up.ratio, "threshold": WARM_UP_RATIO, "cut_s": warm_up.cut_s},
            Scope(stage=view.index, from_s=start_s, to_s=start_s + warm_up.cut_s),
        )


def _saturated(view: StageView) -> Iterator[Finding]:
    backlog = backlog_of(view.requests, view.window) if view.kind == "open" else None
    if backlog is None:
        return
    # Below one expected, counts are too coarse for a root: two at once would do.
    limit = max(SATURATED_SHARE * backlog.sent, SATURATED_SIGMAS * sqrt(max(1.0, backlog.expected)))
    if backlog.excess > limit:
        yield Finding(
            "saturated",
            "degraded",
            f"stage {view.index}: {backlog.in_flight:,} requests were in flight at the end, {backlog.expected:.0f} "
            "keep pace with the load: the queue was growing",
            "Percentiles of a growing queue depend on how long one waits. Lower the rate to find what is sustained.",
            {
                "value": backlog.excess,
                "threshold": limit,
                "in_flight": backlog.in_flight,
                "expected": backlog.expected,
                "sent": backlog.sent,
            },
            Scope(stage=view.index, to_s=view.window.end_ns / 1e9),
        )


def withheld(stage: int | None, sure: Mapping[str, Sureness], headline: str) -> Iterator[Finding]:
    """One finding for all intervals of a stage (None: of the run) that are not published. `sure`: by latency."""
    needed = {key: one.requests_needed for key, one in sure.items() if one.requests_needed}
    if not needed:
        return
    most = needed[headline] if headline in needed else max(needed.values(), key=lambda by: max(by.values()))
    lacking = min(most)
    effective = sure[headline].n_eff_median if headline in sure else min(one.n_eff_median for one in sure.values())
    named = ", ".join(f"p{p:g}: {count:,.0f} requests" for p, count in most.items())
    yield Finding(
        "interval_withheld",
        "info",
        f"{'the run' if stage is None else f'stage {stage}'}: no interval is given where it would not cover; "
        f"it would take about {named}",
        "Plan a longer stage, or repeat the run: intervals over repeats also see slow conditions.",
        {
            "value": effective * min(lacking / 100, 1 - lacking / 100),
            "threshold": NEEDED,
            "n_eff_median": effective,
            "requests_needed": {f"p{p:g}": count for p, count in most.items()},
            "latencies": {key: {f"p{p:g}": count for p, count in by.items()} for key, by in needed.items()},
        },
        Scope(stage=stage),
    )
