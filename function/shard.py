"""The run of one shard by one invocation, from claim to receipt. Every rule of the protocol that a worker keeps is here
or in what is called from here; every entry (a process, a Lambda, a Cloud Run task) calls `run_shard` and nothing else.

Whatever happens to requests ends in rows, whatever happens to the run ends in the receipt; what cannot be stored or was
never foreseen is raised. When `run_shard` returns or raises, no thread, task or connection of it is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec

from function.assignment import load_assignment, load_spec
from function.claim import claim_attempt
from function.clock import Clock
from function.commit import Commits
from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Claim, Go, Payload
from function.contract.errors import StoreError
from function.contract.receipt import Receipt
from function.contract.spec import ShardSpec
from function.control import ControlWatch
from function.flight import Performer
from function.gate import Gate
from function.guard import Guard
from function.progress import ProgressReport
from function.quiet import quiet
from function.readiness import say_ready, wait_for_first_word, wait_for_go
from function.recorder import PartWriter
from function.rim import Rim
from function.secret import Resolver
from function.sending import Ending, Sending
from function.store.port import ObjectStore
from function.store_clock import StoreClock
from function.ticker import Running
from function.timeline import lay_out
from function.vigil import Vigil

FLUSH_S = 10.0  # the least time that records and receipt get after the last request, however short the drain
RECEIPT_PATIENCE_S = 10.0
POLL_LIMIT_S = 1.0
MARGIN_S = 10.0  # kept free before an invocation's limit, beside drain and flush; a plan keeps 5 s more

Outcome = Literal["not_mine", "too_late", "not_granted", "sealed", "ran"]
MakePerformer = Callable[[ShardSpec, Sequence[bytes], Mapping[str, str], Clock], Performer]  # called inside the loop


@dataclass(frozen=True, slots=True)
class Invocation:
    """What the platform knows. `started_ns`: the process's or sandbox's start on the worker's clock. `interrupted` says
    why the process was told to end. `limit_unix_ns`: when the platform ends it, by this machine's wall clock. `guard`:
    what it may be made to do; None where whoever starts it may do everything anyway."""

    started_ns: int
    sources: Mapping[str, Resolver] = field(default_factory=dict)
    interrupted: Callable[[], str | None] = lambda: None
    limit_unix_ns: int | None = None
    guard: Guard | None = None


@dataclass(frozen=True, slots=True)
class ShardEnd:
    """not_mine: another invocation holds the attempt. too_late: delivered after `not_after`. not_granted: no go named
    this attempt before the run, the lease or the wait was over. sealed: it ran, and merge had closed the shard by then.
    `detail` is worth a line in a log, or empty.
    """

    outcome: Outcome
    detail: str = ""
    receipt: Receipt | None = None


async def run_shard(
    payload: Payload, store: ObjectStore, make_performer: MakePerformer, invocation: Invocation, rim: Rim
) -> ShardEnd:
    """Raises BenchctlError: UsageError before any load, others also after it, and then the receipt says `failed`."""
    store_clock = StoreClock()
    commits = Commits(store, rim.clock, store_clock)
    claim = await claim_attempt(commits, payload.shard, payload.attempt)
    if claim is None:
        return ShardEnd("not_mine", "another invocation claimed this attempt")
    if rim.clock.wall_ns() + store_clock.offset()[0] > payload.not_after * 1e9:
        return ShardEnd("too_late", "this invocation was delivered after its time")
    spec = await load_spec(store, payload)
    if invocation.guard is not None:
        invocation.guard.check_spec(spec)
    attempt = _Attempt(spec, claim, store, commits, invocation, rim)
    with quiet():
        try:
            return await attempt.run(make_performer)
        finally:
            await attempt.close()


class _Attempt:
    """A claimed attempt: its gate, its threads, and the way from ready to receipt."""

    def __init__(
        self,
        spec: ShardSpec,
        claim: Claim,
        store: ObjectStore,
        commits: Commits,
        invocation: Invocation,
        rim: Rim,
    ) -> None:
        self._spec = spec
        self._claim = claim
        self._store = store
        self._commits = commits
        self._store_clock = commits.store_clock
        self._invocation = invocation
        self._rim = rim
        self._gate = Gate(spec.shard, claim.attempt, int(spec.lease_s * 1e9), rim.clock)
        self._writer = PartWriter(store, claim.shard, claim.attempt)
        self._vigil = Vigil(self._gate, rim.fuse, invocation.interrupted, lambda: self._writer.failure)
        self._report: ProgressReport | None = None
        self._threads: list[Running] = []
        self._handles: list[ObjectStore] = []
        self._performer: Performer | None = None
        self._sending: Sending | None = None
        self._cold_start_ns = 0

    async def run(self, make_performer: MakePerformer) -> ShardEnd:
        watch = ControlWatch(self._handle(POLL_LIMIT_S), self._spec, self._gate, self._rim.clock)
        self._threads.append(self._rim.spawn("control", watch.step, self._rim.fuse))
        stop = await self._vigil.unless_stopped(self._get_ready(make_performer))
        if stop is None:
            stop = await self._vigil.unless_stopped(wait_for_go(self._gate, self._spec, self._rim.clock))
        if self._sending is None or self._report is None or self._gate.go is None or not self._gate.go_names_me:
            lapsed = stop is not None and stop.reason == "lease"
            return ShardEnd("not_granted", stop.detail or "" if stop and lapsed else "")
        return await self._serve(self._sending, self._report, self._gate.go)

    async def close(self) -> None:
        """Nothing of this attempt is left afterwards."""
        if self._performer is not None:
            await self._performer.close()
        for thread in self._threads:
            await asyncio.to_thread(thread.stop)
        if self._sending is not None:
            await asyncio.to_thread(self._sending.stop)
        for handle in self._handles:
            handle.close()

    async def _get_ready(self, make_performer: MakePerformer) -> None:
        spec, clock = self._spec, self._rim.clock
        assignment = await load_assignment(self._store, spec, self._invocation.sources)
        full = msgspec.structs.replace(spec, target=assignment.target)
        self._performer = make_performer(full, assignment.texts, assignment.secrets, clock)
        await self._performer.warm()
        await wait_for_first_word(self._gate)
        self._sending = Sending(spec, assignment.workload, self._performer, self._gate, self._writer, self._rim)
        self._report = ProgressReport(
            self._handle(), self._claim, self._sending, clock, self._store_clock, spec.progress_s
        )
        self._cold_start_ns = clock.now_ns() - self._invocation.started_ns
        until_unix_ns = self._send_until_unix_ns()
        await say_ready(self._commits, self._claim, self._store_clock, self._cold_start_ns, until_unix_ns)
        self._threads.append(self._rim.spawn("progress", self._report.step, self._rim.fuse))

    async def _serve(self, sending: Sending, report: ProgressReport, go: Go) -> ShardEnd:
        """Granted: from here on there is a receipt, whatever happens."""
        offset_ns, _ = self._store_clock.offset()
        timeline = lay_out(go, self._spec, self._rim.clock, offset_ns, self._send_until_unix_ns(go))
        ending = await sending.run(timeline, self._vigil, self._cold_start_ns)
        flushed_ns = max(sending.drained_ns, self._rim.clock.now_ns() + int(FLUSH_S * 1e9))
        try:
            await sending.recorder.drained(self._rim.clock, flushed_ns)
        except StoreError as error:
            ending = replace(ending, reason="failed", detail=str(error), error=ending.error or error)
        if ending.error is None:
            await asyncio.to_thread(report.step)
        receipt = self._receipt(sending, ending)
        key = keys.receipt(self._spec.shard)
        mine = await self._commits.create(key, encode(receipt), RECEIPT_PATIENCE_S)
        if ending.error is not None:
            raise ending.error
        if not mine:
            return ShardEnd("sealed", f"{key} was there already: what this attempt did last does not count", receipt)
        return ShardEnd("ran", receipt=receipt)

    def _receipt(self, sending: Sending, ending: Ending) -> Receipt:
        offset_ns, error_ns = self._store_clock.offset()
        parts = tuple(self._writer.parts)
        return Receipt(
            shard=self._claim.shard,
            attempt=self._claim.attempt,
            nonce=self._claim.nonce,
            reason=ending.reason,
            parts=parts,
            rows=sum(part.rows for part in parts),
            counts=sending.tally.counts(),
            stopped_ns=ending.stopped_ns,
            stop_detail=ending.detail,
            clock_offset_ns=offset_ns,
            clock_error_ns=error_ns,
            health=ending.health,
            at_unix_ns=self._rim.clock.wall_ns() + offset_ns,
        )

    def _send_until_unix_ns(self, go: Go | None = None) -> int | None:
        """On the store's clock: by the invocation's limit, and by the longest that a run may take."""
        limits = []
        if self._invocation.limit_unix_ns is not None:
            left_s = self._spec.drain_s + self._spec.flush_s + MARGIN_S
            limits.append(self._invocation.limit_unix_ns + self._store_clock.offset()[0] - int(left_s * 1e9))
        if go is not None and self._invocation.guard is not None:
            limits.append(go.run_t0_unix_ns + int(self._invocation.guard.max_duration_s * 1e9))
        return min(limits, default=None)

    def _handle(self, limit_s: float | None = None) -> ObjectStore:
        """The store again, with connections of its own."""
        self._handles.append(self._store.at("", limit_s=limit_s))
        return self._handles[-1]
