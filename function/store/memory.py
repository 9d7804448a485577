"""The object store in the memory of one process: for tests, and for whatever runs a whole journey in one process.

Behaves like a cloud's store: any key may stand beside any other, every write makes a version that never comes back.
Handles made by `at` share the objects; no other process can see them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from threading import Lock

from function.contract.errors import AlreadyExists, NotFound, VersionMismatch
from function.store.key import check_key, check_prefix, folder_prefix
from function.store.port import Blob, Entry, Stored

_RESOLUTION_NS = 1_000  # the stamp is read under the lock, just before the write


class _Shelf:
    """What all handles share. Guarded by `lock`."""

    __slots__ = ("lock", "now_ns", "objects", "writes")

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.lock = Lock()
        self.now_ns = now_ns
        self.objects: dict[str, Blob] = {}
        self.writes = 0

    def write(self, key: str, body: bytes) -> Stored:
        self.writes += 1
        stored = Stored(str(self.writes), self.now_ns(), _RESOLUTION_NS)
        self.objects[key] = Blob(body, stored)
        return stored


class MemoryStore:
    """Empty at first. `now_ns`: the store's clock, unix ns."""

    __slots__ = ("_below", "_shelf")

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._shelf = _Shelf(now_ns)
        self._below = ""

    @property
    def uri(self) -> str:
        """For messages only: `open_store` refuses it."""
        return f"memory:///{self._below}".rstrip("/")

    def put(self, key: str, body: bytes) -> Stored:
        whole = self._below + check_key(key)
        with self._shelf.lock:
            return self._shelf.write(whole, body)

    def create(self, key: str, body: bytes) -> Stored:
        whole = self._below + check_key(key)
        with self._shelf.lock:
            if whole in self._shelf.objects:
                raise AlreadyExists(f"{whole} exists already")
            return self._shelf.write(whole, body)

    def replace(self, key: str, body: bytes, version: str) -> Stored:
        whole = self._below + check_key(key)
        with self._shelf.lock:
            found = self._shelf.objects.get(whole)
            if found is None or found.stored.version != version:
                raise VersionMismatch(f"{whole} has changed since it was read, or is gone")
            return self._shelf.write(whole, body)

    def get(self, key: str) -> Blob:
        whole = self._below + check_key(key)
        with self._shelf.lock:
            found = self._shelf.objects.get(whole)
        if found is None:
            raise NotFound(f"no object {whole}")
        return found

    def list(self, prefix: str = "", *, shallow: bool = False) -> Iterator[Entry]:
        start = self._below + check_prefix(prefix)
        with self._shelf.lock:
            found = [(key, blob) for key, blob in self._shelf.objects.items() if key.startswith(start)]
        rows: dict[str, Entry] = {}
        for whole, blob in found:
            folder, slash, _ = whole[len(start) :].partition("/")
            if shallow and slash:
                row = Entry(prefix + folder + slash, 0, "", 0)
            else:
                row = Entry(whole[len(self._below) :], len(blob.body), blob.stored.version, blob.stored.stamp_ns)
            rows[row.key] = row
        return iter(sorted(rows.values(), key=lambda row: row.key))

    def delete(self, key: str) -> None:
        whole = self._below + check_key(key)
        with self._shelf.lock:
            self._shelf.objects.pop(whole, None)

    def at(self, folder: str, *, limit_s: float | None = None) -> MemoryStore:
        below = MemoryStore()
        below._shelf = self._shelf
        below._below = self._below + folder_prefix(folder)
        return below

    def close(self) -> None:
        """The objects live as long as a handle does."""
