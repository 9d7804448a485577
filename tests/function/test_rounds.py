"""Streams that fall silent are caught up with; those that go on are left alone, and nobody is called for nothing."""

from __future__ import annotations

import asyncio

from function.rounds import EVERY_S, Rounds
from tests.function.virtual import VirtualClock, run


class Stream:
    def __init__(self, untold: int = 0) -> None:
        self.untold = untold
        self.caught_up = 0

    def catch_up(self) -> None:
        self.caught_up += 1
        self.untold = 0


def test_only_the_silent_are_caught_up_with() -> None:
    async def main() -> None:
        rounds = Rounds()
        silent, busy, told, gone = Stream(3), Stream(1), Stream(), Stream(2)
        for stream in (silent, busy, told, gone):
            rounds.join(stream)
        rounds.leave(gone)
        for _ in range(6):
            await asyncio.sleep(EVERY_S / 2)
            busy.untold = busy.untold % 30 + 1
        assert (silent.caught_up, busy.caught_up, told.caught_up, gone.caught_up) == (1, 0, 0, 0)
        silent.untold = 1
        await asyncio.sleep(3 * EVERY_S)
        assert silent.caught_up == 2
        for stream in (silent, busy, told):
            rounds.leave(stream)
        rounds.leave(told)

    run(VirtualClock(), main())


def test_when_all_fall_silent_they_are_caught_up_with_in_turns() -> None:
    async def main() -> None:
        rounds = Rounds()
        streams = [Stream(1) for _ in range(100)]
        for stream in streams:
            rounds.join(stream)
        most = 0
        for _ in range(200):
            before = sum(stream.caught_up for stream in streams)
            await asyncio.sleep(EVERY_S / 200)
            most = max(most, sum(stream.caught_up for stream in streams) - before)
        await asyncio.sleep(2 * EVERY_S)
        assert [stream.caught_up for stream in streams] == [1] * 100
        assert most <= 20
        for stream in streams:
            rounds.leave(stream)

    run(VirtualClock(), main())


def test_a_stream_may_leave_while_it_is_caught_up_with() -> None:
    async def main() -> None:
        rounds = Rounds()

        class Leaving(Stream):
            def catch_up(self) -> None:
                super().catch_up()
                rounds.leave(self)

        one, other = Leaving(1), Leaving(1)
        rounds.join(one)
        rounds.join(other)
        await asyncio.sleep(5 * EVERY_S)
        assert (one.caught_up, other.caught_up) == (1, 1)
        assert not [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]

    run(VirtualClock(), main())
