"""How far a worker is: counts for the orchestrator's live view. Results never come from here.

The tally is kept by the loop and read by the thread that writes progress; a count may be one request ahead of another.
"""

from __future__ import annotations

from collections import Counter
from math import log10
from typing import Literal, Protocol

from function.arrival import Arrival, Row
from function.clock import Clock
from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Claim, Progress
from function.contract.errors import StoreError
from function.contract.receipt import Counts
from function.store.port import ObjectStore
from function.store_clock import StoreClock

State = Literal["waiting", "sending", "draining", "ended"]

_TTFT_BINS = 61  # 1 ms to 1,000 s, ten a decade


class Tally:
    """Counts since the start. `delay_max_ns`: the largest sent - scheduled."""

    def __init__(self) -> None:
        self.sent_count = 0
        self.delay_max_ns = 0
        self.statuses: Counter[str] = Counter()
        self.stages: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()
        self.ttft = [0] * _TTFT_BINS

    def sent(self, arrival: Arrival, sent_ns: int) -> None:
        self.sent_count += 1
        self.stages[arrival.stage] += 1
        self.delay_max_ns = max(self.delay_max_ns, sent_ns - arrival.scheduled_ns)

    def ended(self, row: Row) -> None:
        self.statuses[row.status] += 1
        if row.error_kind is not None:
            self.errors[row.error_kind] += 1
        if row.first_token_ns is not None and row.sent_ns is not None:
            self.ttft[_ttft_bin(row.first_token_ns - row.sent_ns)] += 1

    def counts(self) -> Counts:
        seen = self.statuses
        return Counts(seen["ok"], seen["failed"], seen["timed_out"], seen["missed"], seen["aborted"])


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


def _ttft_bin(ttft_ns: int) -> int:
    milliseconds = ttft_ns / 1e6
    return 0 if milliseconds < 1 else min(int(10 * log10(milliseconds)), _TTFT_BINS - 1)
