"""What is known of a run besides its requests: how shards ended, when sending stopped, what the orchestrator saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from function.contract.keys import ShardName, parse_shard
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
