from __future__ import annotations

import threading

import pytest

from function.contract.receipt import Part
from function.store.memory import MemoryStore
from function.store.port import Blob
from orchestrator.merge.parts import Damaged, PartTable
from orchestrator.merge.reading import AHEAD_BYTES, read_ahead
from orchestrator.merge.stored import AT_ONCE, read_run
from tests.emulators.stored_run import Truth


def wanted(store: MemoryStore) -> list[tuple[int, Part]]:
    receipts = [standing.receipt for standing in read_run(store).standings]
    return [(code, part) for code, receipt in enumerate(receipts) if receipt for part in receipt.parts]


def stored(parts: int = 30) -> MemoryStore:
    truth, store = Truth(lanes=2), MemoryStore()
    for shard in truth.shards.values():
        shard.parts = parts
    truth.write(store)
    return store


def test_in_order_and_each_under_its_shard() -> None:
    store = stored()
    listed = wanted(store)
    assert [(read.shard, read.part) for read in read_ahead(store, listed)] == listed


def test_what_is_gone_or_changed_is_damaged() -> None:
    store = stored(3)
    listed = wanted(store)
    store.delete(listed[0][1].key)
    store.put(listed[1][1].key, b"changed")
    kinds = [type(read.table) for read in read_ahead(store, listed)]
    assert kinds[:3] == [Damaged, Damaged, PartTable]


class Counting(MemoryStore):
    """Counts the reads begun."""

    __slots__ = ("begun", "lock")

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.lock = threading.Lock()

    def get(self, key: str) -> Blob:
        with self.lock:
            self.begun += 1
        return super().get(key)


@pytest.mark.parametrize(("size", "most"), [(None, AT_ONCE + 2), (AHEAD_BYTES, 2)])
def test_it_reads_ahead_only_so_far(size: int | None, most: int) -> None:
    """By number of parts, and by their bytes where they are large."""
    truth, store = Truth(lanes=2), Counting()
    for shard in truth.shards.values():
        shard.parts = 40
    truth.write(store)
    listed = [
        (code, part if size is None else Part(part.key, part.rows, size, part.sha256)) for code, part in wanted(store)
    ]
    store.begun = 0
    reads = read_ahead(store, listed)
    next(reads)
    assert store.begun <= most
    reads.close()
