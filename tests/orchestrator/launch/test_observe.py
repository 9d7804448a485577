"""Watching somebody else's run: done, aborted, or left without a beat. The rest of attach is in test_attach."""

from __future__ import annotations

import time

from msgspec import structs

from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Control, Go
from function.store.memory import MemoryStore
from orchestrator.launch import observe
from orchestrator.launch.clock import StoreClock, boot_ns
from orchestrator.launch.observe import Observer
from tests.orchestrator.launch.crew import FakeView, make_receipt
from tests.orchestrator.launch.test_conduct import quick_plan
from tests.orchestrator.launch.world import S

GOING = Control("go", 0, 1, ("0-0",), 6.0, "w")


def observer(store: MemoryStore, beat_s: float = 0.2, error_ns: int = 0) -> tuple[Observer, FakeView]:
    view = FakeView()
    clock = StoreClock(time.time_ns() - boot_ns(), error_ns)
    return Observer(store, quick_plan(1, beat_s=beat_s), view, clock), view


def watching(control: Control, stamp_ns: int | None = None) -> MemoryStore:
    store = MemoryStore() if stamp_ns is None else MemoryStore(lambda: stamp_ns)
    store.put(keys.CONTROL, encode(control))
    return store


def test_done_and_abort_are_seen_at_once_and_shown() -> None:
    for state in ("done", "abort"):
        store = watching(structs.replace(GOING, state=state))
        store.put(keys.go("0-0"), encode(Go(0, 0, 1, 1, {"0-0-0": 0}, "w")))
        store.put(keys.receipt("0-0-0"), encode(make_receipt("0-0-0", 0)))
        one, view = observer(store)
        assert one.until_known(lambda seconds: None) == state
        assert view.snapshots[-1].shards == {"complete": 1}


def test_a_beat_that_stands_still_is_seen_after_two_beats_and_a_second() -> None:
    store = watching(GOING)
    one, _ = observer(store, beat_s=1.0)
    begun = time.monotonic()
    assert one.until_known(lambda seconds: time.sleep(seconds / 10)) == "still"
    assert time.monotonic() - begun >= 1.9


def test_the_stores_stamp_counts_but_own_eyes_are_needed_too() -> None:
    """A beat of an hour ago need not be watched for two beats more."""
    store = watching(GOING, stamp_ns=time.time_ns() - 3600 * S)
    one, _ = observer(store, beat_s=30.0)
    begun = time.monotonic()
    assert one.until_known(lambda seconds: time.sleep(seconds / 10)) == "still"
    assert observe.WATCHED_NS / 1e9 <= time.monotonic() - begun < 10


def test_a_beat_that_moves_is_never_still() -> None:
    store, looks = watching(GOING), [0]
    one, _ = observer(store, beat_s=0.01)

    def wait(seconds: float) -> None:
        looks[0] += 1
        state = "go" if looks[0] < 20 else "done"
        store.put(keys.CONTROL, encode(structs.replace(GOING, state=state, beat=looks[0] + 1)))
        time.sleep(0.08)

    assert one.until_known(wait) == "done"
