"""A provider without processes: its workers live in the store, and take a step each time they are asked about.

For tests of what drives them. They obey control and go as real ones do, as far as those tests look.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from function.contract import keys
from function.contract.codec import decode, encode
from function.contract.control import Claim, Control, Go, Payload
from function.contract.errors import ProviderError
from function.contract.keys import attempt_id, group_id, parse_shard
from function.contract.plan import Plan
from function.contract.receipt import Counts, Receipt, StopReason
from function.store.owned import create_or_read
from function.store.port import ObjectStore
from orchestrator.launch.snapshot import Snapshot
from orchestrator.providers.port import Ended
from tests.orchestrator.launch.world import make_progress, make_ready


def make_receipt(shard: str, attempt: int, reason: StopReason = "complete", ok: int = 5) -> Receipt:
    return Receipt(
        shard=shard,
        attempt=attempt,
        nonce="n",
        reason=reason,
        parts=(),
        rows=ok,
        counts=Counts(ok=ok),
        stopped_ns=None,
        stop_detail=None,
        clock_offset_ns=0,
        clock_error_ns=0,
        health=None,
        at_unix_ns=0,
    )


@dataclass
class FakeProvider:
    """`dies(shard, attempt)`: it ends before it is ready, with exit code 1. `hangs`: it never commits."""

    store: ObjectStore
    plan: Plan
    dies: Callable[[str, int], bool] = lambda shard, attempt: False
    hangs: Callable[[str], bool] = lambda shard: False
    refuses: Callable[[str, int], bool] = lambda shard, attempt: False
    live: list[Payload] = field(default_factory=list)
    invoked: list[tuple[str, int]] = field(default_factory=list)
    warmed: int = 0
    left: bool = False
    stopped: int = 0
    told_recorded: int = 0
    poll_s: float = 0.01

    def warm(self, count: int) -> None:
        self.warmed = count

    def invoke(self, payload: Payload) -> None:
        self.invoked.append((payload.shard, payload.attempt))
        if self.refuses(payload.shard, payload.attempt):
            raise ProviderError("no process to spare")
        self.live.append(payload)
        if not self.dies(payload.shard, payload.attempt):
            word = attempt_id(payload.shard, payload.attempt)
            create_or_read(self.store, keys.claim(word), encode(Claim(payload.shard, payload.attempt, "n")))
            create_or_read(self.store, keys.ready(word), encode(make_ready(payload.shard, payload.attempt)))

    def ended(self) -> list[Ended]:
        steps = [(payload, self._step(payload)) for payload in self.live]
        self.live = [payload for payload, code in steps if code is None]
        return [
            Ended(payload.shard, payload.attempt, code, "" if code == 0 else "line one\nit broke")
            for payload, code in steps
            if code is not None
        ]

    def stop_all(self, grace_s: float) -> list[Ended]:
        self.stopped += 1
        ended = self.ended()
        ended += [Ended(payload.shard, payload.attempt, -9) for payload in self.live]
        self.live = []
        return ended

    def recorded(self) -> None:
        self.told_recorded += 1

    def leave(self) -> None:
        self.left, self.live = True, []

    def _step(self, payload: Payload) -> int | None:
        shard, attempt = payload.shard, payload.attempt
        if self.dies(shard, attempt):
            return 1
        name = parse_shard(shard)
        group = group_id(name.phase, name.slice)
        control = decode(Control, self.store.get(keys.CONTROL).body)
        go = decode(Go, self.store.get(keys.go(group)).body) if group in control.granted else None
        named = go is not None and go.attempts.get(shard) == attempt
        if control.state in ("abort", "done") and not self.hangs(shard):
            if named:
                self._commit(shard, attempt, "abort")
            return 0
        state = "waiting" if go is None else "sending"
        self.store.put(
            keys.progress(attempt_id(shard, attempt)), encode(make_progress(shard, attempt, state, sent=3, in_flight=1))
        )
        if go is None or self.hangs(shard):
            return None
        window = self.plan.phases[name.phase].slices[name.slice]
        if named and time.time_ns() >= go.t0_unix_ns + (window.end_ns or 0):
            self._commit(shard, attempt, "complete")
            return 0
        return None if named else 0

    def _commit(self, shard: str, attempt: int, reason: StopReason) -> None:
        create_or_read(self.store, keys.receipt(shard), encode(make_receipt(shard, attempt, reason)))


@dataclass
class FakeView:
    lines: list[str] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    closed: bool = False

    def say(self, text: str) -> None:
        self.lines.append(text)

    def update(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    def close(self) -> None:
        self.closed = True
