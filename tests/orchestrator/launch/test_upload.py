"""Upload: plan.json takes the run id, control comes last, nothing is ever overwritten."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from function.contract import keys
from function.contract.codec import decode, digest, encode
from function.contract.control import Control
from function.contract.errors import StoreError, UsageError
from function.store.memory import MemoryStore
from function.store.port import Stored
from orchestrator.launch.upload import upload
from tests.orchestrator.launch.world import make_plan


def built(lanes: int = 3) -> Any:
    plan = make_plan(lanes)
    texts = {digest(body): body for body in (b"one", b"two")}
    names = [planned.shard for planned in plan.shards]
    shards = [SimpleNamespace(shard=name, spec_bytes=b"s" + name.encode(), workload_bytes=b"w") for name in names]
    return SimpleNamespace(plan=plan, plan_bytes=encode(plan), config_redacted="a: 1\n", shards=shards, texts=texts)


class Ordered(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []

    def create(self, key: str, body: bytes) -> Stored:
        self.order.append(key)
        return super().create(key, body)

    def put(self, key: str, body: bytes) -> Stored:
        raise AssertionError("everything is created")


def test_all_is_there_the_plan_first_and_control_last() -> None:
    store, given = Ordered(), built()
    begun = upload(store, given)
    assert (store.order[0], store.order[-1]) == (keys.PLAN, keys.CONTROL)
    assert set(store.order) == {
        keys.PLAN,
        keys.CONFIG,
        keys.CONTROL,
        *(keys.text(name) for name in given.texts),
        *(keys.spec(shard.shard) for shard in given.shards),
        *(keys.workload(shard.shard) for shard in given.shards),
    }
    blob = store.get(keys.CONTROL)
    assert decode(Control, blob.body) == begun.control == Control("wait", 0, 0, (), 30.0, begun.control.writer)
    assert blob.stored.version == begun.version


def test_two_launches_of_one_run_id_have_one_winner_and_the_loser_touches_nothing() -> None:
    store, first, second = MemoryStore(), built(2), built(3)
    upload(store, first)
    kept = {entry.key: store.get(entry.key).body for entry in store.list()}
    with pytest.raises(UsageError) as refused:
        upload(store, second)
    assert (refused.value.code, refused.value.path, refused.value.exit_code) == ("run_exists", "--run-id", 2)
    assert {entry.key: store.get(entry.key).body for entry in store.list()} == kept


def test_a_foreign_object_under_our_plan_is_refused() -> None:
    store = MemoryStore()
    store.put(keys.spec("0-0-0"), b"somebody else's")
    with pytest.raises(StoreError, match="0-0-0"):
        upload(store, built())
    assert keys.CONTROL not in {entry.key for entry in store.list()}


def test_a_lost_answer_does_not_fail_it() -> None:
    class Lossy(MemoryStore):
        def create(self, key: str, body: bytes) -> Stored:
            super().create(key, body)
            raise StoreError("the answer was lost")

    store = Lossy()
    begun = upload(store, built())
    assert store.get(keys.CONTROL).stored.version == begun.version
