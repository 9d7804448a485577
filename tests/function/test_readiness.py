"""Ready, and how long a worker waits for whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from function.commit import Commits
from function.contract import keys
from function.contract.codec import decode
from function.contract.control import Claim, Ready
from function.contract.errors import StoreError
from function.contract.version import code_version
from function.gate import Gate
from function.readiness import say_ready, wait_for_first_word, wait_for_go
from function.store.memory import MemoryStore
from function.store_clock import StoreClock
from tests.function.little_run import SHARD, shard_spec, workload_part
from tests.function.open_gate import control, go
from tests.function.virtual import SECOND, VirtualClock, run

SPEC = shard_spec(workload_part([0]), ready_wait_s=20.0)


class Setting:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.gate = Gate(SHARD, 0, 1000 * SECOND, self.clock)

    def waited(self, *events: tuple[float, Callable[[], None]]) -> float:
        """How long the wait for go took, with things happening meanwhile."""

        async def main() -> float:
            begun_ns = self.clock.now_ns()
            for at, event in events:
                asyncio.get_running_loop().call_later(at, event)
            await wait_for_go(self.gate, SPEC, self.clock)
            return (self.clock.now_ns() - begun_ns) / SECOND

        return run(self.clock, main())

    def hear(self, beat: int) -> Callable[[], None]:
        return lambda: self.gate.heard(self.clock.now_ns(), control(beat))

    def name(self, attempt: int) -> Callable[[], None]:
        return lambda: self.gate.named(go({SHARD: attempt}))


def test_go_and_a_beat_that_moved_end_the_wait() -> None:
    setting = Setting()
    assert setting.waited((1, setting.hear(1)), (2, setting.name(0)), (5, setting.hear(2))) == pytest.approx(5, abs=0.1)
    assert setting.gate.open


def test_a_go_for_another_attempt_ends_it() -> None:
    setting = Setting()
    assert setting.waited((3, setting.name(1))) == pytest.approx(3, abs=0.1)
    assert not setting.gate.open


def test_without_any_go_it_gives_up_later_than_the_orchestrator_may_grant() -> None:
    setting = Setting()
    assert setting.waited((1, setting.hear(1))) == pytest.approx(20, abs=0.1)


def test_once_named_it_waits_for_the_beat_however_long() -> None:
    setting = Setting()
    events = (1, setting.hear(1)), (2, setting.name(0)), (60, setting.hear(2))
    assert setting.waited(*events) == pytest.approx(60, abs=0.1)


def test_ready_says_what_go_is_decided_by() -> None:
    clock, store_clock = VirtualClock(3 * SECOND), StoreClock()
    store = MemoryStore(clock.true_unix_ns)
    commits = Commits(store, clock, store_clock)
    claim = Claim(SHARD, 4, "nonce")

    async def main() -> None:
        assert await commits.create("claims/0-0-0.4", b"claim", 1.0)
        await say_ready(commits, claim, store_clock, 123, 456)

    run(clock, main())
    ready = decode(Ready, store.get(keys.ready("0-0-0.4")).body)
    assert abs(ready.clock_offset_ns + 3 * SECOND) <= ready.clock_error_ns <= 1000
    assert (ready.shard, ready.attempt, ready.nonce) == (SHARD, 4, "nonce")
    assert (ready.cold_start_ns, ready.send_until_unix_ns, ready.code_version) == (123, 456, code_version())


def test_a_ready_that_somebody_else_wrote_is_an_error() -> None:
    clock, store = VirtualClock(), MemoryStore()
    store.create(keys.ready("0-0-0.4"), b"{}")
    with pytest.raises(StoreError, match="did not write"):
        run(clock, say_ready(Commits(store, clock, StoreClock()), Claim(SHARD, 4, "n"), StoreClock(), 0, None))


def test_control_is_read_before_anything_is_said() -> None:
    setting = Setting()

    async def main() -> float:
        asyncio.get_running_loop().call_later(2, setting.hear(1))
        begun_ns = setting.clock.now_ns()
        await wait_for_first_word(setting.gate)
        return (setting.clock.now_ns() - begun_ns) / SECOND

    assert run(setting.clock, main()) == pytest.approx(2, abs=0.1)
