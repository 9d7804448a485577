"""The run of one shard from claim to receipt, in simulated time, against an orchestrator that does as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from function.arrival import Arrival
from function.contract import keys
from function.contract.codec import decode
from function.contract.control import Claim, Progress, Ready
from function.contract.errors import StoreDenied, StoreError, UsageError
from function.shard import MARGIN_S, Invocation, ShardEnd, run_shard
from function.store.memory import MemoryStore
from tests.function.fake_performer import FakePerformer
from tests.function.little_run import SHARD, LittleRun, shard_spec, workload_part
from tests.function.virtual import SECOND, VirtualClock, run, virtual_rim
from tests.suites.faulty_store import FaultyStore

MS = SECOND // 1000
EVEN = [i * 100 * MS for i in range(50)]  # 10/s for 5 s


class World:
    """One shard in a memory store, an orchestrator that beats every second, and any number of invocations."""

    def __init__(
        self,
        scheduled_ns: Sequence[int] = EVEN,
        service_s: Callable[[Arrival], float] = lambda arrival: 0.25,
        wall_offset_ns: int = 0,
        **spec: Any,
    ) -> None:
        self.clock = VirtualClock(wall_offset_ns)
        self.store = FaultyStore(MemoryStore(self.clock.true_unix_ns))
        workload = workload_part(scheduled_ns)
        self.little = LittleRun(self.store, workload, shard_spec(workload, **{"slice_end_ns": 5 * SECOND, **spec}))
        self.service_s = service_s
        self.performers: list[FakePerformer] = []
        self.beating = True
        self.t0_ns = 0  # on the virtual clock
        self.told: str | None = None

    async def invoke(self, attempt: int = 0, not_after: float = 4e9, send_until_s: float | None = None) -> ShardEnd:
        def performer(*_: Any) -> FakePerformer:
            self.performers.append(FakePerformer(self.clock, self.service_s))
            return self.performers[-1]

        left_s = self.little.spec.drain_s + self.little.spec.flush_s + MARGIN_S
        limit = None if send_until_s is None else self.clock.wall_ns() + int((send_until_s + left_s) * SECOND)
        invocation = Invocation(self.clock.now_ns(), {}, lambda: self.told, limit)
        rim = virtual_rim(self.clock)
        return await run_shard(self.little.payload(attempt, not_after), self.store, performer, invocation, rim)

    async def orchestrate(self, attempts: dict[str, int] | None = None) -> None:
        """Beats, and grants when the first is ready; t0 is half a second later."""
        granted = False
        while True:
            await asyncio.sleep(0.1 if not granted else 1.0)
            if not self.beating:
                continue
            if not granted and any(self.little.ready(attempt) for attempt in (0, 1)):
                granted = True
                self.t0_ns = self.clock.now_ns() + SECOND // 2
                self.little.go(self.clock.true_unix_ns() + SECOND // 2, attempts)
            else:
                self.little.renew()

    def play(self, work: Coroutine[Any, Any, Any], attempts: dict[str, int] | None = None) -> Any:
        async def main() -> Any:
            orchestrator = asyncio.create_task(self.orchestrate(attempts))
            try:
                return await work
            finally:
                orchestrator.cancel()
                assert len(asyncio.all_tasks()) == 2, "nothing outlives the invocation"

        return run(self.clock, main())

    async def later(self, seconds: float, event: Callable[[], None], work: Coroutine[Any, Any, Any]) -> Any:
        """`work`, with something happening `seconds` after t0."""

        async def happen() -> None:
            while not self.t0_ns:
                await asyncio.sleep(0.01)
            await asyncio.sleep((self.t0_ns - self.clock.now_ns()) / SECOND + seconds)
            event()

        happening = asyncio.create_task(happen())
        try:
            return await work
        finally:
            happening.cancel()
            await asyncio.wait({happening})

    def sent(self) -> list[tuple[int, int]]:
        return sorted(one for performer in self.performers for one in performer.sent)

    def statuses(self) -> dict[int, tuple[str, str | None]]:
        return {row["request_index"]: (row["status"], row["error_kind"]) for row in self.little.rows()}

    def wrote(self, folder: str) -> list[str]:
        return [entry.key for entry in self.store.list(folder)]


def test_a_granted_shard_sends_everything_on_time_and_says_so() -> None:
    world = World()
    end = world.play(world.invoke())
    assert (end.outcome, end.detail) == ("ran", "")
    assert world.sent() == [(i, pytest.approx(EVEN[i], abs=10)) for i in range(50)]
    receipt = world.little.receipt()
    assert (receipt.reason, receipt.stopped_ns, receipt.rows, receipt.counts.ok) == ("complete", None, 50, 50)
    assert (receipt.shard, receipt.attempt, receipt.sealed_by) == (SHARD, 0, "worker")
    claim = decode(Claim, world.store.get(keys.claim("0-0-0.0")).body)
    assert receipt.nonce == claim.nonce == decode(Ready, world.store.get(keys.ready("0-0-0.0")).body).nonce
    assert receipt.health is not None and len(receipt.health.seconds) >= 5
    assert len(receipt.parts) >= 9, "a flush every half second"
    assert set(world.statuses().values()) == {("ok", None)}
    assert world.performers[0].closed
    last = decode(Progress, world.store.get(keys.progress("0-0-0.0")).body)
    assert (last.state, last.sent, last.ok) == ("ended", 50, 50)


@pytest.mark.parametrize("wall_offset_s", [-7200, -3, 0, 3, 7200])
def test_a_wrong_wall_clock_moves_nothing_and_is_reported(wall_offset_s: int) -> None:
    world = World(wall_offset_ns=wall_offset_s * SECOND)
    world.play(world.invoke())
    assert [sent for _, sent in world.sent()] == pytest.approx(EVEN, abs=2000)
    receipt = world.little.receipt()
    assert abs(receipt.clock_offset_ns + wall_offset_s * SECOND) <= receipt.clock_error_ns <= 2000
    assert abs(receipt.at_unix_ns - world.clock.true_unix_ns()) < SECOND


def test_of_three_invocations_one_loads() -> None:
    world = World()

    async def three() -> list[ShardEnd]:
        return list(await asyncio.gather(*(world.invoke() for _ in range(3))))

    ends = world.play(three())
    assert sorted(end.outcome for end in ends) == ["not_mine", "not_mine", "ran"]
    assert [index for index, _ in world.sent()] == list(range(50))


@pytest.mark.parametrize("fault", ["lose_reply", "refuse_own"])
@pytest.mark.parametrize("key", [keys.claim("0-0-0.0"), keys.ready("0-0-0.0"), keys.receipt(SHARD), None])
def test_lost_replies_cost_nothing(fault: str, key: str | None) -> None:
    world = World()
    getattr(world.store, fault)("create", key)
    assert world.play(world.invoke()).outcome == "ran"
    assert world.little.receipt().rows == 50


def test_delivered_too_late_it_does_nothing() -> None:
    world = World(wall_offset_ns=-3600 * SECOND)  # judged by the store's clock
    end = world.play(world.invoke(not_after=world.clock.true_unix_ns() / 1e9 - 1))
    assert end.outcome == "too_late"
    assert world.performers == [] and world.wrote(keys.READY) == []


def test_another_attempt_is_named() -> None:
    world = World()

    async def two() -> list[ShardEnd]:
        return list(await asyncio.gather(world.invoke(0), world.invoke(1)))

    ends = world.play(two(), {SHARD: 1})
    assert [end.outcome for end in ends] == ["not_granted", "ran"]
    assert [len(performer.sent) for performer in world.performers] == [0, 50]
    assert world.little.receipt().attempt == 1
    assert {key.split("/")[1] for key in world.wrote(keys.RECORDS)} == {"0-0-0.1"}


def test_an_aborted_run_is_not_even_ready_for() -> None:
    world = World()
    world.beating = False
    world.little.renew("abort", "user")
    end = world.play(world.invoke())
    assert end.outcome == "not_granted"
    assert world.wrote(keys.READY) == world.wrote(keys.RECEIPTS) == []


def test_without_go_it_gives_up_without_a_receipt() -> None:
    world = World(ready_wait_s=4.0)
    end = world.play(world.invoke(), {})
    assert end.outcome == "not_granted"
    assert world.wrote(keys.RECEIPTS) == world.wrote(keys.RECORDS) == []


def test_while_waiting_it_says_that_it_lives_and_obeys_the_lease() -> None:
    world = World(ready_wait_s=1000.0)
    world.little.go = lambda *_: world.little.renew()  # type: ignore[method-assign,assignment]

    async def lonely() -> ShardEnd:
        waiting = asyncio.create_task(world.invoke())
        await asyncio.sleep(8)
        assert not waiting.done()
        progress = world.store.get(keys.progress("0-0-0.0"))
        assert decode(Progress, progress.body).state == "waiting"
        assert world.clock.true_unix_ns() - progress.stored.stamp_ns < 0.3 * SECOND
        world.beating = False
        return await waiting

    end = world.play(lonely())
    assert end.outcome == "not_granted" and "beat" in end.detail
    assert world.clock.now_ns() < 1_012 * SECOND


def test_abort_cancels_what_flies_and_accounts_for_what_was_due() -> None:
    world = World(service_s=lambda arrival: 1.0)

    def abort() -> None:
        world.beating = False
        world.little.renew("abort", "user")

    end = world.play(world.later(2.05, abort, world.invoke()))
    receipt = world.little.receipt()
    assert end.outcome == "ran"
    assert (receipt.reason, receipt.stop_detail) == ("abort", "user")
    assert receipt.stopped_ns is not None and 2_050 * MS <= receipt.stopped_ns <= 2_300 * MS, "one poll later"
    statuses = world.statuses()
    stopped_at = receipt.stopped_ns // (100 * MS)
    assert sorted(statuses) == list(range(stopped_at + 1)), "a row for all that was due, none for what was not"
    assert statuses[0] == ("ok", None) and statuses[20] == ("aborted", "user")
    assert receipt.counts.ok + receipt.counts.aborted == len(statuses)


@pytest.mark.parametrize(("reason", "kind"), [("breaker: 5 in a row", "breaker"), ("user", "user")])
def test_an_abort_before_t0_leaves_a_receipt_and_no_row(reason: str, kind: str) -> None:
    world = World()

    def abort() -> None:
        world.beating = False
        world.little.renew("abort", reason)

    world.play(world.later(-0.25, abort, world.invoke()))
    receipt = world.little.receipt()
    assert (receipt.reason, receipt.rows, len(receipt.parts)) == ("abort", 0, 1)
    assert receipt.stopped_ns is not None and receipt.stopped_ns < 0
    assert world.sent() == []


def test_granted_and_aborted_in_one_breath_it_owes_a_receipt() -> None:
    world = World()
    real = world.little.go

    def go_and_abort(*arguments: Any) -> None:
        real(*arguments)
        world.beating = False
        world.little.renew("abort", "user")

    world.little.go = go_and_abort  # type: ignore[method-assign]
    end = world.play(world.invoke())
    assert end.outcome == "ran"
    assert world.little.receipt().reason == "abort"
    assert world.sent() == []


def test_when_the_beat_stops_it_is_silent_within_the_lease() -> None:
    world = World([i * 100 * MS for i in range(200)], slice_end_ns=20 * SECOND)

    def die() -> None:
        world.beating = False

    world.play(world.later(3.0, die, world.invoke()))
    receipt = world.little.receipt()
    assert receipt.reason == "lease"
    last_beat_ns = 3 * SECOND
    assert world.sent()[-1][1] <= last_beat_ns + 6 * SECOND
    assert world.sent()[-1][1] >= last_beat_ns + SECOND
    assert receipt.stopped_ns is not None
    assert sorted(world.statuses()) == list(range(receipt.stopped_ns // (100 * MS) + 1))
    assert {kind for status, kind in world.statuses().values() if status == "aborted"} == {"lease"}


def test_stopped_past_the_lease_it_sends_nothing_after_waking() -> None:
    world = World([i * 100 * MS for i in range(200)], slice_end_ns=20 * SECOND)
    world.play(world.later(2.0, lambda: world.clock.advance(7.0), world.invoke()))
    receipt = world.little.receipt()
    assert receipt.reason == "lease"
    assert world.sent()[-1][1] <= 2 * SECOND
    assert receipt.stopped_ns is not None and receipt.stopped_ns <= 5_100 * MS, "when the lease ended, not when it woke"
    statuses = world.statuses()
    assert sorted(statuses) == list(range(receipt.stopped_ns // (100 * MS) + 1))
    assert set(statuses.values()) == {("ok", None), ("aborted", "lease")}


def test_suspended_it_stops_and_says_so() -> None:
    world = World([i * 100 * MS for i in range(200)], slice_end_ns=20 * SECOND)
    world.play(world.later(2.0, lambda: world.clock.suspend(1.5), world.invoke()))
    receipt = world.little.receipt()
    assert (receipt.reason, receipt.stop_detail) == ("lease", "suspended for 1.5 s")
    assert receipt.health is not None and receipt.health.suspended_ns == 1_500 * MS
    assert world.sent()[-1][1] <= 2 * SECOND


def test_told_to_end_it_stops_like_an_abort_and_stores_what_it_has() -> None:
    world = World()
    world.play(world.later(1.55, lambda: setattr(world, "told", "the worker got SIGTERM"), world.invoke()))
    receipt = world.little.receipt()
    assert (receipt.reason, receipt.stop_detail) == ("abort", "the worker got SIGTERM")
    assert {kind for status, kind in world.statuses().values() if status == "aborted"} == {"user"}
    assert receipt.counts.ok > 10


def test_answers_are_awaited_for_the_drain_and_no_longer() -> None:
    world = World(service_s=lambda arrival: 100.0 if arrival.request_index == 7 else 3.0, drain_s=4.0)
    world.play(world.invoke())
    assert world.little.receipt().reason == "complete"
    statuses = world.statuses()
    assert statuses.pop(7) == ("timed_out", "total_timeout")
    assert set(statuses.values()) == {("ok", None)}
    assert world.clock.now_ns() - world.t0_ns < 10 * SECOND


def test_an_invocation_whose_time_is_up_says_how_far_it_came() -> None:
    world = World()
    world.play(world.invoke(send_until_s=3.0))
    receipt = world.little.receipt()
    assert receipt.reason == "time"
    assert receipt.stopped_ns == pytest.approx(3 * SECOND - world.t0_ns + 1_000 * SECOND, abs=2000)
    statuses = world.statuses()
    assert len(statuses) == 50, "all its own arrivals have rows"
    assert statuses[49] == ("missed", "no_time_left")
    assert receipt.counts.ok + receipt.counts.missed == 50


@pytest.mark.parametrize("kind", ["closed_count", "closed_time"])
def test_closed_loops_run_by_the_same_protocol(kind: str) -> None:
    world = World([0] * 40, kind=kind, users=4, index_limit=10_000, next_index=40)
    world.play(world.invoke())
    receipt = world.little.receipt()
    assert receipt.reason == "complete"
    wanted = 40 if kind == "closed_count" else 4 * 20
    assert receipt.rows == receipt.counts.ok == wanted
    assert sorted(world.statuses()) == list(range(wanted))


def test_a_later_slice_counts_from_the_runs_t0() -> None:
    world = World()
    real = world.little.go

    def go(t0_unix_ns: int, attempts: dict[str, int] | None) -> None:
        real(t0_unix_ns, attempts, t0_unix_ns - 60 * SECOND)

    world.little.go = go  # type: ignore[method-assign,assignment]
    world.play(world.invoke())
    rows = world.little.rows()
    assert [row["scheduled_ns"] for row in rows][:2] == [60 * SECOND, 60 * SECOND + 100 * MS]
    assert all(abs(row["sent_ns"] - row["scheduled_ns"]) < 2000 for row in rows)


def test_records_that_cannot_be_stored_are_a_failed_worker_that_says_so() -> None:
    world = World(drain_s=1.0)
    world.store.fail("create", keys.part("0-0-0.0", 2), times=10_000)
    with pytest.raises(StoreError) as caught:
        world.play(world.invoke())
    assert caught.value.code == "records_not_stored"
    receipt = world.little.receipt()
    assert receipt.reason == "failed" and len(receipt.parts) == 2
    assert receipt.rows < 50


def test_refused_records_stop_the_load_at_once() -> None:
    world = World()
    world.store.fail("create", keys.part("0-0-0.0", 1), error=StoreDenied("the role may not write there"))
    with pytest.raises(StoreDenied):
        world.play(world.invoke())
    receipt = world.little.receipt()
    assert (receipt.reason, receipt.stop_detail) == ("failed", "the role may not write there")
    assert len(world.sent()) < 20


def test_storage_that_comes_back_in_time_loses_nothing() -> None:
    world = World()
    world.store.fail("create", keys.part("0-0-0.0", 2), times=8)
    world.play(world.invoke())
    assert world.little.receipt().rows == 50
    assert set(world.statuses().values()) == {("ok", None)}


def test_a_shard_that_merge_has_closed_stays_closed() -> None:
    world = World()

    def seal() -> None:
        world.store.create(keys.receipt(SHARD), b'{"sealed":"by merge"}')

    end = world.play(world.later(2.0, seal, world.invoke()))
    assert end.outcome == "sealed" and keys.receipt(SHARD) in end.detail
    assert world.store.get(keys.receipt(SHARD)).body == b'{"sealed":"by merge"}'


def test_a_defect_of_ours_ends_in_a_receipt_that_says_failed() -> None:
    world = World()

    def answer(arrival: Arrival) -> float:
        if arrival.request_index == 9:
            raise KeyError("a defect")
        return 0.25

    world.service_s = answer
    with pytest.raises(KeyError):
        world.play(world.invoke())
    receipt = world.little.receipt()
    assert (receipt.reason, receipt.stop_detail) == ("failed", "KeyError: 'a defect'")
    assert receipt.counts.ok > 0 and receipt.rows == len(world.statuses())


def test_a_worker_for_another_plan_is_refused_before_it_is_ready() -> None:
    world = World(plan_hash="f" * 64)
    with pytest.raises(UsageError):
        world.play(world.invoke())
    assert world.wrote(keys.READY) == [] and world.performers == []


def test_control_that_cannot_be_read_ends_the_worker_within_the_lease() -> None:
    world = World()
    world.store.fail("get", keys.CONTROL, times=10_000)
    end = world.play(world.invoke())
    assert end.outcome == "not_granted" and "could not be read for 3 s" in end.detail
    assert world.wrote(keys.READY) == []
    assert world.clock.now_ns() <= 1_004 * SECOND
