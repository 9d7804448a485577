"""What to do on an event: the pure state machine that invokes, grants and ends a run's shards.

It is told facts (ready, progress, receipts, ends, which go exists) and asked with `decide(now)` what must be done; it
does nothing itself and reads no clock. Two rules carry the promise that no request is sent twice: a shard is granted
once, by the one go of its group, and nothing here ever names a second attempt after that. All instants are unix ns on
the store's clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from function.contract.control import Go, Progress, Ready
from function.contract.keys import group_id, parse_shard
from function.contract.plan import Plan
from orchestrator.launch.action import Abort, Action, CreateGo, Finish, Grant, Invoke
from orchestrator.launch.roster import Attempt, Group, Shard, groups_of

MAX_ATTEMPTS = 3  # of one shard: what died three times before it was ready dies a fourth time
SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Patience:
    """How a provider's invocations are started and given up.

    `retry_slow`: a second attempt of one that is not ready at half of its time (clouds lose events; a slow local process
    is only slow). `spacing_ns`: between the starts of a later slice's shards. `stale_ns`: without a sign of life for so
    long a waiting attempt is not granted. `burst`: invocations asked for at once.
    """

    retry_slow: bool = False
    spacing_ns: int = 0
    stale_ns: int = 5 * SECOND_NS
    wind_down_ns: int = 10 * SECOND_NS
    burst: int = 64


class Fleet:
    """One run. `clock_error_ns` is that of `now`; `writer` marks the go objects created here."""

    def __init__(self, plan: Plan, writer: str, clock_error_ns: int = 0, patience: Patience | None = None) -> None:
        self._plan = plan
        self._writer = writer
        self._own_error_ns = clock_error_ns
        self._patience = patience or Patience()
        terms = plan.coordination
        self._lead_ns = ns(terms.lead_s)
        self._ready_ns = ns(terms.ready_timeout_s)
        self._lease_ns = ns(terms.lease_s)
        self._tail_ns = ns(terms.max_lateness_s + terms.drain_s + 2 * terms.flush_s)
        self.groups = groups_of(plan)
        self._by_id = {group.id: group for group in self.groups}
        self._shards = {shard.id: shard for group in self.groups for shard in group.shards}
        self._phase_over_ns: dict[int, int] = {}
        self._stopped_ns: int | None = None
        self._fenced = False
        self._finished = False

    # --- facts ---------------------------------------------------------------------------------------------------

    def ready(self, ready: Ready, now_ns: int) -> None:
        attempt = self._shards[ready.shard].at(ready.attempt, now_ns)
        attempt.ready = ready
        attempt.hear(now_ns)

    def progress(self, progress: Progress, now_ns: int) -> None:
        attempt = self._shards[progress.shard].at(progress.attempt, now_ns)
        attempt.draining = progress.state in ("draining", "ended")
        attempt.hear(now_ns)

    def receipt(self, shard: str, attempt: int) -> None:
        self._shards[shard].committed = attempt

    def ended(self, shard: str, attempt: int, now_ns: int) -> None:
        """The invocation is provably over. Tell receipts first: its last act may have been to write one."""
        self._shards[shard].at(attempt, now_ns).ended = True

    def go_settled(self, go: Go, now_ns: int) -> None:
        """That go exists, whoever created it."""
        group = self._by_id[group_id(go.phase, go.slice)]
        group.go, group.asked = go, False
        if group.opened_ns is None:
            group.opened_ns = now_ns
        for shard in group.shards:
            shard.granted = go.attempts.get(shard.id)
            if shard.granted is not None:
                shard.at(shard.granted, now_ns).hear(now_ns)

    def go_failed(self, group: str) -> None:
        """Nobody knows whether that go was created: it is asked for again."""
        self._by_id[group].asked = False

    def announced(self, group: str) -> None:
        """Control lists the group already."""
        self._by_id[group].announced = True

    def stopped(self, now_ns: int) -> None:
        """Control says abort, or done: from here on only ends are awaited."""
        if self._stopped_ns is None:
            self._stopped_ns = now_ns

    def fenced(self) -> None:
        """Another orchestrator owns the run: observe."""
        self._fenced = True

    # --- decisions -----------------------------------------------------------------------------------------------

    def decide(self, now_ns: int) -> list[Action]:
        if self._finished:
            return []
        actions: list[Action] = []
        if self._stopped_ns is None and not self._fenced:
            for group in self.groups:
                if not group.settled:
                    actions += self._advance(group, now_ns)
                if self._stopped_ns is not None:
                    return actions  # what was decided for earlier groups stands; nothing more is started
        for group in self.groups:
            self._close(group, now_ns)
        if self._all_over(now_ns):
            self._finished = True
            actions.append(Finish(tuple(self._overdue())))
        return actions

    def _advance(self, group: Group, now_ns: int) -> Iterator[Action]:
        if group.go is not None:
            if not group.announced:
                group.announced = True
                yield Grant(group.id)
            return
        if not group.shards or self._boundary_passed(group, now_ns):
            group.skipped = True
            return
        if group.opened_ns is None:
            if not self._may_open(group, now_ns):
                return
            group.opened_ns = now_ns
        if not group.asked:
            yield from self._decide_go(group, now_ns)
        if not group.asked and self._stopped_ns is None:
            yield from self._invocations(group, now_ns)

    def _boundary_passed(self, group: Group, now_ns: int) -> bool:
        boundary = self._boundary(group)
        return boundary is not None and now_ns >= boundary

    def _may_open(self, group: Group, now_ns: int) -> bool:
        if group.slice == 0:
            return group.phase == self._plan.phases[0].index or self._nearly_over(group.phase, now_ns)
        boundary = self._boundary(group)
        return boundary is not None and now_ns >= boundary - self._lead_ns

    def _boundary(self, group: Group) -> int | None:
        """When the slice starts; None for the first of a phase and while the phase's t0 is not decided."""
        first = self._by_id[group_id(group.phase, 0)]
        if group.slice == 0 or first.go is None:
            return None
        return first.go.t0_unix_ns + group.start_ns

    def _nearly_over(self, phase: int, now_ns: int) -> bool:
        """Whether the phase before this one is near enough to its end to warm up the next."""
        before = [group for group in self.groups if group.phase < phase]
        if not all(group.go is not None or group.skipped for group in before):
            return False
        last = before[-1]
        if last.settled:
            return True
        if last.end_ns is not None and last.go is not None:
            return now_ns >= last.go.t0_unix_ns + last.end_ns - self._lead_ns
        return any(
            shard.over or shard.attempts[shard.granted].draining for shard in last.shards if shard.granted is not None
        )

    def _invocations(self, group: Group, now_ns: int) -> Iterator[Action]:
        deadline = self._deadline(group, now_ns)
        if now_ns >= deadline:
            return
        opened = group.opened_ns if group.opened_ns is not None else now_ns
        spacing = self._patience.spacing_ns if group.slice else 0
        asked = 0
        for place, shard in enumerate(group.shards):
            if asked == self._patience.burst:
                return
            if now_ns >= opened + place * spacing and self._wants_attempt(shard, opened, deadline, now_ns):
                number = shard.next_attempt
                shard.attempts[number] = Attempt(now_ns)
                asked += 1
                yield Invoke(shard.id, number, deadline)

    def _wants_attempt(self, shard: Shard, opened: int, deadline: int, now_ns: int) -> bool:
        latest = shard.latest
        if latest is None:
            return True
        if latest.ended:
            return shard.next_attempt < MAX_ATTEMPTS
        slow = latest.ready is None and now_ns >= opened + (deadline - opened) // 2
        return self._patience.retry_slow and slow and len(shard.attempts) == 1

    def _deadline(self, group: Group, now_ns: int) -> int:
        """By when the group's go is decided at the latest, with those that are ready then."""
        boundary = self._boundary(group)
        if boundary is not None:
            return boundary - self._notice_ns(group)
        opened = group.opened_ns if group.opened_ns is not None else now_ns
        return max(opened, self._phase_over_ns.get(group.phase - 1, opened)) + self._ready_ns

    def _notice_ns(self, group: Group) -> int:
        """Three polls and the clocks' error: what it takes until every worker has read its go."""
        errors = [a.ready.clock_error_ns for shard in group.shards for a in shard.attempts.values() if a.ready]
        return 3 * ns(self._plan.coordination.poll_wait_s) + max([self._own_error_ns, *errors])

    def _decide_go(self, group: Group, now_ns: int) -> Iterator[Action]:
        first = self._by_id[group_id(group.phase, 0)].go
        before = self._over_before(group, now_ns)
        if before is None:
            return
        coordination = self._plan.coordination
        start = now_ns + max(ns(coordination.start_delay_s), self._notice_ns(group))
        pause_ns = ns(self._phase(group).pause_before_s) if before else 0
        t0 = first.t0_unix_ns if first is not None else max(start, before + pause_ns)
        ready = self._grantable(group, t0, now_ns)
        if len(ready) < len(group.shards):
            hopeless = self._hopeless(group, ready)
            if now_ns < self._deadline(group, now_ns) and not hopeless:
                return
            # How much of the run's first slice must be there is for ready.min to say; a later one goes with what it has.
            if before == 0 and first is None and len(ready) < coordination.ready_min * len(group.shards):
                self.stopped(now_ns)
                yield Abort("ready", self._not_ready(group, ready, hopeless))
                return
        group.asked = True
        run_t0 = self.groups[0].go.run_t0_unix_ns if self.groups[0].go is not None else t0
        yield CreateGo(group.id, Go(group.phase, group.slice, t0, run_t0, ready, self._writer))

    def _over_before(self, group: Group, now_ns: int) -> int | None:
        """When the phase before was over (0: there is none before); None while it is not, or for want of a t0."""
        if group.slice:
            return 0 if self._boundary(group) is not None else None
        earlier = [other for other in self.groups if other.phase < group.phase]
        if not earlier:
            return 0
        if not all(other.settled for other in earlier):
            return None
        return self._phase_over_ns.setdefault(group.phase - 1, now_ns)

    def _phase(self, group: Group) -> PhasePlan:
        return next(phase for phase in self._plan.phases if phase.index == group.phase)

    def _grantable(self, group: Group, t0_ns: int, now_ns: int) -> dict[str, int]:
        until = t0_ns + (group.end_ns if group.end_ns is not None else group.start_ns)
        found = ((shard.id, shard.grantable(now_ns, self._patience.stale_ns, until)) for shard in group.shards)
        return {shard: number for shard, number in found if number is not None}
