from __future__ import annotations

import pytest

from function.contract import keys
from function.contract.codec import encode
from function.contract.errors import UsageError
from function.contract.receipt import Counts, Receipt
from function.store.memory import MemoryStore
from orchestrator.merge.stored import read_run
from tests.emulators.stored_run import T0, Truth


def stored(truth: Truth) -> MemoryStore:
    store = MemoryStore()
    truth.write(store)
    return store


def test_a_finished_run_is_all_in() -> None:
    run = read_run(stored(Truth(lanes=3, slices=2)))
    assert run.all_in
    assert run.ended
    assert run.t0_unix_ns == T0
    assert len(run.standings) == 6
    assert run.pending == ()


def test_a_shard_without_receipt_is_pending_only_if_it_was_granted() -> None:
    truth = Truth(lanes=3)
    truth.shards["0-1-0"].receipt = False
    truth.shards["0-2-0"].attempt = None
    run = read_run(stored(truth))
    assert [standing.shard for standing in run.pending] == ["0-1-0"]
    assert not run.all_in


def test_another_attempts_receipt_is_no_commit() -> None:
    truth = Truth()
    truth.shards["0-0-0"].receipt = False
    store = stored(truth)
    other = Receipt("0-0-0", 5, "n", "complete", (), 0, Counts(), None, None, 0, 0, None, T0)
    store.create(keys.receipt("0-0-0"), encode(other))
    assert [standing.shard for standing in read_run(store).pending] == ["0-0-0"]


def test_no_run_there() -> None:
    with pytest.raises(UsageError) as raised:
        read_run(MemoryStore())
    assert raised.value.code == "run_not_found"


def test_a_foreign_receipt_is_none_and_is_not_written_over() -> None:
    truth = Truth()
    truth.shards["0-0-0"].receipt = False
    store = stored(truth)
    store.create(keys.receipt("0-0-0"), b"{}")
    standing = read_run(store).standings[0]
    assert (standing.receipt, standing.receipt_damaged, standing.sealable) == (None, True, False)
    assert read_run(store).all_in, "no other can come"


def test_nothing_granted_has_no_t0() -> None:
    truth = Truth()
    for shard in truth.shards.values():
        shard.attempt = None
    run = read_run(stored(truth))
    assert run.t0_unix_ns is None
    assert run.gos == {}
