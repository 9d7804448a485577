"""What is known of a run besides its requests: how shards ended, when sending stopped, what the orchestrator saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from function.contract.keys import ShardName, attempt_id, parse_shard
from function.contract.observed import Observed
from function.contract.plan import Plan
from function.contract.receipt import Receipt

State = Literal["complete", "partial", "missing"]


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """`attempt` None: no go named it. `damaged`: keys of parts that are not what receipt or plan says, or contradict
    the plan, and of a receipt that cannot be read. `excused`: never granted, and the run was stopped before it could
    be."""

    shard: str
    attempt: int | None
    state: State
    receipt: Receipt | None = None
    damaged: tuple[str, ...] = ()
    excused: bool = False

    @property
    def name(self) -> ShardName:
        return parse_shard(self.shard)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """`phase_ns[i]`: t0 of phase i since the run's. `reason`: control's word for an abort. `stopped_ns`: when an abort
    or a lapse first ended sending, since t0. `t0_unix_ns` None: nothing was ever granted. `damaged`: keys of the run's
    own objects that cannot be read."""

    plan: Plan
    shards: tuple[ShardFacts, ...]
    t0_unix_ns: int | None
    phase_ns: tuple[int, ...]
    aborted: bool = False
    reason: str | None = None
    stopped_ns: int | None = None
    observed: Observed | None = None
    damaged: tuple[str, ...] = ()

    def last_words(self, shard: ShardFacts) -> str | None:
        """How the shard's invocation ended, as the platform or the worker itself put it: of the attempt that was
        granted, else of the last one. None where nobody saw it or said anything."""
        ends = {} if self.observed is None else self.observed.ends
        tried = (shard.attempt,) if shard.attempt is not None else range(len(ends) - 1, -1, -1)
        found = (ends[name] for number in tried if (name := attempt_id(shard.shard, number)) in ends)
        end = next(found, None)
        return end.detail.splitlines()[-1] if end is not None and end.detail else None
