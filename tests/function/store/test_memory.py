from __future__ import annotations

import pytest

from function.contract.errors import UsageError, VersionMismatch
from function.store.memory import MemoryStore
from function.store.opening import open_store


def test_the_clock_is_the_one_given() -> None:
    times_ns = iter([10, 20, 30])
    store = MemoryStore(lambda: next(times_ns))
    first = store.create("a", b"1")
    second = store.at("x").put("b", b"2")
    third = store.replace("a", b"3", first.version)
    assert [first.stamp_ns, second.stamp_ns, third.stamp_ns] == [10, 20, 30]
    assert store.get("a").stored == third


def test_a_version_never_comes_back() -> None:
    store = MemoryStore()
    versions = [store.put("a", b"same").version for _ in range(20)]
    store.delete("a")
    versions.append(store.create("a", b"same").version)
    assert len(set(versions)) == 21
    with pytest.raises(VersionMismatch):
        store.replace("a", b"x", versions[0])


def test_any_key_may_stand_beside_any_other() -> None:
    store = MemoryStore()
    store.put("a", b"1")
    store.put("a/b", b"2")
    assert [entry.key for entry in store.list(shallow=True)] == ["a", "a/"]


def test_stores_are_apart_and_no_uri_opens_one() -> None:
    MemoryStore().put("a", b"1")
    assert list(MemoryStore().list()) == []
    with pytest.raises(UsageError):
        open_store(MemoryStore().at("runs/r1").uri)
