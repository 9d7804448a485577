"""stamps_shared: events of one answer that were read together because the worker's loop was away.

The kernel stamps what a connection receives, but of segments that wait in its queue only the newest keeps its stamp. So
where stamps are the kernel's, a busy loop delays no event that waits alone, and yet of several that wait together all
but the last get a later time than their own. A record shows it: events of one read lie nanoseconds apart. A server that
writes events together leaves the same trace, so only what was read together in seconds in which the loop was away
counts, less the share seen in that lane's other seconds.

Two sizes are judged. How many stamps are late by more than 5 ms: a hundredth of the gaps is what p99 of ITL stands on.
And how late stamps are at p99, as `loop_lag` is judged. An event is about as late as the events after it in its read
are apart elsewhere, and never later than the loop was away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.metrics.doubt.where import NAMED
from orchestrator.metrics.facts import RunFacts, ShardFacts
from orchestrator.metrics.finding import Finding, Scope
from orchestrator.metrics.requests import NEVER, Bool, Int64, Requests
from orchestrator.metrics.thresholds import (
    AWAY_S,
    LOOP_LAG,
    SAME_READ_NS,
    STAMPS_SHARED,
    STAMPS_SHARED_INVALID,
    STAMPS_SHARED_LANE,
)

Floats = NDArray[np.float64]

_ROWS_AT_ONCE = 20_000
_TELLING = 1000  # events in other seconds, before their share is one
_BIN_NS, _BINS = 1_000_000, 60_000  # of lateness; later than a minute counts as a minute


@dataclass(frozen=True, slots=True)
class _Course:
    """Seconds of one invocation. `away_ns[i]`: the longest its loop was away in the second that begins at
    `start_ns[i]`, which ends where the next begins."""

    facts: ShardFacts
    start_ns: Int64
    away_ns: Int64

    @property
    def away(self) -> Bool:
        found: Bool = self.away_ns > AWAY_S * 1e9
        return found

    def second_of(self, times_ns: Int64) -> Int64:
        found: Int64 = np.clip(np.searchsorted(self.start_ns, times_ns, side="right") - 1, 0, None)
        return found

    def scope(self, second: int) -> Scope:
        name, start_s = self.facts.name, float(self.start_ns[second]) / 1e9
        end_s = float(self.start_ns[second + 1]) / 1e9 if second + 1 < self.start_ns.size else start_s + 1
        return Scope(lane=name.lane, slice=name.slice, from_s=start_s, to_s=end_s)


@dataclass(frozen=True, slots=True)
class _Loss:
    """`lost[i]`: events of second i whose stamp is late by more than AWAY_S, for want of the loop. `late[i]`: how many
    of them are about i milliseconds late."""

    course: _Course
    lost: Floats
    late: Floats

    @property
    def lane(self) -> int:
        return self.course.facts.name.lane


def stamps(facts: RunFacts, requests: Requests, base_s: float | None) -> Iterator[Finding]:
    """Of measured stages, over all lanes; a bad lane is named, and degrades by itself. `base_s`: as of `client`."""
    if not facts.plan.report.streaming or base_s is None:
        return
    measured = np.isin(requests.stage, [stage.index for stage in facts.plan.stages if not stage.warmup])
    chosen = measured & (requests.tokens.count > 1) & (requests.sent_ns != NEVER)
    found = (_loss(shard, requests, chosen & (requests.shard == code)) for code, shard in enumerate(facts.shards))
    losses = [loss for loss in found if loss is not None and loss.lost.any()]
    if not losses:
        return
    events = np.bincount(requests.lane[chosen], weights=requests.tokens.count[chosen])
    by_lane = np.zeros(events.size)
    for loss in losses:
        by_lane[loss.lane] += loss.lost.sum()
    shares = by_lane / np.maximum(events, 1)
    share, late_s = float(by_lane.sum() / events.sum()), _p99_s(losses, float(events.sum()))
    judged = LOOP_LAG.judge(late_s, base_s)
    if judged or share > STAMPS_SHARED or (shares > STAMPS_SHARED_LANE).any():
        yield _finding(losses, shares, share, late_s, base_s)


def _loss(facts: ShardFacts, requests: Requests, chosen: Bool) -> _Loss | None:
    """What one shard's loop cost; None where it was never away, or nobody says."""
    course = _course(facts)
    if course is None or not course.away.any():
        return None
    rows = np.flatnonzero(chosen)
    before = np.concatenate(([0], np.cumsum(course.away)))
    first, last = course.second_of(requests.first_token_ns[rows]), course.second_of(requests.last_token_ns[rows])
    touched = before[last + 1] > before[first]
    rows = np.concatenate((rows[touched], rows[~touched][:_ROWS_AT_ONCE]))  # the others only say what is usual
    events, shared, late = (np.zeros(size) for size in (course.start_ns.size, course.start_ns.size, _BINS + 1))
    for start in range(0, rows.size, _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        edges, times = requests.tokens.take(some).absolute(requests.sent_ns[some])
        second = course.second_of(times)
        behind_ns = _behind_ns(edges, times)
        together = behind_ns > AWAY_S * 1e9
        events += np.bincount(second, minlength=events.size)
        shared += np.bincount(second[together], minlength=events.size)
        away = together & course.away[second]
        late_ns = np.minimum(behind_ns, course.away_ns[second])[away]
        late += np.bincount(np.minimum(late_ns // _BIN_NS, _BINS), minlength=late.size)
    lost = np.where(course.away, np.maximum(shared - _usual(course, events, shared) * events, 0.0), 0.0)
    return _Loss(course, lost, late * (lost.sum() / max(1.0, late.sum())))


def _behind_ns(edges: Int64, times: Int64) -> Int64:
    """How late each event is stamped, about: the events after it in its read x the mean gap of its answer; else 0.

    An answer that came while the loop was away has no gaps left: the usual ones of the others stand in.
    """
    last_of_read = np.diff(times, append=0) > SAME_READ_NS
    last_of_read[edges[1:] - 1] = True
    place = np.arange(times.size)
    ends = np.minimum.accumulate(np.where(last_of_read, place, times.size)[::-1])[::-1]
    counts = np.diff(edges)
    mean_ns = (times[edges[1:] - 1] - times[edges[:-1]]) // np.maximum(counts - 1, 1)
    usual_ns = int(np.median(mean_ns)) if mean_ns.size else 0
    behind: Int64 = (ends - place) * np.repeat(np.maximum(mean_ns, max(1, usual_ns)), counts)
    return behind


def _usual(course: _Course, events: Floats, shared: Floats) -> float:
    """The share read together while the loop was there: the server's doing, or the network's."""
    others = float(events[~course.away].sum())
    return float(shared[~course.away].sum()) / others if others >= _TELLING else 0.0


def _course(facts: ShardFacts) -> _Course | None:
    """None where stamps are not the kernel's (then `loop_lag` judges), or nobody says how the seconds went."""
    health = facts.receipt.health if facts.receipt is not None else None
    if health is None or not health.kernel_stamps or not health.seconds:
        return None
    starts = np.array([round(second.at_s * 1e9) for second in health.seconds], np.int64)
    return _Course(facts, starts, np.array([second.loop_lag_max_ns for second in health.seconds], np.int64))


def _p99_s(losses: Sequence[_Loss], events: float) -> float:
    """How late stamps are at p99 of all events, to a millisecond."""
    later = np.cumsum(np.sum([loss.late for loss in losses], axis=0)[::-1])[::-1]
    return float(np.count_nonzero(later > 0.01 * events)) * _BIN_NS / 1e9


def _finding(losses: Sequence[_Loss], shares: Floats, share: float, late_s: float, base_s: float) -> Finding:
    lane, bad = int(shares.argmax()), np.flatnonzero(shares > STAMPS_SHARED_LANE).tolist()
    own = [loss for loss in losses if loss.lane == lane]
    worst = max(own, key=lambda loss: float(loss.lost.max()))
    second = int(worst.lost.argmax())
    scope, away_s = worst.course.scope(second), float(worst.course.away_ns[second]) / 1e9
    invalid = share > STAMPS_SHARED_INVALID or LOOP_LAG.judge(late_s, base_s) == "invalid"
    return Finding(
        "stamps_shared",
        "invalid" if invalid else "degraded",
        f"lane {lane}: {shares[lane]:.2%} of its events were read together with a later one of the same answer, "
        f"because the worker's loop was away, most of them in the second from {scope.from_s:.0f} s (for up to "
        f"{away_s * 1e3:.3g} ms). Of all events {share:.2%} are stamped more than {AWAY_S * 1e3:g} ms late (limit "
        f"{STAMPS_SHARED:.0%}), at p99 by about {late_s * 1e3:.0f} ms (limit {LOOP_LAG.limit_s(base_s) * 1e3:.3g} ms)",
        "High percentiles of TTFT and inter-token latency are the worker's doing; request latency keeps the kernel's "
        "stamps. More lanes, fewer requests per lane, or a less busy machine.",
        {
            "value": share,
            "threshold": STAMPS_SHARED,
            "late_p99": late_s,
            "late_threshold": LOOP_LAG.limit_s(base_s),
            "lane_share": float(shares[lane]),
            "lane_threshold": STAMPS_SHARED_LANE,
            "lanes": (bad or [lane])[:NAMED],
            "seconds": sum(int(np.count_nonzero(loss.lost)) for loss in own),
            "away_s": away_s,
        },
        scope,
    )
