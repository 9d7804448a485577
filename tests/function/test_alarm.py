"""Alarms ring once, not before their time (but for a timer's grain), and take a new time in place of the old one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import pytest
import uvloop

from function.alarm import AlarmFactory, CallAt, TimerFd, open_alarm
from function.clock import SystemClock

MS = 1_000_000
KINDS: list[AlarmFactory] = [CallAt, open_alarm] + ([TimerFd] if sys.platform == "linux" else [])
LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> asyncio.Runner:
    return asyncio.Runner(loop_factory=request.param)


@pytest.mark.parametrize("kind", KINDS)
def test_it_rings_once_at_its_time(runner: asyncio.Runner, kind: AlarmFactory) -> None:
    clock, rings = SystemClock(), []

    async def main() -> int:
        alarm = kind(clock, lambda: rings.append(clock.now_ns()))
        due_ns = clock.now_ns() + 30 * MS
        alarm.set(due_ns)
        await asyncio.sleep(0.1)
        alarm.close()
        return due_ns

    with runner:
        due_ns = runner.run(main())
    assert len(rings) == 1
    grain_ns = 2 * MS if kind is CallAt else 0
    assert rings[0] >= due_ns - grain_ns


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_time_set_counts_and_the_past_is_now(runner: asyncio.Runner, kind: AlarmFactory) -> None:
    clock, rings = SystemClock(), []

    async def main() -> None:
        alarm = kind(clock, lambda: rings.append(clock.now_ns()))
        alarm.set(clock.now_ns() + 3_600_000 * MS)
        alarm.set(clock.now_ns() - 1)
        await asyncio.sleep(0.05)
        assert len(rings) == 1
        alarm.set(clock.now_ns() + 20 * MS)
        alarm.set(clock.now_ns() + 3_600_000 * MS)
        await asyncio.sleep(0.05)
        assert len(rings) == 1
        alarm.close()

    with runner:
        runner.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_closed_it_never_rings(runner: asyncio.Runner, kind: AlarmFactory) -> None:
    clock, rings = SystemClock(), []

    async def main() -> None:
        alarm = kind(clock, lambda: rings.append(1))
        alarm.set(clock.now_ns() + 5 * MS)
        alarm.close()
        alarm.close()
        await asyncio.sleep(0.03)

    with runner:
        runner.run(main())
    assert not rings


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
def test_on_linux_the_finest_alarm_is_a_timerfd() -> None:
    async def main() -> None:
        alarm = open_alarm(SystemClock(), lambda: None)
        assert isinstance(alarm, TimerFd)
        alarm.close()

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_who_looks_more_often_than_the_loop_rings_it_first(runner: asyncio.Runner, kind: AlarmFactory) -> None:
    clock, rings = SystemClock(), []

    async def main() -> None:
        alarm = kind(clock, lambda: rings.append(clock.now_ns()))
        far_ns = alarm.due_ns
        assert far_ns > clock.now_ns() + 10**17
        due_ns = clock.now_ns() + 3_600_000 * MS
        alarm.set(due_ns)
        assert alarm.due_ns == due_ns
        alarm.ring()
        assert len(rings) == 1 and alarm.due_ns == far_ns
        alarm.set(clock.now_ns() + 10 * MS)
        await asyncio.sleep(0.05)
        assert len(rings) == 2 and alarm.due_ns == far_ns
        alarm.set(due_ns)
        alarm.close()
        assert alarm.due_ns == far_ns

    with runner:
        runner.run(main())
