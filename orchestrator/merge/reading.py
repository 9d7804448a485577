"""Reads record parts from the store, a few ahead: a bucket answers in tens of ms, and a large part takes a while."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from function.contract.errors import NotFound
from function.contract.receipt import Part
from function.store.port import ObjectStore
from orchestrator.merge.parts import Damaged, PartTable, read_part
from orchestrator.merge.stored import AT_ONCE

AHEAD_BYTES = 32 * 1024 * 1024  # as stored; three to six times that in memory


class Read(NamedTuple):
    """`shard`: the code it was asked under. `table` is Damaged when the part is not what the receipt lists."""

    shard: int
    part: Part
    table: PartTable | Damaged


def read_ahead(store: ObjectStore, wanted: Iterable[tuple[int, Part]]) -> Generator[Read]:
    """In order, at most AT_ONCE parts and about AHEAD_BYTES at a time."""
    waiting: deque[tuple[int, Part, Future[PartTable | Damaged]]] = deque()
    pending = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for shard, part in wanted:
            waiting.append((shard, part, pool.submit(_read, store, part)))
            pending += part.bytes
            while len(waiting) > 1 and (len(waiting) > AT_ONCE or pending > AHEAD_BYTES):
                first = waiting.popleft()
                pending -= first[1].bytes
                yield Read(first[0], first[1], first[2].result())
        while waiting:
            last = waiting.popleft()
            yield Read(last[0], last[1], last[2].result())


def _read(store: ObjectStore, part: Part) -> PartTable | Damaged:
    try:
        return read_part(store.get(part.key).body, part)
    except NotFound:
        return Damaged(f"{part.key} is gone")
    except Damaged as error:
        return error
