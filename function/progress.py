"""Tells the orchestrator's live view how far a worker is, and that it lives. Results never come from here."""

from __future__ import annotations

from typing import Literal, Protocol

from function.clock import Clock
from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Claim, Progress
from function.contract.errors import StoreError
from function.store.port import ObjectStore
from function.store_clock import StoreClock
from function.tally import Tally

State = Literal["waiting", "sending", "draining", "ended"]


class Watched(Protocol):
    """What progress is written of: function.sending.Sending."""

    state: State
    tally: Tally

    @property
    def in_flight(self) -> int: ...


class ProgressReport:
    """One step writes the progress object once."""

    def __init__(
        self,
        store: ObjectStore,
        claim: Claim,
        watched: Watched,
        clock: Clock,
        store_clock: StoreClock,
        period_s: float,
    ) -> None:
        self._store = store
        self._claim = claim
        self._watched = watched
        self._clock = clock
        self._store_clock = store_clock
        self._period_s = period_s
        self._key = keys.progress(keys.attempt_id(claim.shard, claim.attempt))

    def step(self) -> float:
        body = encode(self._progress())
        before_ns = self._clock.wall_ns()
        try:
            stored = self._store.put(self._key, body)
        except StoreError:
            return self._period_s  # it shows: the object's age grows, and the next one brings all counts
        self._store_clock.observe(before_ns, stored, self._clock.wall_ns())
        return self._period_s

    def _progress(self) -> Progress:
        tally = self._watched.tally
        counts = tally.counts()
        return Progress(
            shard=self._claim.shard,
            attempt=self._claim.attempt,
            nonce=self._claim.nonce,
            state=self._watched.state,
            at_unix_ns=self._clock.wall_ns() + self._store_clock.offset()[0],
            sent=tally.sent_count,
            ok=counts.ok,
            failed=counts.failed,
            timed_out=counts.timed_out,
            missed=counts.missed,
            aborted=counts.aborted,
            in_flight=self._watched.in_flight,
            ttft=tuple(tally.ttft),
            stages=dict(tally.stages),
            errors=dict(tally.errors),
            schedule_delay_max_ns=tally.delay_max_ns,
        )
