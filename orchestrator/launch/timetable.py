"""When a group may be opened, and by when its go must be decided: the plan's waits against what is known by now.

Reads groups and never changes them; the fleet decides with it. All instants are unix ns on the store's clock.
"""

from __future__ import annotations

from collections.abc import Sequence

from function.contract.plan import PhasePlan, Plan
from orchestrator.launch.roster import Group

SECOND_NS = 1_000_000_000


def ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)


class Timetable:
    """`clock_error_ns` is the error of the `now` that is asked about."""

    def __init__(self, plan: Plan, groups: Sequence[Group], clock_error_ns: int) -> None:
        terms = plan.coordination
        self._groups = groups
        self._phases = {phase.index: phase for phase in plan.phases}
        self._first_phase = plan.phases[0].index
        self._error_ns = clock_error_ns
        self._lead_ns = ns(terms.lead_s)
        self._ready_ns = ns(terms.ready_timeout_s)
        self._start_delay_ns = ns(terms.start_delay_s)
        self._polls_ns = 3 * ns(terms.poll_wait_s)
        backlog_s = 0.0 if plan.max_concurrency is None else terms.drain_s  # what waits for a place is sent first
        self._tail_ns = ns(backlog_s + terms.max_lateness_s + terms.drain_s + 2 * terms.flush_s + 5)
        self._over_ns: dict[int, int] = {}

    def note_phases_over(self, now_ns: int) -> None:
        """Remembers when a phase was first found over: all of its groups settled."""
        for phase in self._phases:
            if phase not in self._over_ns and all(group.settled for group in self._groups if group.phase == phase):
                self._over_ns[phase] = now_ns

    def phase(self, group: Group) -> PhasePlan:
        return self._phases[group.phase]

    def opens_run(self, group: Group) -> bool:
        return group.slice == 0 and group.phase == self._first_phase

    def boundary(self, group: Group) -> int | None:
        """When a later slice starts; None for the first of a phase and while the phase's t0 is not decided."""
        t0 = self.t0(group)
        return None if group.slice == 0 or t0 is None else t0 + group.start_ns

    def t0(self, group: Group) -> int | None:
        """The t0 of the group's phase, once its first slice's go exists."""
        go = next(other.go for other in self._groups if other.phase == group.phase and other.slice == 0)
        return None if go is None else go.t0_unix_ns

    def t0_of_go(self, group: Group, now_ns: int) -> int | None:
        """The t0 that a go created now would carry; None while the phase before is not over."""
        known = self.t0(group)
        if known is not None or group.slice:
            return known
        start = now_ns + max(self._start_delay_ns, self.notice_ns(group))
        if self.opens_run(group):
            return start
        over = self._over_before(group)
        return None if over is None else max(start, over + ns(self.phase(group).pause_before_s))

    def may_open(self, group: Group, now_ns: int) -> bool:
        """Later slices `lead` before their boundary; a phase's first when the one before nears its end."""
        if group.slice == 0:
            return self.opens_run(group) or self._nearly_over_before(group, now_ns)
        boundary = self.boundary(group)
        return boundary is not None and now_ns >= boundary - self._lead_ns

    def deadline(self, group: Group, now_ns: int) -> int:
        """By when the group's go is decided at the latest, with those that are ready then."""
        boundary = self.boundary(group)
        if boundary is not None:
            return boundary - self.notice_ns(group)
        opened = now_ns if group.opened_ns is None else group.opened_ns
        if self.opens_run(group):
            return opened + self._ready_ns
        over = self._over_before(group)
        return max(opened, now_ns if over is None else over) + self._ready_ns

    def patience_ns(self, group: Group) -> int:
        """How long the group's workers are given to become ready: half of it, and a silent one is doubted."""
        return self._lead_ns if group.slice else self._ready_ns

    def notice_ns(self, group: Group) -> int:
        """Three polls and the clocks' error: until then every worker has read its go."""
        errors = [a.ready.clock_error_ns for shard in group.shards for a in shard.attempts.values() if a.ready]
        return self._polls_ns + max([self._error_ns, *errors])

    def overdue(self, group: Group, now_ns: int) -> bool:
        """Whether every shard of a granted slice of known length should have committed long ago."""
        if group.go is None or group.end_ns is None:
            return False
        return now_ns >= group.go.t0_unix_ns + group.end_ns + self._tail_ns

    def _before(self, group: Group) -> list[Group]:
        return [other for other in self._groups if other.phase < group.phase]

    def _over_before(self, group: Group) -> int | None:
        times = [self._over_ns.get(phase) for phase in {other.phase for other in self._before(group)}]
        known = [time for time in times if time is not None]
        return max(known) if len(known) == len(times) else None

    def _nearly_over_before(self, group: Group, now_ns: int) -> bool:
        """Whether the phase before is near enough to its end to warm up this one."""
        before = self._before(group)
        last = before[-1]
        if not all(other.settled or other.go is not None for other in before):
            return False
        if last.settled or last.go is None:
            return True
        if last.end_ns is not None:
            return now_ns >= last.go.t0_unix_ns + last.end_ns - self._lead_ns
        named = [shard for shard in last.shards if shard.granted is not None]
        return any(shard.over or shard.attempts[shard.granted or 0].draining for shard in named)
