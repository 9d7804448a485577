"""The faults other tests rest on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from function.contract.errors import NotFound, StoreError
from function.store.memory import MemoryStore
from tests.suites.faulty_store import FaultyStore


@pytest.fixture
def store() -> FaultyStore:
    return FaultyStore(MemoryStore())


def test_without_faults_it_is_the_store(store: FaultyStore) -> None:
    store.create("a/b", b"1")
    store.at("a").put("b", b"2")
    assert [entry.key for entry in store.list("a")] == ["a/b"]
    assert store.inner.get("a/b").body == b"2"
    store.delete("a/b")
    assert store.calls == [("create", "a/b"), ("put", "a/b"), ("list", "a"), ("delete", "a/b")]


def test_a_fault_strikes_as_often_as_told_and_only_there(store: FaultyStore) -> None:
    store.put("a", b"1")
    store.fail("get", "a", times=2)
    store.fail("get", None, error=NotFound("planted"))
    store.put("a", b"2")
    for _ in range(2):
        with pytest.raises(StoreError, match="no answer"):
            store.get("a")
    with pytest.raises(NotFound, match="planted"):
        store.get("a")
    assert store.get("a").body == b"2"


def test_faults_reach_through_handles(store: FaultyStore) -> None:
    run = store.at("runs").at("r1/")
    run.fail("create", "claims/x")
    with pytest.raises(StoreError):
        store.create("runs/r1/claims/x", b"")
    store.lose_reply("put", "runs/r1/control.json")
    with pytest.raises(StoreError):
        run.put("control.json", b"abort")
    assert run.get("control.json").body == b"abort"


def test_stale_reads_show_what_was_there(store: FaultyStore) -> None:
    store.put("a", b"old")
    store.at("").stale("a", times=2)
    store.put("a", b"new")
    assert [store.get("a").body for _ in range(3)] == [b"old", b"old", b"new"]


def test_a_late_write_lands_when_told(store: FaultyStore) -> None:
    late = store.land_late("put", "a")
    with pytest.raises(StoreError, match="timed out"):
        store.put("a", b"late")
    store.put("a", b"early")
    assert late.land() is None
    assert store.get("a").body == b"late"


def test_a_hanging_call_goes_on_when_told(store: FaultyStore) -> None:
    store.put("a", b"1")
    hanging = store.hang("get", "a")
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(store.get, "a")
        assert hanging.entered.wait(10)
        assert not reading.done()
        store.put("a", b"2")
        hanging.go.set()
        assert reading.result(10).body == b"2"


def test_a_hanging_call_ends_by_itself(store: FaultyStore) -> None:
    store.hang("get", "a", limit_s=0.01)
    with pytest.raises(StoreError, match="too long"):
        store.get("a")
