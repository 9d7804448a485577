"""Objects of one's own, whatever happens to the answers."""

from __future__ import annotations

import pytest

from function.commit import Commits
from function.contract.errors import StoreDenied, StoreError
from function.store.memory import MemoryStore
from function.store_clock import StoreClock
from tests.function.virtual import VirtualClock, run
from tests.suites.faulty_store import FaultyStore

KEY = "claims/0-0-0.0"


class Setting:
    def __init__(self) -> None:
        self.clock = VirtualClock(wall_offset_ns=-5_000_000_000)
        self.store = FaultyStore(MemoryStore(self.clock.true_unix_ns))
        self.store_clock = StoreClock()
        self.commits = Commits(self.store, self.clock, self.store_clock)

    def create(self, body: bytes = b"mine", patience_s: float = 5.0) -> bool:
        return run(self.clock, self.commits.create(KEY, body, patience_s))


def test_created_and_the_stores_clock_learned() -> None:
    setting = Setting()
    assert setting.create()
    assert setting.store.get(KEY).body == b"mine"
    offset_ns, error_ns = setting.store_clock.offset()
    assert abs(offset_ns - 5_000_000_000) <= error_ns <= 1000


def test_what_another_created_is_not_mine_and_says_nothing_of_clocks() -> None:
    setting = Setting()
    setting.store.create(KEY, b"theirs")
    assert not setting.create()
    assert setting.store_clock.offset() == (0, 0)


@pytest.mark.parametrize("fault", ["lose_reply", "refuse_own", "fail"])
def test_a_lost_answer_costs_nothing(fault: str) -> None:
    setting = Setting()
    getattr(setting.store, fault)("create", KEY)
    assert setting.create()
    assert setting.store.get(KEY).body == b"mine"


def test_a_write_that_lands_late_is_still_mine() -> None:
    setting = Setting()
    late = setting.store.land_late("create", KEY)
    setting.store.fail("get", KEY)  # the read-back fails as well
    real, tries = setting.store.create, []

    def create(key: str, body: bytes) -> object:
        tries.append(key)
        if len(tries) == 2:
            late.land()
        return real(key, body)

    setting.store.create = create  # type: ignore[method-assign,assignment]
    assert setting.create()
    assert len(tries) == 2


def test_after_its_patience_the_error_is_raised_and_others_get_nothing_for_it() -> None:
    setting = Setting()
    setting.store.fail("create", KEY, times=1000)
    setting.store.fail("get", KEY, times=1000)
    begun_ns = setting.clock.now_ns()
    with pytest.raises(StoreError):
        setting.create(patience_s=5.0)
    assert 2e9 < setting.clock.now_ns() - begun_ns <= 5e9
    assert len(setting.store.calls) < 20


def test_refused_access_is_not_tried_again() -> None:
    setting = Setting()
    setting.store.fail("create", KEY, error=StoreDenied("no"))
    with pytest.raises(StoreDenied):
        setting.create()
    assert len(setting.store.calls) == 1
