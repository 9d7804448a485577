"""The granted part by itself: what is in the parts at each flush, and in which order things end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from function.arrival import Arrival
from function.contract import keys
from function.recorder import PartWriter
from function.sending import Ending, Sending
from function.store.memory import MemoryStore
from function.timeline import Timeline
from function.vigil import Vigil
from tests.function.fake_performer import FakePerformer
from tests.function.little_run import in_flight_of, read_part, shard_spec, workload_part
from tests.function.open_gate import control, open_gate
from tests.function.virtual import SECOND, VirtualClock, run, virtual_rim

FAR = 1 << 62


class Setting:
    """A shard granted now, with t0 one second from now."""

    def __init__(
        self, scheduled_ns: Sequence[int], service_s: Callable[[Arrival], float] = lambda arrival: 0.1, **spec: Any
    ) -> None:
        self.clock = VirtualClock()
        self.rim = virtual_rim(self.clock)
        self.store = MemoryStore()
        self.gate = open_gate(self.clock, FAR)
        self.performer = FakePerformer(self.clock, service_s)
        self.workload = workload_part(scheduled_ns)
        self.spec = shard_spec(self.workload, flush_s=5.0, drain_s=30.0, **spec)
        self.timeline = Timeline(self.clock.now_ns() + SECOND, 0, 0, 60 * SECOND, None)
        self.states: list[str] = []

    def run(self, at: float = FAR, event: Callable[[], None] = lambda: None) -> Ending:
        async def main() -> Ending:
            writer = PartWriter(self.store, "0-0-0", 0)
            self.sending = Sending(self.spec, self.workload, self.performer, self.gate, writer, self.rim)
            vigil = Vigil(self.gate, self.rim.fuse, lambda: None, lambda: None)
            running = asyncio.create_task(self.sending.run(self.timeline, vigil, 5))
            if at < FAR:
                asyncio.get_running_loop().call_later(1 + at, event)
            while not running.done():
                if self.sending.state not in self.states:
                    self.states.append(self.sending.state)
                await asyncio.sleep(0.01)
            ending = await running
            await self.sending.recorder.drained(self.clock, FAR)
            self.sending.stop()
            return ending

        return run(self.clock, main())

    def parts(self) -> list[tuple[list[int], list[int]]]:
        """Of each stored part: the indices of its rows, and of what it lists as in flight."""
        bodies = [self.store.get(entry.key).body for entry in self.store.list(keys.RECORDS)]
        return [(read_part(body)["request_index"], [one[0] for one in in_flight_of(body)]) for body in bodies]


def test_each_flush_tells_what_a_killed_worker_would_lose() -> None:
    setting = Setting(
        [0, SECOND, 2 * SECOND, 7 * SECOND], lambda arrival: {0: 0.5, 1: 4.5, 2: 20.0, 3: 1.0}[arrival.request_index]
    )
    ending = setting.run()
    assert setting.parts() == [([0], [1, 2]), ([1, 3], [2]), ([2], [])]
    assert (ending.reason, ending.stopped_ns, ending.error) == ("complete", None, None)
    assert [*setting.states, setting.sending.state] == ["waiting", "sending", "draining", "ended"]


def test_a_stop_comes_before_everything_else() -> None:
    setting = Setting([i * SECOND for i in range(20)], lambda arrival: 3.0)
    abort = control(9, "abort", reason="breaker")
    ending = setting.run(5.5, lambda: setting.gate.heard(setting.clock.now_ns(), abort))
    assert (ending.reason, ending.stopped_ns, ending.detail) == ("abort", 5_500_000_000, "breaker")
    assert len(setting.performer.sent) == 6
    rows = {index: None for part, _ in setting.parts() for index in part}
    assert sorted(rows) == list(range(6))
    assert setting.sending.tally.errors == {"breaker": 3}


def test_what_fails_is_in_the_ending_and_the_rows_before_it_are_stored() -> None:
    def answer(arrival: Arrival) -> float:
        if arrival.request_index == 3:
            raise KeyError("a defect")
        return 0.1

    setting = Setting([i * SECOND for i in range(8)], answer)
    ending = setting.run()
    assert isinstance(ending.error, KeyError) and ending.reason == "failed"
    assert [index for part, _ in setting.parts() for index in part] == [0, 1, 2]


@pytest.mark.parametrize(("kind", "sent"), [("closed_count", 6), ("closed_time", 59 * 2)])
def test_closed_loops_use_their_rows_again_only_by_time(kind: str, sent: int) -> None:
    setting = Setting([0] * 6, lambda arrival: 1.0, kind=kind, users=2, next_index=6, index_limit=118)
    ending = setting.run()
    assert ending.reason == "complete"
    assert [index for index, _ in setting.performer.sent] == list(range(sent))


def test_turns_of_a_session_are_sent_one_after_the_other_and_a_stop_leaves_the_rest() -> None:
    setting = Setting([0] * 6, lambda arrival: 1.0, kind="closed_count", users=2, history="received")
    setting.workload = workload_part([0] * 6, session=["a", "a", "a", "b", "b", "b"])
    abort = control(9, "abort", reason="user")
    ending = setting.run(2.5, lambda: setting.gate.heard(setting.clock.now_ns(), abort))
    assert sorted((sent // SECOND, index) for index, sent in setting.performer.sent) == [
        (0, 0),
        (0, 3),
        (1, 1),
        (1, 4),
        (2, 2),
        (2, 5),
    ]
    assert ending.reason == "abort" and setting.sending.tally.statuses == {"ok": 4, "aborted": 2}


def test_health_is_of_the_time_it_sent() -> None:
    health = Setting([0, 3 * SECOND]).run().health
    assert health.cold_start_ns == 5
    assert sum(second.sent for second in health.seconds) == 2
