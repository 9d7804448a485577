"""A store that misbehaves as told: lost replies, writes that land late, refused or stale or hanging calls.

Wraps any adapter. A fault is planted for one operation and one key (as the outermost handle spells it) and strikes the
next matching calls, in the order of planting; whatever matches no fault goes through. Handles made by `at` share the
faults. `calls` lists every call so far as (operation, key).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Literal, TypeVar

from function.contract.errors import AlreadyExists, StoreError, VersionMismatch
from function.store.port import Blob, Entry, ObjectStore, Stored

T = TypeVar("T")
Operation = Literal["put", "create", "replace", "get", "list", "delete"]
Strike = Callable[[Callable[[], object]], object]  # gets the real call; what it returns or raises, the caller sees


@dataclass(slots=True)
class Late:
    """A write whose caller was told that it timed out. It lands when the test says so."""

    _call: Callable[[], object] | None = None
    _taken: Event = field(default_factory=Event)

    def land(self, wait_s: float = 10.0) -> StoreError | None:
        """Let the write reach the store now; the store's refusal, if it refused. Waits for the call to be made."""
        assert self._taken.wait(wait_s) and self._call is not None, "the call that should land late was never made"
        try:
            self._call()
        except StoreError as error:
            return error
        return None


@dataclass(slots=True)
class Hanging:
    """A call that hangs before it reaches the store. `entered`: it has begun; `go` lets it go on."""

    entered: Event = field(default_factory=Event)
    go: Event = field(default_factory=Event)


@dataclass(slots=True)
class _Fault:
    operation: Operation
    key: str | None
    times: int
    strike: Strike


@dataclass(slots=True)
class _Plan:
    lock: Lock = field(default_factory=Lock)
    faults: list[_Fault] = field(default_factory=list)
    calls: list[tuple[Operation, str]] = field(default_factory=list)

    def next_strike(self, operation: Operation, key: str) -> Strike | None:
        with self.lock:
            self.calls.append((operation, key))
            for fault in self.faults:
                if fault.operation == operation and fault.key in (None, key):
                    fault.times -= 1
                    if not fault.times:
                        self.faults.remove(fault)
                    return fault.strike
        return None


class FaultyStore:
    """See the module. In every method that plants, `key=None` stands for any key and `times` counts calls."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner
        self._plan = _Plan()
        self._below = ""

    @property
    def calls(self) -> list[tuple[Operation, str]]:
        with self._plan.lock:
            return [*self._plan.calls]

    # What can be planted.

    def lose_reply(self, operation: Operation, key: str | None = None, times: int = 1) -> None:
        """The call takes effect, the caller gets StoreError."""

        def strike(call: Callable[[], object]) -> object:
            call()
            raise StoreError("planted: the reply was lost")

        self._plant(operation, key, times, strike)

    def refuse_own(self, operation: Literal["create", "replace"], key: str | None = None, times: int = 1) -> None:
        """The write takes effect, and the client's own retry of it is what gets refused, as botocore does."""

        def strike(call: Callable[[], object]) -> object:
            call()
            raise (
                AlreadyExists("planted: own retry") if operation == "create" else VersionMismatch("planted: own retry")
            )

        self._plant(operation, key, times, strike)

    def fail(
        self, operation: Operation, key: str | None = None, times: int = 1, error: StoreError | None = None
    ) -> None:
        """The call does not reach the store; the caller gets `error` (StoreError by default)."""

        def strike(call: Callable[[], object]) -> object:
            raise error or StoreError("planted: no answer")

        self._plant(operation, key, times, strike)

    def land_late(self, operation: Literal["put", "create", "replace"], key: str | None = None) -> Late:
        """The caller gets StoreError at once; the write reaches the store when the test calls `land` of the result."""
        late = Late()

        def strike(call: Callable[[], object]) -> object:
            late._call = call
            late._taken.set()
            raise StoreError("planted: timed out")

        self._plant(operation, key, 1, strike)
        return late

    def hang(self, operation: Operation, key: str | None = None, limit_s: float = 30.0) -> Hanging:
        """The call waits for `go` of the result, then goes through; after `limit_s` it fails, so that no test hangs."""
        hanging = Hanging()

        def strike(call: Callable[[], object]) -> object:
            hanging.entered.set()
            if not hanging.go.wait(limit_s):
                raise StoreError("planted: hung for too long")
            return call()

        self._plant(operation, key, 1, strike)
        return hanging

    def stale(self, key: str, times: int = 1) -> None:
        """The next reads of `key` show what is there now, whatever is written meanwhile."""
        before = self.inner.get(key)
        self._plant("get", key, times, lambda call: before)

    def _plant(self, operation: Operation, key: str | None, times: int, strike: Strike) -> None:
        whole = key if key is None else self._below + key
        with self._plan.lock:
            self._plan.faults.append(_Fault(operation, whole, times, strike))

    # The port.

    @property
    def uri(self) -> str:
        return self.inner.uri

    def put(self, key: str, body: bytes) -> Stored:
        return self._call("put", key, lambda: self.inner.put(key, body))

    def create(self, key: str, body: bytes) -> Stored:
        return self._call("create", key, lambda: self.inner.create(key, body))

    def replace(self, key: str, body: bytes, version: str) -> Stored:
        return self._call("replace", key, lambda: self.inner.replace(key, body, version))

    def get(self, key: str) -> Blob:
        return self._call("get", key, lambda: self.inner.get(key))

    def list(self, prefix: str = "", *, shallow: bool = False) -> Iterator[Entry]:
        return self._call("list", prefix, lambda: self.inner.list(prefix, shallow=shallow))

    def delete(self, key: str) -> None:
        self._call("delete", key, lambda: self.inner.delete(key))

    def at(self, folder: str, *, limit_s: float | None = None) -> FaultyStore:
        below = FaultyStore(self.inner.at(folder, limit_s=limit_s))
        below._plan = self._plan
        below._below = self._below + (folder.removesuffix("/") + "/" if folder else "")
        return below

    def close(self) -> None:
        self.inner.close()

    def _call(self, operation: Operation, key: str, call: Callable[[], T]) -> T:
        strike = self._plan.next_strike(operation, self._below + key)
        return call() if strike is None else strike(call)  # type: ignore[return-value]
