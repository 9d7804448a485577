"""Opening several connections at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from function.transport.port import Failure, TransportError
from function.transport.warming import open_together

REFUSED = Failure("connect", "refused")


class Server:
    """Gives numbers for connections; `refuses` says which turns it does not."""

    def __init__(self, refuses: Callable[[int], bool] = lambda turn: False, slow_from: int = 1 << 30) -> None:
        self.asked = 0
        self._refuses = refuses
        self._slow_from = slow_from

    async def acquire(self) -> int:
        turn, self.asked = self.asked, self.asked + 1
        await asyncio.sleep(60 if turn >= self._slow_from else 0)
        if self._refuses(turn):
            raise TransportError(REFUSED)
        return turn


@pytest.mark.parametrize("count", [1, 2, 7])
def test_as_many_as_were_wanted(count: int) -> None:
    server, opened = Server(), list[int]()
    assert asyncio.run(open_together(server.acquire, count, opened)) is None
    assert sorted(opened) == list(range(count))


def test_who_cannot_be_reached_is_asked_once() -> None:
    server, opened = Server(lambda turn: True), list[int]()
    assert asyncio.run(open_together(server.acquire, 5, opened)) == REFUSED
    assert (server.asked, opened) == (1, [])


def test_a_failure_calls_off_none_of_the_others() -> None:
    server, opened = Server(lambda turn: turn == 2), list[int]()
    assert asyncio.run(open_together(server.acquire, 6, opened)) == REFUSED
    assert sorted(opened) == [0, 1, 3, 4, 5]


def test_who_is_cut_short_has_what_is_there() -> None:
    async def go() -> list[int]:
        opened: list[int] = []
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(open_together(Server(slow_from=3).acquire, 6, opened), 0.2)
        return opened

    assert sorted(asyncio.run(go())) == [0, 1, 2]
