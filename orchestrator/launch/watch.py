"""Looks into the store: one listing each of ready, progress and receipts, and reads only what changed since.

Says what is new and decides nothing. An object that cannot be read is passed over: a worker that writes nonsense is as
good as silent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from function.contract import keys
from function.contract.codec import decode
from function.contract.control import Control, Go, Progress, Ready
from function.contract.errors import ContractError, NotFound
from function.contract.receipt import Receipt
from function.store.port import ObjectStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class News:
    """What changed since the last look. `control` is always what lies there now, stamped by the store when it was
    written; `go` is told only where it was asked for."""

    control: Control
    stamp_ns: int
    ready: tuple[Ready, ...]
    progress: tuple[Progress, ...]
    receipts: tuple[Receipt, ...]
    go: tuple[Go, ...] = ()


class Watch:
    """One observer's memory of what it has read."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._seen: dict[str, str] = {}

    def look(self, *, go: bool = False) -> News:
        """Raises StoreError when the store does not answer; nothing is lost then, the next look finds it.

        `go`: also read go objects that are new, for somebody who does not create them.
        """
        seen = dict(self._seen)
        blob = self._store.get(keys.CONTROL)
        news = News(
            decode(Control, blob.body, keys.CONTROL),
            blob.stored.stamp_ns,
            tuple(self._new(keys.READY, Ready, seen)),
            tuple(self._new(keys.PROGRESS, Progress, seen)),
            tuple(self._new(keys.RECEIPTS, Receipt, seen)),
            tuple(self._new(keys.GO, Go, seen)) if go else (),
        )
        self._seen = seen  # only now: what was read before a listing that failed has not been told to anybody
        return news

    def _new(self, prefix: str, kind: type[T], seen: dict[str, str]) -> Iterator[T]:
        for entry in self._store.list(prefix):
            if seen.get(entry.key) == entry.version:
                continue
            try:
                body = self._store.get(entry.key).body
            except NotFound:
                continue
            seen[entry.key] = entry.version
            try:
                yield decode(kind, body, entry.key)
            except ContractError:
                continue
