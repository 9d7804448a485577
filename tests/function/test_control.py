"""Polls of control: what is asked when, and what is fed to the gate."""

from __future__ import annotations

import pytest

from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Control, ControlState
from function.control import ControlWatch
from function.gate import Gate
from function.store.memory import MemoryStore
from tests.function.little_run import SHARD, shard_spec, workload_part
from tests.function.open_gate import go
from tests.function.virtual import SECOND, VirtualClock
from tests.suites.faulty_store import FaultyStore

SPEC = shard_spec(workload_part([0]), poll_s=0.2, poll_wait_s=0.1, lease_s=6.0)


class Watched:
    def __init__(self, draw: float = 0.0) -> None:
        self.clock = VirtualClock()
        self.store = FaultyStore(MemoryStore())
        self.gate = Gate(SHARD, 0, 6 * SECOND, self.clock)
        self.watch = ControlWatch(self.store, SPEC, self.gate, self.clock, lambda: draw)

    def put(self, state: ControlState, beat: int, granted: tuple[str, ...] = ()) -> None:
        self.store.put(keys.CONTROL, encode(Control(state, 0, beat, granted, 6.0, "test")))

    def reads(self) -> list[str]:
        return [key for operation, key in self.store.calls if operation == "get"]


def test_go_is_read_once_and_only_after_control_lists_the_group() -> None:
    watched = Watched()
    watched.put("wait", 1)
    watched.watch.step()
    watched.put("go", 2, ("1-0",))  # another group's
    watched.watch.step()
    assert watched.reads() == [keys.CONTROL] * 2
    watched.store.create(keys.go("0-0"), encode(go()))
    watched.put("go", 3, ("0-0", "1-0"))
    for _ in range(3):
        watched.watch.step()
    assert watched.reads()[2:] == [keys.CONTROL, keys.go("0-0"), keys.CONTROL, keys.CONTROL]
    assert watched.gate.permit() is None


def test_polls_are_quick_before_go_and_slower_after_it() -> None:
    watched = Watched()
    watched.put("wait", 1)
    assert watched.watch.step() == pytest.approx(0.1)
    watched.store.create(keys.go("0-0"), encode(go()))
    watched.put("go", 2, ("0-0",))
    assert watched.watch.step() == pytest.approx(0.2)


def test_jitter_only_makes_polls_earlier() -> None:
    watched = Watched(draw=1.0)
    watched.put("wait", 1)
    assert watched.watch.step() == pytest.approx(0.08)


@pytest.mark.parametrize("broken", ["absent", "no answer", "not json"])
def test_a_read_that_failed_feeds_nothing_and_is_not_repeated_before_its_time(broken: str) -> None:
    watched = Watched()
    if broken == "no answer":
        watched.put("wait", 1)
        watched.store.fail("get", keys.CONTROL)
    elif broken == "not json":
        watched.store.put(keys.CONTROL, b"{")
    assert watched.watch.step() == pytest.approx(0.1)
    assert watched.reads() == [keys.CONTROL]
    assert not watched.gate.heard_once
    watched.clock.advance(3)
    assert watched.watch.step() is None, "nothing good for half a lease: no more polls"


def test_a_go_that_could_not_be_read_is_asked_for_again() -> None:
    watched = Watched()
    watched.put("wait", 1)
    watched.watch.step()
    watched.store.create(keys.go("0-0"), encode(go()))
    watched.put("go", 2, ("0-0",))
    watched.store.fail("get", keys.go("0-0"))
    watched.watch.step()
    assert watched.gate.permit() == "lease"
    watched.watch.step()
    assert watched.gate.permit() is None


def test_the_answer_counts_from_when_it_was_asked() -> None:
    watched = Watched()
    watched.put("wait", 1)
    real = watched.store.get

    def slow(key: str) -> object:
        blob = real(key)
        watched.clock.advance(2)
        return blob

    watched.store.get = slow  # type: ignore[method-assign,assignment]
    assert watched.watch.step() == 0.0, "late already"
    watched.clock.advance(0.999)
    assert watched.gate.stop() is None
    watched.clock.advance(0.001)
    assert watched.gate.stop() is not None


@pytest.mark.parametrize("state", ["abort", "done"])
def test_after_a_stop_there_are_no_polls_but_a_grant_is_still_known(state: ControlState) -> None:
    """An attempt that was granted and aborted in one breath owes a receipt; so it must know that it was granted."""
    watched = Watched()
    watched.store.create(keys.go("0-0"), encode(go()))
    watched.put(state, 5, ("0-0",))
    assert watched.watch.step() is None
    assert watched.gate.go_names_me
    assert watched.gate.permit() == "user"
