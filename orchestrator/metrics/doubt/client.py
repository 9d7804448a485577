"""What workers say of themselves: loop_lag, clock_error, suspended; cpu_saturated, cold_start, clock_step as causes.

Health is per invocation. The latency it is measured against is the smallest median of the stages: what disturbs that
one is harm. Lanes that carry at most a hundredth of the requests cannot move a p99, so alone they only degrade.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from function.contract.receipt import Health, HealthSecond
from orchestrator.metrics.doubt.where import NAMED
from orchestrator.metrics.facts import RunFacts, ShardFacts
from orchestrator.metrics.finding import Finding, Scope, Severity
from orchestrator.metrics.thresholds import (
    CLOCK_ERROR,
    COLD_START_S,
    CPU_SATURATED,
    LOOP_LAG,
    LOOP_LAG_MATTERS,
    SUSPENDED_S,
)


@dataclass(frozen=True, slots=True)
class Own:
    """One invocation's word about itself. `weight`: its share of the run's requests."""

    facts: ShardFacts
    health: Health
    weight: float

    @property
    def lane(self) -> int:
        return self.facts.name.lane


def client(facts: RunFacts, weights: dict[str, float], base_s: float | None) -> Iterator[Finding]:
    """`base_s`: the smallest median of the headline latency over stages; None: nothing succeeded."""
    own = [
        Own(shard, shard.receipt.health, weights.get(shard.shard, 0.0))
        for shard in facts.shards
        if shard.receipt is not None and shard.receipt.health is not None
    ]
    if base_s is not None:
        yield from _loop_lag(own, base_s)
        yield from _clock_error(facts, base_s)
    yield from _suspended(facts, own)
    yield from _note(own, "cpu_saturated", lambda health: health.cpu_p95, CPU_SATURATED, _CPU, lambda one: one.cpu)
    yield from _note(own, "cold_start", lambda health: health.cold_start_ns / 1e9, COLD_START_S, _COLD)
    yield from _note(own, "clock_step", lambda health: float(health.clock_steps), 0.0, _STEP)


def _loop_lag(own: Sequence[Own], base_s: float) -> Iterator[Finding]:
    judged: list[tuple[float, Own, Severity]] = []
    for one in own:
        lag_s = one.health.loop_lag_p99_ns / 1e9
        severity = None if one.health.kernel_stamps else LOOP_LAG.judge(lag_s, base_s)
        if severity is not None:
            judged.append((lag_s, one, severity))
    if not judged:
        return
    lag_s, worst, _ = max(judged, key=lambda entry: entry[0])
    when = _worst_second(worst.health, lambda second: second.loop_lag_p99_ns)
    invalid = sum(one.weight for _, one, severity in judged if severity == "invalid") > LOOP_LAG_MATTERS
    lanes = sorted({one.lane for _, one, _ in judged})
    yield Finding(
        "loop_lag",
        "invalid" if invalid else "degraded",
        f"lane {worst.lane}: the worker's loop ran {lag_s * 1e3:.3g} ms late at p99, so tokens were stamped late; the "
        f"limit is {LOOP_LAG.limit_s(base_s) * 1e3:.3g} ms"
        + (f" ({len(lanes)} lanes)" if len(lanes) > 1 else "")
        + (f"; worst in the second from {when[0]:.0f} s" if when else ""),
        "The worker had too little processor: more lanes, fewer requests per lane, or a less busy machine.",
        {"value": lag_s, "threshold": LOOP_LAG.limit_s(base_s), "base": base_s, "lanes": lanes[:NAMED]},
        _scope(worst, when),
    )


def _worst_second(health: Health, value_of: Callable[[HealthSecond], float]) -> tuple[float, float] | None:
    """(from, to) of the worst, s since t0. A second ends where the next begins."""
    seconds = health.seconds
    if not seconds:
        return None
    worst = max(range(len(seconds)), key=lambda index: value_of(seconds[index]))
    end = seconds[worst + 1].at_s if worst + 1 < len(seconds) else seconds[worst].at_s + 1
    return seconds[worst].at_s, end


def _scope(one: Own, when: tuple[float, float] | None) -> Scope:
    from_s, to_s = when or (None, None)
    return Scope(lane=one.lane, slice=one.facts.name.slice, from_s=from_s, to_s=to_s)


def _clock_error(facts: RunFacts, base_s: float) -> Iterator[Finding]:
    """The offset is what the store's stamps prove, so it counts only where it is beyond its own error."""
    wrong = [
        (abs(shard.receipt.clock_offset_ns) / 1e9, shard, shard.receipt.clock_error_ns / 1e9)
        for shard in facts.shards
        if shard.receipt is not None and abs(shard.receipt.clock_offset_ns) > shard.receipt.clock_error_ns
    ]
    bad = [entry for entry in wrong if CLOCK_ERROR.judge(entry[0], base_s) is not None]
    if not bad:
        return
    offset_s, worst, error_s = max(bad, key=lambda entry: entry[0])
    lanes = sorted({shard.name.lane for _, shard, _ in bad})
    yield Finding(
        "clock_error",
        "degraded",
        f"lane {worst.name.lane}: the worker's clock is off by {offset_s:.3g} s (known to {error_s:.2g} s)",
        "Durations are right, they come from one clock; how lanes line up in time, and offered against achieved over "
        "time, is not. Set the machine's clock (NTP).",
        {"value": offset_s, "threshold": CLOCK_ERROR.limit_s(base_s), "error": error_s, "lanes": lanes[:NAMED]},
        Scope(lane=worst.name.lane, slice=worst.name.slice),
    )


def _suspended(facts: RunFacts, own: Sequence[Own]) -> Iterator[Finding]:
    slept = [(one.health.suspended_ns / 1e9, one) for one in own if one.health.suspended_ns / 1e9 > SUSPENDED_S]
    advice = "Keep the machine awake while a run is on (lid, power saving, hypervisor)."
    if slept:
        seconds, worst = max(slept, key=lambda entry: entry[0])
        yield Finding(
            "suspended",
            "degraded",
            f"lane {worst.lane}: its machine was suspended for {seconds:.3g} s",
            advice,
            {"value": seconds, "threshold": SUSPENDED_S, "lanes": sorted({one.lane for _, one in slept})[:NAMED]},
            Scope(lane=worst.lane, slice=worst.facts.name.slice),
        )
    seconds = facts.observed.suspended_ns / 1e9 if facts.observed is not None else 0.0
    if seconds > SUSPENDED_S:
        yield Finding(
            "suspended",
            "degraded",
            f"the orchestrator's machine was suspended for {seconds:.3g} s",
            advice,
            {"value": seconds, "threshold": SUSPENDED_S},
        )


_CPU = (
    "lane {lane}: the worker used {value:.0%} of its core at p95",
    "A cause, not an effect: where sends or stamps are late too, this is why. More lanes share it.",
)
_COLD = (
    "lane {lane}: the worker took {value:.3g} s from its start to being ready",
    "Later slices are started fanout.lead before their boundary: keep that longer than this.",
)
_STEP = (
    "lane {lane}: the wall clock was stepped {value:.0f} times while the run was on",
    "Stamps fell back to the worker's own clock around the steps. Slew the clock instead of stepping it.",
)


def _note(
    own: Sequence[Own],
    code: str,
    value_of: Callable[[Health], float],
    limit: float,
    words: tuple[str, str],
    by_second: Callable[[HealthSecond], float] | None = None,
) -> Iterator[Finding]:
    over = [(value_of(one.health), one) for one in own if value_of(one.health) > limit]
    if not over:
        return
    value, worst = max(over, key=lambda entry: entry[0])
    lanes = sorted({one.lane for _, one in over})
    more = f" ({len(lanes)} lanes are over {limit:g})" if len(lanes) > 1 else ""
    when = _worst_second(worst.health, by_second) if by_second is not None else None
    more += f", most in the second from {when[0]:.0f} s" if when else ""
    yield Finding(
        code,
        "info",
        words[0].format(lane=worst.lane, value=value) + more,
        words[1],
        {"value": value, "threshold": limit, "lanes": lanes[:NAMED]},
        _scope(worst, when),
    )
