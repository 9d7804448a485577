"""Rows reach the store, in order and once, or the failure is known."""

from __future__ import annotations

import asyncio

import pytest

from function import recorder as recorder_module
from function.arrival import InFlight, Row
from function.contract import keys
from function.contract.codec import digest
from function.contract.errors import StoreDenied, StoreError
from function.recorder import PartWriter, Recorder
from function.store.memory import MemoryStore
from tests.function.little_run import in_flight_of, read_part
from tests.function.virtual import SECOND, VirtualClock, VirtualTicker, run, virtual_rim
from tests.suites.faulty_store import FaultyStore


def row(index: int) -> Row:
    return Row(index, index, 0, 0, 0, "ok", sent_ns=1, token_ns=(2, 3))


class Setting:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = FaultyStore(MemoryStore())
        self.writer = PartWriter(self.store, "0-0-0", 2)
        self.flying: list[InFlight] = []
        self.recorder = Recorder(self.writer, lambda: list(self.flying))
        self.fuse = virtual_rim(self.clock).fuse

    def start(self) -> None:
        self.recorder.start(VirtualTicker, self.fuse)

    async def drained(self, seconds: float = 60) -> None:
        await self.recorder.drained(self.clock, self.clock.now_ns() + int(seconds * SECOND))
        self.fuse.check()

    def stored(self) -> list[list[int]]:
        """The indices in each stored part, in order of keys."""
        return [read_part(self.store.get(entry.key).body)["request_index"] for entry in self.store.list(keys.RECORDS)]


def test_each_flush_is_one_part_and_the_list_of_parts_is_true() -> None:
    setting = Setting()

    async def main() -> None:
        setting.start()
        for index in range(3):
            setting.recorder.record(row(2 * index))
            setting.recorder.record(row(2 * index + 1))
            setting.flying = [InFlight(100 + index, 0, 5, 6)]
            setting.recorder.flush()
            await asyncio.sleep(1)
        await setting.drained()

    run(setting.clock, main())
    assert setting.stored() == [[0, 1], [2, 3], [4, 5]]
    for number, part in enumerate(setting.writer.parts):
        body = setting.store.get(part.key).body
        assert part.key == keys.part("0-0-0.2", number)
        assert (part.rows, part.bytes, part.sha256) == (2, len(body), digest(body))
        assert in_flight_of(body) == [[100 + number, 0, 5, 6]]


def test_no_news_no_part_but_one_at_the_end() -> None:
    setting = Setting()

    async def main() -> None:
        setting.start()
        setting.recorder.flush()
        assert setting.stored() == []
        setting.recorder.flush(last=True)
        setting.recorder.flush(last=True)
        await setting.drained()

    run(setting.clock, main())
    assert setting.stored() == [[]]


def test_what_is_in_flight_is_news_once() -> None:
    setting = Setting()

    async def main() -> None:
        setting.start()
        setting.flying = [InFlight(1, 0, 5, 6)]
        setting.recorder.flush()
        setting.recorder.flush()
        await setting.drained()

    run(setting.clock, main())
    assert setting.stored() == [[]]


@pytest.mark.parametrize("fault", ["fail", "lose_reply", "refuse_own"])
def test_failed_writes_are_tried_again_in_order(fault: str) -> None:
    setting = Setting()

    async def main() -> None:
        setting.start()
        getattr(setting.store, fault)("create", times=4)
        for index in range(3):
            setting.recorder.record(row(index))
            setting.recorder.flush()
        await setting.drained()

    run(setting.clock, main())
    assert setting.stored() == [[0], [1], [2]]
    assert [part.rows for part in setting.writer.parts] == [1, 1, 1]


def test_pauses_grow() -> None:
    setting = Setting()

    async def main() -> None:
        setting.start()
        setting.store.fail("create", times=1000)
        setting.recorder.record(row(0))
        setting.recorder.flush()
        with pytest.raises(StoreError, match="before the worker's end") as caught:
            await setting.drained(60)
        assert caught.value.code == "records_not_stored"

    run(setting.clock, main())
    creates = [call for call in setting.store.calls if call[0] == "create"]
    assert 10 < len(creates) < 25


@pytest.mark.parametrize("fault", ["denied", "taken"])
def test_what_cannot_heal_is_a_failure_at_once(fault: str) -> None:
    setting = Setting()

    async def main() -> None:
        setting.start()
        if fault == "denied":
            setting.store.fail("create", error=StoreDenied("no"))
        else:
            setting.store.create(keys.part("0-0-0.2", 0), b"somebody else's")
        setting.recorder.record(row(0))
        setting.recorder.flush()
        with pytest.raises(StoreDenied):
            await setting.drained()

    run(setting.clock, main())
    assert setting.writer.failure is not None
    assert setting.writer.parts == []


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting()
    monkeypatch.setattr(recorder_module, "MOST_BYTES", 30_000)

    async def main() -> None:
        setting.start()
        setting.store.fail("create", times=1000)
        for index in range(20):
            setting.recorder.record(row(index))
            setting.recorder.flush()
            await asyncio.sleep(5)
        with pytest.raises(StoreError, match="wait to be stored"):
            await setting.drained()

    run(setting.clock, main())


def test_a_write_that_hangs_bounds_memory_too(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting()
    monkeypatch.setattr(recorder_module, "MOST_ROWS", 10)
    for index in range(11):
        setting.recorder.record(row(index))
        setting.recorder.flush()  # and no thread takes it
        assert (setting.writer.failure is not None) == (index == 10)


def test_a_part_never_grows_past_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting()
    monkeypatch.setattr(recorder_module, "PART_ROWS", 10)

    async def main() -> None:
        setting.start()
        for index in range(25):
            setting.recorder.record(row(index))
        setting.recorder.flush(last=True)
        await setting.drained()

    run(setting.clock, main())
    assert setting.stored() == [list(range(10)), list(range(10, 20)), list(range(20, 25))]


def test_an_error_of_ours_while_encoding_blows_the_fuse() -> None:
    setting = Setting()

    async def main() -> None:
        setting.start()
        setting.recorder.record(Row("no number", 0, 0, 0, 0, "ok"))  # type: ignore[arg-type]
        setting.recorder.flush()
        await asyncio.sleep(1)

    run(setting.clock, main())
    assert setting.fuse.error is not None
