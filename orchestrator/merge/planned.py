"""What each shard was to send, from its workload part: the rows of the table before anything was recorded.

In a closed loop by time the plan knows no count: planned is what its users started. They take numbers in order (the
part's own, then on by the same step, its rows over again), so whatever lies below the highest one seen was started too,
and a row missing there is lost.

A part that is not the plan's tells nothing. How many requests a shard has, their numbers and stages follow from plan
and spec; what was recorded knows the rest. A request without a record then counts as due when its slice or its stage
began, whichever was later: the earliest it can have been.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from function.contract import keys
from function.contract.codec import digest
from function.contract.errors import ContractError, NotFound
from function.contract.plan import PhaseKind, PhasePlan, Plan, ShardPlan
from function.contract.spec import ShardSpec
from function.store.port import ObjectStore
from orchestrator.merge.parts import Damaged, counts, read_workload, times, words
from orchestrator.merge.stored import maybe, readable
from orchestrator.metrics.requests import NEVER, UNKNOWN, Int32, Int64


@dataclass(frozen=True, slots=True)
class Planned:
    """One shard's requests in the order they are to be sent. `scheduled_ns` since the run's t0, NEVER in closed loops;
    `model` and `session` are codes into `session_words` and the specs' models."""

    index: Int64
    stage: Int32
    scheduled_ns: Int64
    prompt_tokens: Int32
    asked_tokens: Int32
    model: Int32
    session: Int32
    session_words: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.index)

    def started(self, count: int, stride: int) -> Planned:
        """The first `count` requests of a closed loop by time: rows are used over again under new numbers."""
        if not len(self):
            return self
        row = np.arange(count) % len(self)
        return Planned(
            self.index[0] + stride * np.arange(count, dtype=np.int64),
            self.stage[row],
            np.full(count, NEVER),
            self.prompt_tokens[row],
            self.asked_tokens[row],
            self.model[row],
            self.session[row],
            self.session_words,
        )

    def place(self, index: Int64, stride: int) -> Int64:
        """Which request of the sequence a number is; negative or past any count where it is none."""
        off = index - self.index[0]
        return np.where(off % stride == 0, off // stride, -1)


_NOTHING32, _NOTHING64 = np.empty(0, np.int32), np.empty(0, np.int64)
NO_REQUESTS = Planned(_NOTHING64, _NOTHING32, _NOTHING64, _NOTHING32, _NOTHING32, _NOTHING32, _NOTHING32, ())


def read_planned(store: ObjectStore, shard: ShardPlan, kind: PhaseKind, phase_ns: int) -> Planned:
    """Raises Damaged when the part is not the plan's."""
    key = keys.workload(shard.shard)
    try:
        body = store.get(key).body
    except NotFound as error:
        raise Damaged(f"{key} is missing") from error
    if digest(body) != shard.workload_sha256:
        raise Damaged(f"{key}: the digest of its {len(body)} bytes is not the plan's")
    table = read_workload(body, key)
    if table.num_rows != shard.rows:
        raise Damaged(f"{key} holds {table.num_rows} requests, the plan says {shard.rows}")
    session, session_words = words(table, "session")
    scheduled = times(table, "scheduled_ns")
    return Planned(
        index=times(table, "request_index"),
        stage=counts(table, "stage").astype(np.int32),
        scheduled_ns=scheduled + phase_ns if kind == "open" else np.full(table.num_rows, NEVER),
        prompt_tokens=counts(table, "prompt_tokens").astype(np.int32),
        asked_tokens=counts(table, "output_tokens").astype(np.int32),
        model=counts(table, "model").astype(np.int32),
        session=session,
        session_words=tuple(session_words),
    )


def without_part(store: ObjectStore, plan: Plan, shard: ShardPlan, phase_ns: int) -> Planned:
    """The same without the part. Raises ContractError when the spec cannot be read either."""
    spec = read_spec(store, shard.shard)
    if spec is None:
        names = f"{keys.workload(shard.shard)} and {keys.spec(shard.shard)}"
        raise ContractError(f"neither {names} can be read: the shard's requests cannot be told without them")
    phase = next(one for one in plan.phases if one.index == spec.phase)
    index = spec.next_index + spec.index_stride * np.arange(shard.rows, dtype=np.int64)
    stage = _stages(plan, phase, index)
    unknown = np.full(shard.rows, UNKNOWN, np.int32)
    return Planned(
        index=index,
        stage=stage,
        scheduled_ns=phase_ns + _earliest(plan, spec, stage) if phase.kind == "open" else np.full(shard.rows, NEVER),
        prompt_tokens=unknown,
        asked_tokens=unknown,
        model=np.zeros(shard.rows, np.int32) if len(spec.models) == 1 else unknown,
        session=unknown,
        session_words=(),
    )


def _stages(plan: Plan, phase: PhasePlan, index: Int64) -> Int32:
    """Numbers follow the schedule, so a stage is a range of them. Only the open loop's one phase has several."""
    counts_of = {stage.index: stage.requests or 0 for stage in plan.stages}
    ends = np.cumsum([counts_of[stage] for stage in phase.stages[:-1]])
    found: Int32 = np.array(phase.stages, np.int32)[np.searchsorted(ends, index, side="right")]
    return found


def _earliest(plan: Plan, spec: ShardSpec, stage: Int32) -> Int64:
    """Since the phase's t0, per request."""
    starts = np.zeros(max(one.index for one in plan.stages) + 1, np.int64)
    for one in plan.stages:
        starts[one.index] = round(one.start_s * 1e9)
    earliest: Int64 = np.maximum(starts[stage], spec.slice_start_ns)
    return earliest


def read_spec(store: ObjectStore, shard: str) -> ShardSpec | None:
    """None where there is none that can be read."""
    return readable(ShardSpec, maybe(store, keys.spec(shard)), keys.spec(shard))
