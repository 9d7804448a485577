"""The loop that carries a run from its first invocation to its last receipt: look, tell the fleet, do what it says.

One thread, one place where things happen. The fleet decides, the lease's thread writes control, the store and the
provider say what came of it. `attach` drives with it too, from wherever the run stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from function.contract import keys
from function.contract.codec import decode, encode
from function.contract.control import Go, Payload
from function.contract.errors import ProviderError, StoreError
from function.contract.observed import End
from function.contract.plan import Plan
from function.store.owned import create_or_read
from function.store.port import ObjectStore
from orchestrator.launch.action import Abort, Action, CreateGo, Finish, Grant, Invoke
from orchestrator.launch.clock import StoreClock
from orchestrator.launch.fleet import Fleet
from orchestrator.launch.interrupts import Interrupts
from orchestrator.launch.lease import Lease
from orchestrator.launch.snapshot import Board
from orchestrator.launch.tenure import Standing
from orchestrator.launch.timetable import SECOND_NS
from orchestrator.launch.trouble import Trouble, unstored
from orchestrator.launch.view import View
from orchestrator.launch.watch import News, Watch
from orchestrator.providers.port import Ended, Provider

CALM_POLL_S = 0.2  # while nobody waits for a go
DRAW_EVERY_NS = 250_000_000
MOST_MENTIONED = 5


@dataclass(frozen=True, slots=True)
class Run:
    """A run in its folder, and who it is to its workers."""

    store: ObjectStore
    plan: Plan
    plan_hash: str


@dataclass(slots=True)
class Driven:
    """How it went. `failure` is why no load could be started; `overdue` shards neither committed nor ended; `unstored`
    is why results are missing from the store."""

    ends: dict[str, End] = field(default_factory=dict)  # by attempt id
    overdue: tuple[str, ...] = ()
    aborted: bool = False
    reason: str | None = None
    failure: str | None = None
    unstored: str | None = None


class Drive:
    """`board` is fed here and drawn on `view`. The lease runs already."""

    def __init__(
        self, run: Run, fleet: Fleet, lease: Lease, provider: Provider, clock: StoreClock, shown: tuple[Board, View]
    ) -> None:
        self._run = run
        self._fleet = fleet
        self._lease = lease
        self._provider = provider
        self._clock = clock
        self._board, self._view = shown
        self._watch = Watch(run.store)
        self._trouble = Trouble(run.plan, fleet.groups, run.store.uri)
        self._unread: str | None = None
        self._driven = Driven()
        self._unreported: list[Ended] = []
        self._beat: tuple[int, int] = (-1, -1)
        self._beat_ns = 0
        self._drawn_ns = 0
        self._mentioned = 0
        self._over = False

    def until_over(self, interrupts: Interrupts) -> Driven:
        """Returns when every granted shard has committed or can no longer send, or after an abort's bounded wait.

        Raises Interrupted at a second interrupt.
        """
        return self._until(interrupts, lambda: self._over)

    def until_granted(self, interrupts: Interrupts) -> Driven:
        """Returns once every group is granted and control says so, for a launch that leaves its workers alone."""
        return self._until(interrupts, lambda: self._over or self._all_granted())

    def _until(self, interrupts: Interrupts, enough: Callable[[], bool]) -> Driven:
        with interrupts.graceful():
            while not enough():
                if interrupts.asked and not self._driven.aborted:
                    self._abort("user")
                self._observe()
                self._decide()
                self._warn()
                self._draw()
                if not enough():
                    interrupts.wait(self._pause_s())
        return self._driven

    def _all_granted(self) -> bool:
        return all(group.go is not None and self._lease.granted(group.id) for group in self._fleet.groups)

    def _observe(self) -> None:
        self._unreported += self._provider.ended()
        now_ns = self._clock.now_ns()
        try:
            self._tell(self._watch.look(), now_ns)
        except StoreError as error:
            self._unread = error.message  # the next look finds it; an end is told after what it left behind: it waits
        else:
            self._unread = None
            ended, self._unreported = self._unreported, []
            for one in ended:
                self._driven.ends[keys.attempt_id(one.shard, one.attempt)] = End(one.exit_code, one.tail, now_ns)
                self._fleet.ended(one.shard, one.attempt, now_ns, clean=one.exit_code == 0 or not one.began)
                self._mention(one)
                if one.exit_code != 0 and self._fleet.granted(one.shard) == one.attempt:
                    self._driven.unstored = self._driven.unstored or unstored(one.tail)
        if self._lease.standing is Standing.ABORTED:
            self._stopped(self._lease.reason, now_ns)
        elif self._lease.standing is Standing.FENCED:
            self._fleet.fenced()
            if now_ns - self._beat_ns > self._run.plan.coordination.lease_s * SECOND_NS:
                self._fleet.stopped(now_ns)  # who took over is gone as well

    def _warn(self) -> None:
        control = self._lease.trouble
        for line in self._trouble.lines(self._clock.now_ns(), control, self._unread):
            self._view.say(line)
        if control is not None and self._lease.standing is Standing.ABORTED:  # nobody could renew it: it lapsed
            self._driven.unstored = self._driven.unstored or control

    def _mention(self, one: Ended) -> None:
        """The first few that ended badly are worth a line; the run's record has them all."""
        if one.exit_code == 0 or self._mentioned == MOST_MENTIONED:
            return
        self._mentioned += 1
        how = ""
        if one.exit_code is not None:
            how = f" by signal {-one.exit_code}" if one.exit_code < 0 else f" with code {one.exit_code}"
        said = f": {one.tail.splitlines()[-1]}" if one.tail else ""
        self._view.say(f"worker {keys.attempt_id(one.shard, one.attempt)} ended{how}{said}")

    def _tell(self, news: News, now_ns: int) -> None:
        for ready in news.ready:
            self._fleet.ready(ready, now_ns)
        for progress in news.progress:
            self._fleet.progress(progress, now_ns)
            self._board.progress(progress)
        for receipt in news.receipts:
            self._fleet.receipt(receipt.shard, receipt.attempt)
            self._board.receipt(receipt)
        if news.control.state == "abort":
            self._stopped(news.control.reason, now_ns)
        elif news.control.state == "done":  # not ours: who took over has ended the run
            self._fleet.stopped(now_ns)
        beat = (news.control.epoch, news.control.beat)
        if beat != self._beat:
            self._beat, self._beat_ns = beat, now_ns

    def _stopped(self, reason: str | None, now_ns: int) -> None:
        if not self._driven.aborted:
            self._driven.aborted, self._driven.reason = True, reason
            self._view.say(f"aborted ({reason or 'no reason given'}): waiting for the workers to stop")
        self._fleet.stopped(now_ns)

    def _abort(self, reason: str) -> None:
        try:
            self._lease.abort(reason)
        except StoreError as error:  # nothing is renewed any more: the lease silences whom the abort does not reach
            self._view.say(f"abort could not be stored ({error.message}); the lease runs out")
        self._stopped(reason, self._clock.now_ns())

    def _decide(self) -> None:
        for _ in range(2):  # a go that is settled is announced in the same turn
            for action in self._fleet.decide(self._clock.now_ns()):
                self._act(action)

    def _act(self, action: Action) -> None:
        match action:
            case Invoke():
                self._invoke(action)
            case CreateGo(group, go):
                self._create_go(group, go)
            case Grant(group):
                self._lease.grant(group)
            case Abort(reason, message):
                self._driven.failure = message
                self._abort(reason)
            case Finish(overdue):
                self._driven.overdue = overdue
                self._over = True

    def _invoke(self, action: Invoke) -> None:
        payload = Payload(
            run=self._run.store.uri,
            shard=action.shard,
            attempt=action.attempt,
            plan_hash=self._run.plan_hash,
            not_after=action.not_after_unix_ns / SECOND_NS,
        )
        try:
            self._provider.invoke(payload)
        except ProviderError as error:
            self._unreported.append(Ended(action.shard, action.attempt, None, error.message, began=False))

    def _create_go(self, group: str, go: Go) -> None:
        key = keys.go(group)
        try:
            there = decode(Go, create_or_read(self._run.store, key, encode(go)).body, key)
        except StoreError:
            self._fleet.go_failed(group)
        else:
            self._fleet.go_settled(there, self._clock.now_ns())

    def _pause_s(self) -> float:
        waiting = any(group.opened_ns is not None and group.go is None for group in self._fleet.groups)
        return self._provider.poll_s if waiting or self._driven.aborted else max(CALM_POLL_S, self._provider.poll_s)

    def _draw(self) -> None:
        now_ns = self._clock.now_ns()
        if now_ns - self._drawn_ns >= DRAW_EVERY_NS or self._over:
            self._drawn_ns = now_ns
            self._view.update(self._board.snapshot(now_ns))
