"""The lease's thread on a real store: beats, grants, done, and what other writers do to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from msgspec import structs

from function.contract import keys
from function.contract.codec import decode, encode
from function.contract.control import Control
from function.contract.errors import StoreError
from function.store.memory import MemoryStore
from function.store.port import ObjectStore, Stored
from orchestrator.launch.abort import hold_abort, put_abort
from orchestrator.launch.lease import Lease
from orchestrator.launch.tenure import Standing

BEAT_S = 0.05
LEASE_S = 0.6


def begun(store: ObjectStore, lease_s: float = LEASE_S) -> tuple[Control, str]:
    control = Control("wait", 0, 0, (), lease_s, "me")
    return control, store.create(keys.CONTROL, encode(control)).version


@contextmanager
def held(store: ObjectStore, beat_s: float = BEAT_S, **given: object) -> Iterator[Lease]:
    control, version = begun(store)
    lease = Lease(store, control, version, beat_s, **given)  # type: ignore[arg-type]
    lease.start()
    try:
        yield lease
    finally:
        lease.leave()


def there(store: ObjectStore) -> Control:
    return decode(Control, store.get(keys.CONTROL).body)


def wait_for(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.005)


def test_it_beats_and_lists_grants_at_once() -> None:
    store = MemoryStore()
    with held(store, beat_s=5.0) as lease:
        lease.grant("0-0")
        wait_for(lambda: lease.granted("0-0"), 1.0)
        assert there(store) == Control("go", 0, 1, ("0-0",), LEASE_S, "me")
    with held(MemoryStore()) as quick:
        wait_for(lambda: quick.control.beat >= 3)
        assert quick.control.state == "wait"


def test_done_is_its_last_write() -> None:
    store = MemoryStore()
    with held(store) as lease:
        wait_for(lambda: lease.control.beat >= 1)
        assert lease.finish()
    last = there(store)
    time.sleep(4 * BEAT_S)
    assert there(store) == last
    assert last.state == "done" and lease.standing is Standing.DONE


def test_leaving_writes_nothing_more() -> None:
    store = MemoryStore()
    with held(store) as lease:
        lease.leave()
        last = there(store)
        time.sleep(4 * BEAT_S)
        assert there(store) == last and last.state == "wait"


def test_anybodys_abort_ends_it_and_stays() -> None:
    store = MemoryStore()
    with held(store) as lease:
        put_abort(store, "user")
        wait_for(lambda: lease.standing is not Standing.HELD)
        assert (lease.standing, lease.reason) == (Standing.ABORTED, "user")
        assert not lease.finish()
        time.sleep(4 * BEAT_S)
    assert there(store).state == "abort"


def test_its_own_abort_is_there_when_it_returns() -> None:
    store = MemoryStore()
    with held(store) as lease:
        lease.abort("user")
        assert (there(store).state, there(store).reason) == ("abort", "user")
        time.sleep(4 * BEAT_S)
    assert there(store).state == "abort"


def test_a_takeover_makes_it_an_observer() -> None:
    store = MemoryStore()
    with held(store) as lease:
        wait_for(lambda: _taken_over(store))
        wait_for(lambda: lease.standing is not Standing.HELD)
        assert lease.standing is Standing.FENCED
        assert not lease.finish()
    assert there(store).writer == "you"


def _taken_over(store: ObjectStore) -> bool:
    found = store.get(keys.CONTROL)
    theirs = structs.replace(decode(Control, found.body), epoch=1, writer="you")
    try:
        store.replace(keys.CONTROL, encode(theirs), found.stored.version)
    except StoreError:
        return False
    return True


def test_renewals_a_lease_apart_write_abort_instead() -> None:
    store = MemoryStore()
    skipped = [0]
    with held(store, beat_s=0.1, clock=lambda: time.monotonic_ns() + skipped[0]) as lease:
        wait_for(lambda: lease.control.beat >= 1)
        skipped[0] = int(LEASE_S * 1e9)  # the machine slept
        wait_for(lambda: lease.standing is not Standing.HELD)
    assert (there(store).state, there(store).reason) == ("abort", "lease")


class Flaky(MemoryStore):
    """Loses answers, and fails, as told."""

    lose_answers = False
    fail = False

    def replace(self, key: str, body: bytes, version: str) -> Stored:
        if self.fail:
            raise StoreError("down")
        stored = super().replace(key, body, version)
        if self.lose_answers:
            raise StoreError("the answer was lost")
        return stored

    def get(self, key: str):  # type: ignore[no-untyped-def]
        if self.fail:
            raise StoreError("down")
        return super().get(key)


def test_lost_answers_are_read_back() -> None:
    store = Flaky()
    with held(store) as lease:
        store.lose_answers = True
        lease.grant("0-0")
        wait_for(lambda: lease.control.beat >= 4)
        assert lease.standing is Standing.HELD and lease.granted("0-0")


def test_a_short_outage_is_survived_a_long_one_is_not() -> None:
    store = Flaky()
    with held(store) as lease:
        store.fail = True
        time.sleep(LEASE_S / 4)
        store.fail = False
        before = lease.control.beat
        wait_for(lambda: lease.control.beat > before)
        store.fail = True
        wait_for(lambda: lease.standing is not Standing.HELD)
    assert (lease.standing, lease.reason) == (Standing.ABORTED, "lease")


class StoppedInMidRename(MemoryStore):
    """A directory's writer that is stopped after its compare: the rename lands when it is continued."""

    def __init__(self) -> None:
        super().__init__()
        self.stop = threading.Event()
        self.stopped = threading.Event()
        self.go_on = threading.Event()

    def replace(self, key: str, body: bytes, version: str) -> Stored:
        if not self.stop.is_set():
            return super().replace(key, body, version)
        self.stop.clear()
        self.stopped.set()
        self.go_on.wait(10)
        return super().put(key, body)


@pytest.mark.parametrize("beats_later", [0.5, 1.5, 3.0, 6.0])
def test_a_renewal_prepared_before_the_abort_and_landing_after_it_does_not_undo_it(beats_later: float) -> None:
    beat_s = 0.2
    store = StoppedInMidRename()
    control, version = begun(store, lease_s=6 * beat_s)
    lease = Lease(store, control, version, beat_s)
    lease.start()
    store.stop.set()
    store.stopped.wait(5)
    wanted = put_abort(store, "user")
    threading.Timer(beats_later * beat_s, store.go_on.set).start()
    hold_abort(store, wanted, beat_s, silent=lambda: False)
    store.go_on.wait(5)
    wait_for(lambda: lease.standing is not Standing.HELD)
    wait_for(lambda: there(store).state == "abort", 1.0)
    lease.leave()
    assert there(store).state == "abort"


def test_planted_an_abort_that_is_not_read_back_is_undone() -> None:
    beat_s = 0.2
    store = StoppedInMidRename()
    control, version = begun(store, lease_s=100.0)
    lease = Lease(store, control, version, beat_s)
    lease.start()
    store.stop.set()
    store.stopped.wait(5)
    put_abort(store, "user")
    store.go_on.set()
    wait_for(lambda: there(store).state != "abort")
    lease.leave()
