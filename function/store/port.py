"""The object store port: the only medium of coordination between orchestrator and workers.

Synchronous and safe to call from several threads. A call blocks; nothing here may be called from an event loop that
times requests. Every adapter passes tests/suites/test_store*.py. Times are unix ns on the *store's* clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """Receipt of a write or read: opaque version, and the store's own stamp of the content now there.

    The true instant of the write lies in [stamp_ns, stamp_ns + resolution_ns] on the store's clock.
    """

    version: str
    stamp_ns: int
    resolution_ns: int


@dataclass(frozen=True, slots=True)
class Blob:
    body: bytes
    stored: Stored


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a listing. `version` changes when the content does; it is comparable only with other listings."""

    key: str
    size: int
    version: str
    stamp_ns: int


class ObjectStore(Protocol):
    """Keys are relative, `/`-separated, without empty or dotted components (function/store/key.py has the rule)."""

    @property
    def uri(self) -> str:
        """What `open_store` takes to open the same place from another process or machine."""
        ...

    def put(self, key: str, body: bytes) -> Stored:
        """Write or overwrite, whole."""
        ...

    def create(self, key: str, body: bytes) -> Stored:
        """Write if absent; whole at birth (no reader ever sees a part of it). Raises AlreadyExists."""
        ...

    def replace(self, key: str, body: bytes, version: str) -> Stored:
        """Overwrite if the current version is `version`. Raises VersionMismatch (also when the object is gone)."""
        ...

    def get(self, key: str) -> Blob:
        """Raises NotFound."""
        ...

    def list(self, prefix: str = "", *, shallow: bool = False) -> Iterator[Entry]:
        """Keys that start with `prefix`, sorted. `shallow`: stop at the next `/` after prefix and list what lies
        deeper as one entry with a key that ends in `/` (size 0, version "", stamp 0)."""
        ...

    def delete(self, key: str) -> None:
        """Absent is fine."""
        ...

    def at(self, folder: str, *, limit_s: float | None = None) -> ObjectStore:
        """The same store seen from a folder below (`""`: a second handle with connections of its own).

        `limit_s`: a call of the new handle, or of one made from it, fails after about that time and is not repeated,
        where the store lies behind a network; for who would rather ask anew. None: as this handle."""
        ...

    def close(self) -> None: ...
