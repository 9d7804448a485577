"""Bodies are built ahead of need, one at a time, and never too many."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest

from function.arrival import Arrival
from function.fuse import Fuse
from function.window import MOST, MOST_BYTES, Window
from tests.function.virtual import VirtualClock, run


def arrival(index: int, due_ns: int = 0) -> Arrival:
    return Arrival(index, index, 0, due_ns, due_ns, None, 0, None, ())


class Source:
    """Arrivals 0..count-1; the first `behind` asks find nothing."""

    def __init__(self, count: int, behind: int = 0) -> None:
        self.left = deque(range(count))
        self.behind = behind

    @property
    def exhausted(self) -> bool:
        return not self.left and not self.behind

    def next(self) -> Arrival | None:
        if self.behind:
            self.behind -= 1
            return None
        return arrival(self.left.popleft()) if self.left else None


class Built:
    def __init__(self, size: int = 10) -> None:
        self.size = size
        self.indices: list[int] = []

    def __call__(self, arrival: Arrival) -> bytes:
        self.indices.append(arrival.request_index)
        return bytes(self.size)


def test_order_and_bounds() -> None:
    async def main() -> None:
        source, built = Source(3 * MOST), Built()
        window = Window(source, built, Fuse())
        assert window.head() is not None
        assert built.indices == [0], "one now, the others between other work"
        await asyncio.sleep(0)
        assert len(built.indices) <= 2
        await asyncio.sleep(1)
        assert len(built.indices) == MOST
        popped = []
        while (head := window.head()) is not None:
            popped.append(window.pop().arrival.request_index)
            assert popped[-1] == head.arrival.request_index
            assert len(built.indices) - len(popped) <= MOST
            await asyncio.sleep(0.001)
        assert popped == list(range(3 * MOST))
        assert window.exhausted

    run(VirtualClock(), main())


def test_long_prompts_are_bounded_by_their_bytes() -> None:
    async def main() -> None:
        built = Built(MOST_BYTES // 3)
        window = Window(Source(MOST), built, Fuse())
        window.head()
        await asyncio.sleep(1)
        assert len(built.indices) == 4

    run(VirtualClock(), main())


def test_who_looked_at_an_empty_window_is_called_once_it_is_not() -> None:
    async def main() -> None:
        calls: list[int] = []
        window = Window(Source(2, behind=5), Built(), Fuse())
        window.filled = lambda: calls.append(1)
        assert window.head() is None and not window.exhausted
        await asyncio.sleep(0.1)
        assert calls == [1]
        assert window.head() is not None

    run(VirtualClock(), main())


def test_who_looked_is_called_at_the_end_too() -> None:
    async def main() -> None:
        calls: list[int] = []
        window = Window(Source(0, behind=3), Built(), Fuse())
        window.filled = lambda: calls.append(1)
        assert window.head() is None and not window.exhausted
        await asyncio.sleep(0.1)
        assert calls == [1] and window.exhausted

    run(VirtualClock(), main())


def test_closed_it_builds_nothing_and_gives_out_what_is_left() -> None:
    async def main() -> None:
        source, built = Source(MOST + 5), Built()
        window = Window(source, built, Fuse())
        window.head()
        await asyncio.sleep(1)
        window.close()
        taken = []
        while not window.exhausted:
            found = window.take()
            assert found is not None
            taken.append(found.request_index)
            await asyncio.sleep(0)
        assert taken == list(range(MOST + 5))
        assert len(built.indices) == MOST

    run(VirtualClock(), main())


def test_a_body_that_cannot_be_built_blows_the_fuse() -> None:
    def prepare(arrival: Arrival) -> bytes:
        if arrival.request_index:
            raise ValueError("no such text")
        return b""

    async def main() -> None:
        fuse = Fuse()
        Window(Source(2), prepare, fuse).head()
        await asyncio.sleep(0.1)
        with pytest.raises(ValueError, match="no such text"):
            fuse.check()

    run(VirtualClock(), main())
