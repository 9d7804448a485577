from __future__ import annotations

import pytest

from function.contract import keys
from function.contract.codec import decode
from function.contract.observed import End, Observed
from function.contract.receipt import Receipt
from function.store.memory import MemoryStore
from orchestrator.merge.seal import seal
from orchestrator.merge.stored import read_run
from tests.emulators.stored_run import T0, S, Truth

SHARD = "0-0-0"


def killed(parts: int = 3) -> Truth:
    truth = Truth(lanes=2)
    truth.shards[SHARD].receipt = False
    truth.shards[SHARD].parts = parts
    return truth


def sealed(truth: Truth, store: MemoryStore | None = None, ended: tuple[str, ...] = ()) -> Receipt:
    store = store or MemoryStore()
    truth.write(store)
    seal(store, read_run(store), ended)
    return decode(Receipt, store.get(keys.receipt(SHARD)).body)


def test_a_killed_shards_parts_are_listed_as_they_lie_there() -> None:
    store = MemoryStore()
    receipt = sealed(killed(), store, ended=("0-0-0.0",))
    assert (receipt.reason, receipt.sealed_by, receipt.attempt) == ("salvaged", "merge", 0)
    assert [part.key for part in receipt.parts] == [entry.key for entry in store.list("records/0-0-0.0/")]
    assert receipt.rows == sum(part.rows for part in receipt.parts) == 100
    assert receipt.counts.ok == 100
    assert receipt.nonce == "nonce-0-0-0.0"
    assert "its invocation had ended" in (receipt.stop_detail or "")
    assert receipt.stopped_ns is None


def test_parts_of_an_attempt_that_was_not_granted_do_not_count() -> None:
    truth, store = killed(), MemoryStore()
    truth.write(store)
    body = store.get("records/0-0-0.0/part-00000.arrow").body
    store.create("records/0-0-0.1/part-00000.arrow", body)
    seal(store, read_run(store))
    receipt = decode(Receipt, store.get(keys.receipt(SHARD)).body)
    assert all(part.key.startswith("records/0-0-0.0/") for part in receipt.parts)


def test_what_turns_up_later_does_not_count() -> None:
    store = MemoryStore()
    first = sealed(killed(), store)
    store.create("records/0-0-0.0/part-00099.arrow", store.get("records/0-0-0.0/part-00000.arrow").body)
    seal(store, read_run(store))
    assert decode(Receipt, store.get(keys.receipt(SHARD)).body) == first


def test_a_receipt_that_lands_first_wins() -> None:
    """The worker commits between our look and our own create."""
    truth, store = killed(), MemoryStore()
    truth.write(store)
    run = read_run(store)
    theirs, other = Truth(lanes=2), MemoryStore()
    theirs.write(other)
    store.create(keys.receipt(SHARD), other.get(keys.receipt(SHARD)).body)
    found = seal(store, run)
    assert all(standing.receipt is not None and standing.receipt.reason == "complete" for standing in found.standings)


def test_an_unreadable_part_is_listed_without_rows() -> None:
    truth, store = killed(), MemoryStore()
    truth.write(store)
    store.put("records/0-0-0.0/part-00001.arrow", b"nonsense")
    seal(store, read_run(store))
    receipt = decode(Receipt, store.get(keys.receipt(SHARD)).body)
    assert [part.rows > 0 for part in receipt.parts] == [True, False, True]


@pytest.mark.parametrize(("reason", "kind"), [("user", "user"), ("breaker: x", "breaker"), ("merge", "lease")])
def test_after_an_abort_a_lapse_of_one_lease_is_certain(reason: str, kind: str) -> None:
    truth = killed()
    truth.control, truth.reason = "abort", reason
    store = MemoryStore(now_ns=lambda: T0 + 4 * S)
    receipt = sealed(truth, store)
    assert receipt.stopped_ns == 4 * S + 6 * S
    assert (receipt.stop_detail or "").startswith(f"{kind}: ")


def test_who_ended_by_itself_and_left_nothing_sent_nothing() -> None:
    truth = killed(parts=1)
    for k in truth.planned[SHARD]:
        truth.forget(k)
    truth.control, truth.reason = "abort", "user"
    truth.observed = Observed(T0, T0, ends={"0-0-0.0": End(0, "", T0)})
    store = MemoryStore()
    truth.write(store)
    store.delete("records/0-0-0.0/part-00000.arrow")
    seal(store, read_run(store))
    receipt = decode(Receipt, store.get(keys.receipt(SHARD)).body)
    assert receipt.reason == "not_allowed"
    assert (receipt.stop_detail or "").startswith("user: ")


def test_who_ended_with_an_error_may_have_sent() -> None:
    truth = killed()
    truth.observed = Observed(T0, T0, ends={"0-0-0.0": End(-9, "", T0)})
    assert sealed(truth).reason == "salvaged"
