"""Abort: put over whatever lies there, kept there, and never put over an end. What undoes it is in test_lease."""

from __future__ import annotations

import pytest

from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Control
from function.contract.errors import NotFound, StoreError
from function.store.memory import MemoryStore
from function.store.port import Blob
from orchestrator.launch.abort import hold_abort, put_abort, read_control

GOING = Control("go", 2, 9, ("0-0",), 30.0, "owner")


def holding(control: Control) -> MemoryStore:
    store = MemoryStore()
    store.put(keys.CONTROL, encode(control))
    return store


def test_it_follows_what_lies_there() -> None:
    store = holding(GOING)
    wanted = put_abort(store, "user")
    assert read_control(store) == wanted
    assert (wanted.state, wanted.reason, wanted.epoch, wanted.beat, wanted.granted) == (
        "abort",
        "user",
        2,
        10,
        ("0-0",),
    )
    assert wanted.writer != GOING.writer


@pytest.mark.parametrize("state", ["abort", "done"])
def test_an_end_stays_as_it_is(state: str) -> None:
    ended = Control(state, 0, 3, (), 30.0, "x", "lease")  # type: ignore[arg-type]
    store = holding(ended)
    assert put_abort(store, "user") == ended
    assert read_control(store) == ended


def test_a_control_that_cannot_be_read_is_replaced_by_what_is_known() -> None:
    class Unreadable(MemoryStore):
        def get(self, key: str) -> Blob:
            raise StoreError("down")

    store = Unreadable()
    with pytest.raises(StoreError):
        put_abort(store, "user")
    assert put_abort(store, "user", GOING).beat == 10
    assert b'"abort"' in MemoryStore.get(store, keys.CONTROL).body


def test_without_a_control_there_is_nothing_to_abort() -> None:
    with pytest.raises(NotFound):
        put_abort(MemoryStore(), "user")


def test_it_is_read_back_after_each_of_two_beats() -> None:
    store, waits = holding(GOING), []
    wanted = put_abort(store, "user")

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if sum(waits) == pytest.approx(1.0) or sum(waits) == pytest.approx(2.0):
            store.put(keys.CONTROL, encode(GOING))

    assert hold_abort(store, wanted, 1.0, lambda: False, wait) == 2
    assert sum(waits) == pytest.approx(2.0)
    assert read_control(store).state == "abort"


def test_it_waits_no_longer_than_somebody_sends() -> None:
    store, waits = holding(GOING), []
    assert hold_abort(store, put_abort(store, "user"), 5.0, lambda: len(waits) >= 3, waits.append) == 0
    assert len(waits) == 3
