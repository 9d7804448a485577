"""The timer fires everything due, in order, never early, and nothing inside a pause; on both alarms."""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
from collections.abc import Callable

import pytest
import uvloop

from orchestrator.mockserver.clock import Pauses, boot_ns
from orchestrator.mockserver.config import Pause
from orchestrator.mockserver.timer import BATCH, Alarm, CallAtAlarm, Once, Timer, alarm_for

MS = 1_000_000
ALARMS = [alarm_for, CallAtAlarm]
LOOPS = [uvloop.new_event_loop, asyncio.new_event_loop]


class Note:
    """Fires `times` times, `gap` apart, and notes (due, now)."""

    def __init__(self, times: int = 1, gap: int = 0) -> None:
        self.seen: list[tuple[int, int]] = []
        self._times, self._gap = times, gap

    def fire(self, due: int) -> int:
        self.seen.append((due, boot_ns()))
        return due + self._gap if len(self.seen) < self._times else 0


def run(body: Callable[[Timer], float], alarm: object = alarm_for, loop: object = uvloop.new_event_loop) -> None:
    """Runs body(timer) inside a loop, then the loop for as many seconds as it returns."""

    async def main() -> None:
        timer = Timer(asyncio.get_running_loop(), alarm)  # type: ignore[arg-type]
        try:
            await asyncio.sleep(body(timer))
        finally:
            timer.close()

    with asyncio.Runner(loop_factory=loop) as runner:  # type: ignore[arg-type]
        runner.run(main())


@pytest.mark.parametrize("alarm", ALARMS)
@pytest.mark.parametrize("loop", LOOPS)
def test_all_fire_in_order_and_never_early(alarm: object, loop: object) -> None:
    order: list[int] = []
    notes: list[Note] = []

    def body(timer: Timer) -> float:
        start = boot_ns()
        offsets = [random.Random(1).randrange(50) for _ in range(200)]
        for offset in offsets:
            note = Note()
            notes.append(note)
            timer.at(start + offset * MS, note)
            timer.at(start + offset * MS, Once(lambda offset=offset: order.append(offset)))  # type: ignore[misc]
        return 0.15

    run(body, alarm, loop)
    assert order == sorted(order) and len(order) == 200
    assert all(len(note.seen) == 1 and note.seen[0][1] >= note.seen[0][0] for note in notes)


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
def test_lateness_is_not_that_of_a_millisecond_grid() -> None:
    """A quiet machine shows about 0.05 ms; the bound leaves room for a busy one."""
    note = Note(times=100, gap=2 * MS + 300_000)
    run(lambda timer: timer.at(boot_ns() + MS, note) or 0.3, alarm_for)
    assert len(note.seen) == 100
    assert statistics.median(now - due for due, now in note.seen) < MS


def test_a_schedule_is_absolute() -> None:
    note = Note(times=20, gap=MS)
    run(lambda timer: timer.at(1, note) or 0.02)
    assert [due for due, _ in note.seen] == [1 + k * MS for k in range(20)]


def test_more_than_a_batch_due_at_once_leaves_room_for_others() -> None:
    note = Note(times=BATCH * 3, gap=0)
    turns: list[int] = []

    def body(timer: Timer) -> float:
        loop = asyncio.get_running_loop()
        timer.at(boot_ns(), note)

        def turn() -> None:
            turns.append(len(note.seen))
            if len(note.seen) < BATCH * 3:
                loop.call_soon(turn)

        loop.call_soon(turn)
        return 0.05

    run(body)
    assert len(note.seen) == BATCH * 3
    assert {BATCH, BATCH * 2} <= set(turns)


def test_one_that_fails_does_not_stop_the_rest() -> None:
    failures: list[object] = []
    note = Note()

    def body(timer: Timer) -> float:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))
        timer.at(boot_ns() + MS, Once(lambda: 1 // 0))  # type: ignore[arg-type,return-value]
        timer.at(boot_ns() + 2 * MS, note)
        return 0.03

    run(body)
    assert len(note.seen) == 1
    assert [type(failure) for failure in failures] == [ZeroDivisionError]


def test_an_earlier_time_set_from_inside_is_not_missed() -> None:
    early, late = Note(), Note()

    def body(timer: Timer) -> float:
        start = boot_ns()
        timer.at(start + 500 * MS, late)
        timer.at(start + MS, Once(lambda: timer.at(start + 2 * MS, early)))
        return 0.05

    run(body)
    assert (len(early.seen), len(late.seen)) == (1, 0)


@pytest.mark.parametrize("alarm", ALARMS)
def test_nothing_fires_inside_a_pause_and_the_schedule_moves_by_it(alarm: object) -> None:
    note, starts = Note(times=40, gap=2 * MS), []

    def body(timer: Timer) -> float:
        starts.append(boot_ns())
        timer.pause_by(Pauses(Pause(for_s=0.05, at_s=0.02), starts[0]))
        timer.at(starts[0] + MS, note)
        return 0.25

    run(body, alarm)
    offsets = [(now - starts[0]) / MS for _, now in note.seen]
    assert len(offsets) == 40
    assert not [offset for offset in offsets if 20 <= offset < 70]
    before, after = [o for o in offsets if o < 20], [o for o in offsets if o >= 70]
    assert len(before) <= 10
    assert after[-1] - after[0] > 30  # no burst: they keep their distance


@pytest.mark.parametrize("alarm", ALARMS)
def test_late_work_waits_for_the_end_of_a_pause_and_is_not_asked_for_within(alarm: object) -> None:
    note, armed, starts = Note(), [], []

    def noting(loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> Alarm:
        made: Alarm = alarm(loop, ring)  # type: ignore[operator]
        plain = made.arm

        def arm(boot: int) -> None:
            armed.append(boot)
            plain(boot)

        made.arm = arm  # type: ignore[method-assign]
        return made

    def body(timer: Timer) -> float:
        starts.append(boot_ns())
        timer.pause_by(Pauses(Pause(for_s=0.05, at_s=0), starts[0]))
        timer.at(starts[0] - MS, note)
        return 0.1

    run(body, noting)
    assert len(note.seen) == 1
    assert set(armed) == {starts[0] + 50 * MS}
