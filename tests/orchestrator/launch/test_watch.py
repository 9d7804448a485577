"""Looking into the store: each change is told once, none is lost, nonsense is passed over."""

from __future__ import annotations

import pytest

from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Control, Go
from function.contract.errors import NotFound, StoreError
from function.store.memory import MemoryStore
from function.store.port import Blob
from orchestrator.launch.watch import News, Watch
from tests.orchestrator.launch.crew import make_receipt
from tests.orchestrator.launch.world import make_progress, make_ready


class Counting(MemoryStore):
    gets = 0
    broken = ""

    def get(self, key: str) -> Blob:
        self.gets += 1
        return super().get(key)

    def list(self, prefix: str = "", *, shallow: bool = False):  # type: ignore[no-untyped-def]
        if prefix == self.broken:
            raise StoreError("down")
        return super().list(prefix, shallow=shallow)


def begun() -> Counting:
    store = Counting()
    store.put(keys.CONTROL, encode(Control("wait", 0, 0, (), 30.0, "w")))
    return store


def words(news: News) -> tuple[int, int, int, int]:
    return len(news.ready), len(news.progress), len(news.receipts), len(news.go)


def test_each_change_is_told_once_and_only_changes_are_read() -> None:
    store = begun()
    watch = Watch(store)
    store.put(keys.ready("0-0-0.0"), encode(make_ready("0-0-0")))
    store.put(keys.progress("0-0-0.0"), encode(make_progress("0-0-0")))
    assert words(watch.look()) == (1, 1, 0, 0)
    store.gets = 0
    assert words(watch.look()) == (0, 0, 0, 0)
    assert store.gets == 1, "control alone"
    store.put(keys.progress("0-0-0.0"), encode(make_progress("0-0-0", sent=4)))
    store.put(keys.receipt("0-0-0"), encode(make_receipt("0-0-0", 0)))
    news = watch.look()
    assert words(news) == (0, 1, 1, 0)
    assert news.progress[0].sent == 4


def test_go_objects_are_read_where_asked_for() -> None:
    store = begun()
    store.put(keys.go("0-0"), encode(Go(0, 0, 1, 1, {}, "w")))
    watch = Watch(store)
    assert words(watch.look()) == (0, 0, 0, 0)
    assert words(watch.look(go=True)) == (0, 0, 0, 1)


def test_what_was_read_before_a_listing_failed_is_told_later() -> None:
    store = begun()
    watch = Watch(store)
    store.put(keys.ready("0-0-0.0"), encode(make_ready("0-0-0")))
    store.broken = keys.RECEIPTS
    with pytest.raises(StoreError):
        watch.look()
    store.broken = ""
    assert words(watch.look()) == (1, 0, 0, 0)


def test_nonsense_is_passed_over_until_it_changes() -> None:
    store = begun()
    watch = Watch(store)
    store.put(keys.progress("0-0-0.0"), b"{")
    store.put(keys.progress("0-1-0.0"), encode(make_progress("0-1-0")))
    assert [one.shard for one in watch.look().progress] == ["0-1-0"]
    store.put(keys.progress("0-0-0.0"), encode(make_progress("0-0-0")))
    assert [one.shard for one in watch.look().progress] == ["0-0-0"]


def test_a_run_without_control_is_not_found() -> None:
    with pytest.raises(NotFound):
        Watch(MemoryStore()).look()
