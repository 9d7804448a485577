"""What is known of a run's invocations: which attempts of which shard were started, became ready, were granted, ended.

Facts only, told by the store and the provider; what to do about them is the fleet's to say. Instants are unix ns on
the store's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from function.contract.control import Go, Ready
from function.contract.keys import group_id, parse_shard
from function.contract.plan import Plan


@dataclass(slots=True)
class Attempt:
    """`heard_ns`: when it last gave a sign of life. `ended`: its invocation is provably over.

    `clean`: that ended as the protocol has it. Without a receipt it sent nothing, and another invocation may hold the
    attempt (a duplicate finds it claimed and leaves).
    """

    invoked_ns: int
    ready: Ready | None = None
    heard_ns: int | None = None
    draining: bool = False
    ended: bool = False
    clean: bool = False

    def hear(self, now_ns: int) -> None:
        self.heard_ns = now_ns


@dataclass(slots=True)
class Shard:
    """One shard's attempts by number; `granted` is the one that go names, `committed` the one whose receipt is in."""

    id: str
    attempts: dict[int, Attempt] = field(default_factory=dict)
    granted: int | None = None
    committed: int | None = None

    @property
    def latest(self) -> Attempt | None:
        return self.attempts[max(self.attempts)] if self.attempts else None

    @property
    def next_attempt(self) -> int:
        return max(self.attempts, default=-1) + 1

    @property
    def over(self) -> bool:
        """Granted, and its attempt has committed or can no longer send."""
        if self.granted is None:
            return False
        attempt = self.attempts[self.granted]
        return self.committed == self.granted or (attempt.ended and not attempt.clean)

    def grantable(self, now_ns: int, stale_ns: int, send_until_ns: int) -> int | None:
        """The first attempt that is ready, alive, heard of lately, and able to send until then."""
        for number, attempt in sorted(self.attempts.items()):
            if attempt.ready is None or attempt.ended or attempt.heard_ns is None:
                continue
            limit = attempt.ready.send_until_unix_ns
            if now_ns - attempt.heard_ns <= stale_ns and (limit is None or limit >= send_until_ns):
                return number
        return None

    def at(self, number: int, now_ns: int) -> Attempt:
        """The attempt of that number, also one that somebody else invoked."""
        return self.attempts.setdefault(number, Attempt(now_ns))


@dataclass(slots=True)
class Group:
    """The shards of one phase and slice. `start_ns`, `end_ns` count from the phase's t0; no end: bounded by count."""

    id: str
    phase: int
    slice: int
    start_ns: int
    end_ns: int | None
    shards: tuple[Shard, ...]
    opened_ns: int | None = None
    asked: bool = False  # its go is being created
    go: Go | None = None
    announced: bool = False  # the grant was asked for
    skipped: bool = False  # no go will ever be created
    closed: bool = False

    @property
    def settled(self) -> bool:
        return self.closed or self.skipped


def groups_of(plan: Plan) -> tuple[Group, ...]:
    """The plan's groups in the order in which they run."""
    shards: dict[str, list[Shard]] = {}
    for planned in plan.shards:
        name = parse_shard(planned.shard)
        shards.setdefault(group_id(name.phase, name.slice), []).append(Shard(planned.shard))
    return tuple(
        Group(
            group_id(phase.index, window.index),
            phase.index,
            window.index,
            window.start_ns,
            window.end_ns,
            tuple(shards.get(group_id(phase.index, window.index), ())),
        )
        for phase in plan.phases
        for window in phase.slices
    )
