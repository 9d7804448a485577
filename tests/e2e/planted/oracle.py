"""What must be found: the published thresholds applied to the server's log, written anew and apart from the product.

Every code gets two severities: what it is at least, and at most, when the effect is taken 1.5 times smaller and larger.
Where the two give one verdict, that one is right; where they do not, the case proves nothing and is drawn again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau

from tests.e2e.planted.truth import Floats, Truth

VERDICTS = ("VALID", "DEGRADED", "INVALID")
SEVERITIES = {"info": 0, "degraded": 1, "invalid": 2}
MARGIN = 1.5
KNOWN = 1.25  # margin of what follows from the log by arithmetic
HOLD_STEPS = 20
NEVER = float("inf")


@dataclass(frozen=True)
class Bounds:
    """0: not found, 1: degraded, 2: invalid."""

    least: int
    most: int


NONE = Bounds(0, 0)


@dataclass(frozen=True)
class Expected:
    """`bounds` of every code that may be found; what is not listed may not."""

    bounds: Mapping[str, Bounds]

    @property
    def certain(self) -> frozenset[str]:
        return frozenset(code for code, bounds in self.bounds.items() if bounds.least)

    @property
    def verdict(self) -> str | None:
        """None: it could be either of two."""
        least = max((bounds.least for bounds in self.bounds.values()), default=0)
        most = max((bounds.most for bounds in self.bounds.values()), default=0)
        return VERDICTS[least] if least == most else None

    def wrong(self, found: Mapping[str, int]) -> list[str]:
        """What is missing, too much or of another severity among findings by code."""
        out = []
        for code in sorted({*self.bounds, *found}):
            bounds, severity = self.bounds.get(code, NONE), found.get(code, 0)
            if not bounds.least <= severity <= bounds.most:
                out.append(f"{code} is {severity}, not {bounds.least} to {bounds.most}")
        return out


def expected(truth: Truth) -> Expected:
    late_median, late_tail = _lateness(truth)
    bounds = {
        "late_median": late_median,
        "late_tail": late_tail,
        "loop_lag": _loop_lag(truth),
        "stamps_shared": _stamps_shared(truth),
        "clock_error": _clock_error(truth),
        "sent_short": _sent_short(truth),
        "requests_lost": _requests_lost(truth),
        "shard_missing": Bounds(2, 2) if truth.case.lost else NONE,
        "errors": _errors(truth),
        "trend": _trend(truth),
        "saturated": _saturated(truth),
        "warmup_suspected": _warm_up(truth),
    }
    return Expected({code: one for code, one in bounds.items() if one.most})


def _graded(value: float, degraded: float, invalid: float = NEVER, margin: float = MARGIN) -> Bounds:
    def severity(size: float) -> int:
        return 2 if size > invalid else int(size > degraded)

    return Bounds(severity(value / margin), severity(value * margin))


def _lateness(truth: Truth) -> tuple[Bounds, Bounds]:
    """A client that stamps late measures a longer TTFT, and its limits grow with it: `stamps_late_s` at the most."""
    late, slack = truth.lateness, truth.case.planted.get("stamps_late_s", 0.0)
    if late.size < 2 or not truth.ok.any():
        return NONE, NONE
    p50, p99 = np.percentile(truth.ttft, [50, 99])
    middle, second = float(np.median(late)), float(late[-2])
    return (
        _either(_graded(middle, max(0.1 * base, 0.001), max(0.5 * base, 0.001)) for base in (p50, p50 + slack)),
        _either(_graded(second, max(0.1 * base, 0.010), max(0.5 * base, 0.050)) for base in (p99, p99 + slack)),
    )


def _either(bounds: Iterable[Bounds]) -> Bounds:
    some = list(bounds)
    return Bounds(min(one.least for one in some), max(one.most for one in some))


def _loop_lag(truth: Truth) -> Bounds:
    lag_s, slack = truth.case.planted.get("lag_p99_s"), truth.case.planted.get("stamps_late_s", 0.0)
    if lag_s is None:
        return NONE
    p50 = float(np.percentile(truth.ttft, 50))
    return _either(_graded(lag_s, max(0.1 * base, 0.005), max(0.5 * base, 0.005)) for base in (p50, p50 + slack))


def _stamps_shared(truth: Truth) -> Bounds:
    """Events that were written while a worker was held get the stamp of the last one of the same hold and answer.

    Judged are how many are late by more than 5 ms, and how late stamps are at p99 of all events. When a worker is
    stopped is known, which one is not; of a hold that comes and goes only how long it is and how much of the time.
    Where stamps are the loop's, `loop_lag` is what must be found.
    """
    case, answers = truth.case, [times for times in truth.tokens if times.size]
    if not answers or case.transport == "aiohttp":
        return NONE
    late: list[tuple[Floats, float]] = []  # of each lost event by how much, and how many each of them stands for
    if case.stops_s:
        for lane in range(case.lanes):
            held = [_late_by_stop(truth.tokens[lane :: case.lanes], at, case.stop_for_s) for at in case.stops_s]
            late.append((np.concatenate(held), 1.0))
    elif case.inside is not None and case.inside["what"] == "hog":
        hold_s, idle_s = case.inside["hold_s"], case.inside["idle_s"]
        steps = (np.arange(HOLD_STEPS) + 0.5) / HOLD_STEPS * hold_s
        held = [_late_by_hold(times, left_s) for times in answers for left_s in steps]
        late.append((np.concatenate(held), hold_s / (hold_s + idle_s) / HOLD_STEPS))
    events, p50 = sum(times.size for times in answers), float(np.percentile(truth.ttft, 50))
    return _either(_shared(some, weight, events, p50) for some, weight in late) if late else NONE


def _shared(late: Floats, weight: float, events: int, p50: float) -> Bounds:
    late = late[late > 0.005]
    share = late.size * weight / events
    ranked, place = np.sort(late)[::-1], int(0.01 * events / weight)
    p99 = float(ranked[place]) if place < ranked.size else 0.0
    few, slow = _graded(share, 0.01, 0.5, KNOWN), _graded(p99, max(0.1 * p50, 0.005), max(0.5 * p50, 0.005))
    return Bounds(max(few.least, slow.least), max(few.most, slow.most))


def _late_by_stop(answers: Iterable[Floats], start: float, length: float) -> Floats:
    held = [times[(times > start) & (times < start + length)] for times in answers]
    return np.concatenate([np.empty(0), *(times[-1] - times[:-1] for times in held if times.size)])


def _late_by_hold(times: Floats, left_s: float) -> Floats:
    """By how much each event is late that comes when `left_s` of a hold are left; those of no time at all left out."""
    last = times[np.searchsorted(times, times + left_s, side="right") - 1]
    return (last - times)[last > times]


def _clock_error(truth: Truth) -> Bounds:
    p50 = float(np.percentile(truth.ttft, 50))
    return _graded(truth.case.planted.get("clock_offset_s", 0.0), max(0.1 * p50, 0.010))


def _unsent(truth: Truth) -> int:
    return int((~truth.sent).sum())


def _lost_with_shards(truth: Truth) -> int:
    """Lane i of N sends k = i, i + N ...: what was removed with its records."""
    lanes = np.arange(truth.case.planned) % truth.case.lanes
    return int(np.isin(lanes, truth.case.lost).sum())


def _sent_short(truth: Truth) -> Bounds:
    """Of requests whose records were removed nobody can say that they were sent."""
    missing = [_unsent(truth), _unsent(truth) + _lost_with_shards(truth)]
    return _either(_graded(count / truth.case.planned, 0.003, 0.02) for count in missing)


def _requests_lost(truth: Truth) -> Bounds:
    share = (_unsent(truth) + _lost_with_shards(truth)) / truth.case.planned
    return _graded(share, 0.0, 0.01)


def _errors(truth: Truth) -> Bounds:
    share = float((truth.sent & ~truth.ok).sum()) / truth.case.planned
    return Bounds(2, 2) if not truth.ok.any() else _graded(share, 0.01)


def _trend(truth: Truth) -> Bounds:
    values = truth.ttft
    if values.size < 40:
        return NONE
    medians = [np.median(batch) for batch in np.array_split(values, 20)]
    tau = float(kendalltau(range(20), medians).statistic)
    rise = float(np.median(values[-(values.size // 4) :]) / np.median(values[: values.size // 4])) - 1
    a, b = _graded(tau, 0.5), _graded(rise, 0.2)
    return Bounds(min(a.least, b.least), min(a.most, b.most))


def _saturated(truth: Truth) -> Bounds:
    seconds, rate = float(truth.case.duration_s), float(truth.case.rate)
    early = truth.ok & (truth.due < seconds / 4)
    if not early.any():
        return NONE
    keeps_pace = rate * float((truth.end - truth.due)[early].mean())
    excess = float((truth.end >= seconds).sum()) - keeps_pace
    return _graded(excess, max(0.01 * float(truth.sent.sum()), 4 * max(1.0, keeps_pace) ** 0.5))


def _warm_up(truth: Truth) -> Bounds:
    """MSER is a minimum that noise can move: every cut that is nearly as good is looked at."""
    values, second = truth.ttft, truth.due[truth.ok].astype(int)
    seconds = np.unique(second)
    if seconds.size < 5:
        return NONE
    means = np.array([values[second == one].mean() for one in seconds])
    scores = np.array([_spread(means[cut:]) for cut in range(seconds.size // 2 + 1)])
    found = []
    for cut in np.flatnonzero(scores <= 1.1 * scores.min()):
        head = int((second < seconds[cut]).sum())
        few = min(head, values.size - head) < 10
        excess = 0.0 if cut == 0 or few else float(means[:cut].mean() / means[cut:].mean()) - 1
        found.append(_graded(excess, 2.0))
    return _either(found)


def _spread(rest: Floats) -> float:
    return float(((rest - rest.mean()) ** 2).sum()) / rest.size**2
