"""What to do on an event: the pure state machine that invokes, grants and ends a run's shards.

It is told facts (ready, progress, receipts, ends, which go exists) and asked with `decide(now)` what must be done; it
does nothing itself and reads no clock. Two rules carry the promise that no request is sent twice: a shard is granted
once, by the one go of its group, and nothing here ever names another attempt after that. All instants are unix ns on
the store's clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from function.contract.control import Go, Progress, Ready
from function.contract.keys import group_id
from function.contract.plan import Plan
from orchestrator.launch.action import Abort, Action, CreateGo, Finish, Grant, Invoke
from orchestrator.launch.roster import Attempt, Group, Shard, groups_of
from orchestrator.launch.timetable import SECOND_NS, Timetable, ns

MAX_ATTEMPTS = 3  # of one shard: what died three times before it was ready dies a fourth time


@dataclass(frozen=True, slots=True)
class Patience:
    """How a provider's invocations are started and given up.

    `retry_slow`: a second attempt of one that is not ready at half of its time (clouds lose events; a slow local
    process is only slow). `spacing_ns`: between the starts of a later slice's shards. `stale_ns`: a waiting attempt
    without a sign of life for so long is not granted. `wind_down_ns`: after a stop, until nothing is awaited any more.
    `burst`: invocations asked for at once.
    """

    retry_slow: bool = False
    spacing_ns: int = 0
    stale_ns: int = 5 * SECOND_NS
    wind_down_ns: int = 10 * SECOND_NS
    burst: int = 64


def patience_for(plan: Plan) -> Patience:
    """Local processes of a later slice start one after another over the lead (which is 3 s and 0.4 s a lane): starting
    them at once would take the machine away from the slice that is sending."""
    terms = plan.coordination
    if plan.provider != "local":  # a word takes a poll longer to be heard, and hundreds speak less often
        quiet_s = 4 * max(2.0, terms.lanes / 1500)
        return Patience(retry_slow=True, stale_ns=ns(quiet_s), wind_down_ns=ns(10 + terms.poll_s + terms.flush_s))
    return Patience(spacing_ns=ns(min(0.4, max(terms.lead_s - 3.0, 0.0) / terms.lanes)))


class Fleet:
    """One run. `clock_error_ns` is that of `now`; `writer` marks the go objects created here."""

    def __init__(self, plan: Plan, writer: str, clock_error_ns: int = 0, patience: Patience | None = None) -> None:
        self.groups = groups_of(plan)
        self._shards = {shard.id: shard for group in self.groups for shard in group.shards}
        self._by_id = {group.id: group for group in self.groups}
        self._times = Timetable(plan, self.groups, clock_error_ns)
        self._patience = patience or Patience()
        self._writer = writer
        self._ready_min = plan.coordination.ready_min
        self._lease_ns = ns(plan.coordination.lease_s)
        self._stopped_ns: int | None = None
        self._fenced = False
        self._finished = False

    # Facts.

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

    def ended(self, shard: str, attempt: int, now_ns: int, *, clean: bool = False) -> None:
        """An invocation is provably over. Tell receipts first: its last act may have been to write one.

        `clean`: it ended as the protocol has it (exit code 0).
        """
        over = self._shards[shard].at(attempt, now_ns)
        over.ended, over.clean = True, clean

    def go_settled(self, go: Go, now_ns: int) -> None:
        """That go exists, whoever created it."""
        group = self._by_id[group_id(go.phase, go.slice)]
        group.go, group.asked = go, False
        group.opened_ns = now_ns if group.opened_ns is None else group.opened_ns
        for shard in group.shards:
            shard.granted = go.attempts.get(shard.id)
            if shard.granted is not None:
                shard.at(shard.granted, now_ns).hear(now_ns)

    def go_failed(self, group: str) -> None:
        """Nobody knows whether that go was created: asked for again, and the older one is adopted if it was."""
        self._by_id[group].asked = False

    def announced(self, group: str) -> None:
        """Control lists the group already."""
        self._by_id[group].announced = True

    def stopped(self, now_ns: int) -> None:
        """Control says abort or done: from here on only ends are awaited."""
        if self._stopped_ns is None:
            self._stopped_ns = now_ns

    def fenced(self) -> None:
        """Another orchestrator owns the run: nothing is started or granted here any more."""
        self._fenced = True

    def granted(self, shard: str) -> int | None:
        """The attempt of that shard that a go names."""
        return self._shards[shard].granted

    # Decisions.

    def decide(self, now_ns: int) -> list[Action]:
        """What must be done now. Every invocation, go and grant is asked for once."""
        if self._finished:
            return []
        actions: list[Action] = []
        for group in self.groups:
            if self._stopped_ns is None and not self._fenced and not group.settled:
                actions += self._advance(group, now_ns)
        for group in self.groups:
            if group.go is not None and not group.closed:
                group.closed = self._is_over(group, now_ns)
        self._times.note_phases_over(now_ns)
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
        boundary = self._times.boundary(group)
        if boundary is not None and now_ns >= boundary:
            group.skipped = True  # this orchestrator was asleep: a go would come too late for everybody
            return
        if group.opened_ns is None and self._times.may_open(group, now_ns):
            group.opened_ns = now_ns
        if group.opened_ns is None or group.asked:
            return
        yield from self._decide_go(group, now_ns)
        if not group.asked and self._stopped_ns is None:
            yield from self._invocations(group, group.opened_ns, now_ns)

    def _decide_go(self, group: Group, now_ns: int) -> Iterator[Action]:
        t0 = self._times.t0_of_go(group, now_ns)
        if t0 is None:
            return
        ready = self._grantable(group, t0, now_ns)
        if len(ready) < len(group.shards):
            if now_ns < self._times.deadline(group, now_ns) and not self._hopeless(group, ready):
                return
            # ready.min speaks of the run's first slice; a later one goes with what it has.
            if self._times.opens_run(group) and len(ready) < max(self._ready_min * len(group.shards), 1):
                self.stopped(now_ns)
                yield Abort("ready", self._too_few(group, ready))
                return
        first = self.groups[0].go
        run_t0 = t0 if first is None else first.run_t0_unix_ns
        group.asked = True
        yield CreateGo(group.id, Go(group.phase, group.slice, t0, run_t0, ready, self._writer))

    def _grantable(self, group: Group, t0_ns: int, now_ns: int) -> dict[str, int]:
        until = t0_ns + (group.start_ns if group.end_ns is None else group.end_ns)
        found = {shard.id: shard.grantable(now_ns, self._patience.stale_ns, until) for shard in group.shards}
        return {shard: number for shard, number in found.items() if number is not None}

    def _hopeless(self, group: Group, ready: dict[str, int]) -> bool:
        """Whether nobody who is not ready will ever be."""
        waiting = [shard for shard in group.shards if shard.id not in ready]
        return all(_exhausted(shard) for shard in waiting)

    def _too_few(self, group: Group, ready: dict[str, int]) -> str:
        waiting = [shard for shard in group.shards if shard.id not in ready]
        died = sum(map(_exhausted, waiting))
        how = f"{died} of them ended {MAX_ATTEMPTS} times before they were ready" if died else "the rest are not ready"
        return f"{len(ready)} of {len(group.shards)} shards of the first slice became ready; {how}"

    def _invocations(self, group: Group, opened_ns: int, now_ns: int) -> Iterator[Action]:
        deadline = self._times.deadline(group, now_ns)
        spacing = self._patience.spacing_ns if group.slice else 0
        due = [shard for place, shard in enumerate(group.shards) if now_ns >= opened_ns + place * spacing]
        wanting = [shard for shard in due if self._wants_attempt(group, shard, opened_ns, now_ns)]
        for shard in wanting[: self._patience.burst] if now_ns < deadline else ():
            number = shard.next_attempt
            shard.attempts[number] = Attempt(now_ns)
            yield Invoke(shard.id, number, deadline)

    def _wants_attempt(self, group: Group, shard: Shard, opened_ns: int, now_ns: int) -> bool:
        latest = shard.latest
        if latest is None:
            return True
        if latest.ended:
            return shard.next_attempt < MAX_ATTEMPTS
        half_gone = now_ns >= opened_ns + self._times.patience_ns(group) // 2
        return self._patience.retry_slow and half_gone and latest.ready is None and shard.next_attempt == 1

    # Ends.

    def _is_over(self, group: Group, now_ns: int) -> bool:
        waiting = [shard for shard in group.shards if shard.granted is not None and not shard.over]
        if not waiting or self._times.overdue(group, now_ns):
            return True
        # Silent for a whole lease: whoever still lives there has read no control meanwhile, and its gate has lapsed.
        return all(self._silent(shard, now_ns) for shard in waiting)

    def _silent(self, shard: Shard, now_ns: int) -> bool:
        attempt = shard.attempts[shard.granted] if shard.granted is not None else None
        return attempt is not None and attempt.heard_ns is not None and now_ns - attempt.heard_ns > self._lease_ns

    def _all_over(self, now_ns: int) -> bool:
        if self._stopped_ns is None:
            return not self._fenced and all(group.settled for group in self.groups)
        if now_ns >= self._stopped_ns + self._patience.wind_down_ns:
            return True
        return all(shard.over for shard in self._shards.values() if shard.granted is not None)

    def _overdue(self) -> Iterator[str]:
        return (shard.id for shard in self._shards.values() if shard.granted is not None and not shard.over)


def _exhausted(shard: Shard) -> bool:
    return shard.latest is not None and shard.latest.ended and shard.next_attempt >= MAX_ATTEMPTS
