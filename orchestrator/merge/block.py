"""Computes one block of a summary from a set of requests: a stage's own, or all that were measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from orchestrator.merge.summary import Block, ErrorGroup, Load, Tokens
from orchestrator.metrics import goodput, throughput, window
from orchestrator.metrics.adjusted import Adjusted, adjusted_of
from orchestrator.metrics.arrivals import Arrivals, arrivals_of
from orchestrator.metrics.dist import EMPTY, SECONDS, Dist, Interval, describe, dist_of
from orchestrator.metrics.intervals import BATCHES, Sureness, batch_of, grade, sureness
from orchestrator.metrics.latency import KEYS, measure
from orchestrator.metrics.ledger import Ledger, ledger_of
from orchestrator.metrics.requests import FAILED, TIMED_OUT, UNKNOWN, Int64, Requests
from orchestrator.metrics.stage_view import StageView
from orchestrator.metrics.throughput import Throughput
from orchestrator.metrics.window import Rates


@dataclass(frozen=True, slots=True)
class Computed:
    """A block, with what findings want to know of it."""

    block: Block
    sure: Mapping[str, Sureness]


@dataclass(frozen=True, slots=True)
class PerSecond:
    """What adds up over stages: rates of several windows are sums over sums."""

    counts: window.Counts
    work: throughput.Work
    good: goodput.Goodput | None

    def __add__(self, other: PerSecond) -> PerSecond:
        good = self.good + other.good if self.good is not None and other.good is not None else self.good or other.good
        return PerSecond(self.counts + other.counts, self.work + other.work, good)


NOTHING = PerSecond(window.NOTHING, throughput.NOTHING, None)


def per_second(view: StageView, constraints: Mapping[str, float]) -> PerSecond:
    good = goodput.goodput_of(view.requests, view.window, constraints, view.streaming) if constraints else None
    return PerSecond(window.counts_of(view.requests, view.window), throughput.work_of(view.requests, view.window), good)


def compute(requests: Requests, views: Sequence[StageView], rates: PerSecond, with_intervals: bool) -> Computed:
    """`requests`: those of `views`, which are one stage or all measured ones. Without intervals: they would lie."""
    streaming = bool(views) and views[0].streaming
    ok = requests.ok
    batch = _batches(requests, views)
    failed = int(len(ok) - ok.sum())
    latency: dict[str, Dist] = {}
    adjusted: dict[str, Adjusted] = {}
    sure: dict[str, Sureness] = {}
    for key in KEYS:
        measured = measure(key, requests, ok, streaming)
        ordered = np.sort(measured.values)
        ci95: Mapping[float, Interval | None] = {}
        if with_intervals and ordered.size:
            sure[key] = sureness(ordered, measured, batch, SECONDS)
            ci95 = sure[key].ci95
        latency[key] = describe(ordered, SECONDS, ci95)
        adjusted[key] = adjusted_of(ordered, len(measured.rows), failed, SECONDS)
    one = views[0] if len(views) == 1 else None
    drain = window.drain_s(requests, views[-1].window) if views else None
    grades = {grade(view.requests) for view in views}
    return Computed(
        Block(
            ledger=ledger_of(requests.status),
            load=_load(requests, rates, drain, one is not None),
            latency=latency,
            adjusted=adjusted,
            throughput=rates.work.throughput,
            tokens=_tokens(requests),
            goodput=rates.good,
            errors=errors_of(requests),
            interval_grade="fair" if "fair" in grades else "good" if "good" in grades else None,
        ),
        sure,
    )


def unmeasured(ledger: Ledger) -> Block:
    """Of a warm-up stage, or of a run that has nothing else: the ledger alone."""
    return Block(
        ledger=ledger,
        load=Load(Rates(None, None, None), EMPTY, Arrivals(), 0.0, None),
        latency=dict.fromkeys(KEYS, EMPTY),
        adjusted={key: adjusted_of(np.empty(0), 0, 0) for key in KEYS},
        throughput=Throughput(),
        tokens=Tokens(EMPTY, EMPTY, 0),
        goodput=None,
        errors=(),
        interval_grade=None,
    )


def errors_of(requests: Requests) -> tuple[ErrorGroup, ...]:
    """Failed and timed-out requests by kind and HTTP status, most frequent first, each with one message."""
    rows = np.flatnonzero(requests.with_status(FAILED, TIMED_OUT))
    kinds, messages = requests.error_kind, requests.error_message
    pairs = np.stack([kinds.codes[rows], requests.http_status[rows]], axis=1)
    groups, first, place = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    counts = np.bincount(place.reshape(-1), minlength=len(groups))
    found = []
    for (kind, status), at, count in zip(groups.tolist(), first, counts):
        message = int(messages.codes[rows[at]])
        found.append(
            ErrorGroup(
                kinds.words[kind] if kind != UNKNOWN else "unknown",
                status if status != UNKNOWN else None,
                int(count),
                messages.words[message] if message != UNKNOWN else None,
            )
        )
    return tuple(sorted(found, key=lambda error: (-error.count, error.error_kind, error.http_status or 0)))


def with_ledger(block: Block, ledger: Ledger) -> Block:
    return replace(block, ledger=ledger)


def _batches(requests: Requests, views: Sequence[StageView]) -> Int64:
    """Per row: its stage's place x BATCHES + its batch within the stage."""
    batch = np.zeros(len(requests), np.int64)
    for place, view in enumerate(views):
        mine = requests.stage == view.index
        batch[mine] = place * BATCHES + batch_of(requests.scheduled_ns[mine], view.window)
    return batch


def _load(requests: Requests, rates: PerSecond, drain: float | None, one_stage: bool) -> Load:
    sent = requests.sent
    delay = requests.sent_ns[sent] - requests.scheduled_ns[sent]
    # Stages of different rates make one sequence of gaps that describes none of them.
    arrivals = arrivals_of(requests.sent_ns[sent]) if one_stage else Arrivals()
    return Load(rates.counts.rates, dist_of(delay, SECONDS), arrivals, rates.counts.seconds, drain)


def _tokens(requests: Requests) -> Tokens:
    ok = requests.ok
    prompts = requests.prompt_counts[ok]
    outputs = requests.output_tokens[ok]
    counted = outputs >= 0
    by_usage = int((requests.usage[ok] & counted).sum())
    events = int(requests.tokens.count[ok].sum(dtype=np.int64))
    return Tokens(
        dist_of(prompts[prompts >= 0]),
        dist_of(outputs[counted]),
        events,
        by_usage,
        int(counted.sum()) - by_usage,
        int((~counted).sum()),
    )
