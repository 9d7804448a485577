"""What each shard was to send, from its workload part: the rows of the table before anything was recorded.

In a closed loop by time the plan knows no count: planned is what its users started. They take numbers in order (the
part's own, then on by the same step, its rows over again), so whatever lies below the highest one seen was started too,
and a row missing there is lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from function.contract import keys
from function.contract.codec import decode
from function.contract.errors import ContractError, NotFound
from function.contract.plan import PhaseKind, ShardPlan
from function.contract.spec import ShardSpec
from function.store.port import ObjectStore
from orchestrator.merge.parts import counts, read_workload, times, words
from orchestrator.metrics.requests import NEVER, Int32, Int64


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
    """Raises ContractError when the part is not the plan's: then nothing can be said about this run."""
    key = keys.workload(shard.shard)
    try:
        table = read_workload(store.get(key).body, key)
    except NotFound as error:
        raise ContractError(f"{key} is missing: the plan's requests cannot be counted without it") from error
    if table.num_rows != shard.rows:
        raise ContractError(f"{key} holds {table.num_rows} requests, the plan says {shard.rows}")
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


def read_spec(store: ObjectStore, shard: str) -> ShardSpec | None:
    try:
        return decode(ShardSpec, store.get(keys.spec(shard)).body, keys.spec(shard))
    except NotFound:
        return None
