"""A run whose folder was damaged: every object that can be lost but the plan, and what the merge makes of the rest."""

from __future__ import annotations

import json

import numpy as np
import pytest

from function.contract import keys
from function.contract.errors import ContractError
from function.store.memory import MemoryStore
from orchestrator.merge.run import Merged, merge_run
from orchestrator.metrics.requests import NEVER
from tests.emulators.stored_run import S, Stage, Truth

SHARD = "0-0-0"


def flipped(body: bytes) -> bytes:
    """One bit of one byte, in the middle."""
    at = len(body) // 2
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def truncated(body: bytes) -> bytes:
    return body[:-20]


def hurt(truth: Truth, key: str, damage: object = truncated) -> tuple[Merged, MemoryStore]:
    store = MemoryStore()
    truth.write(store)
    body = store.get(key).body
    store.delete(key)
    if callable(damage):
        store.put(key, damage(body))
    return merge_run(store, sleep=lambda _: None), store


def named(found: Merged) -> list[str]:
    """What part_damaged names; and what is always so."""
    summary = found.summary
    assert summary.ledger.balances
    planned = [shard.requests if shard.requests is not None else None for shard in found.plan.shards]
    for shard, count in zip(summary.shards, planned):
        assert shard.ledger.balances and count in (None, shard.ledger.planned)
    json.dumps(summary.as_dict(), allow_nan=False)
    (finding,) = [one for one in summary.findings if one.code == "part_damaged"]
    assert summary.verdict == "INVALID"
    return list(finding.numbers["parts"])


LOADS = {
    "open": lambda: Truth([Stage(5, 20), Stage(5, 10)], lanes=2, slices=2),
    "count": lambda: Truth([Stage(users=2, count=20)], lanes=2),
    "time": lambda: Truth([Stage(3, users=4)], lanes=2),
}


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("damage", [flipped, truncated, None])
def test_a_damaged_workload_part_costs_no_recorded_request(load: str, damage: object) -> None:
    truth = LOADS[load]()
    bare = MemoryStore()
    truth.write(bare)
    healthy = merge_run(bare, sleep=lambda _: None)
    found, _ = hurt(truth, keys.workload(SHARD), damage)
    assert named(found) == [keys.workload(SHARD)]
    assert found.summary.ledger == healthy.summary.ledger
    for name in ("request_index", "stage", "shard", "scheduled_ns", "sent_ns", "asked_tokens"):
        assert np.array_equal(getattr(found.requests, name), getattr(healthy.requests, name)), name


def test_another_shards_workload_is_not_ones_own() -> None:
    truth = Truth(lanes=2)
    found, _ = hurt(truth, keys.workload(SHARD), lambda _: truth._workload("0-1-0"))
    assert named(found) == [keys.workload(SHARD)]
    assert found.summary.ledger.ok == len(truth.rows)


def test_without_part_and_record_a_request_is_due_when_its_slice_or_stage_began() -> None:
    truth = Truth([Stage(5, 20), Stage(5, 20)], lanes=2, slices=2)
    gone = [k for k in truth.planned["0-0-0"] if k >= 90] + truth.planned["0-0-1"][5:10]
    for k in gone:
        truth.forget(k)
    store = MemoryStore()
    truth.write(store)
    for shard in ("0-0-0", "0-0-1"):
        store.put(keys.workload(shard), b"")
    found = merge_run(store, sleep=lambda _: None)
    assert named(found) == [keys.workload("0-0-0"), keys.workload("0-0-1")]
    assert found.summary.ledger.lost == len(gone)
    due = found.requests.scheduled_ns[gone]
    assert set(due[:5].tolist()) == {0} and set(due[5:].tolist()) == {5 * S}
    assert not (found.requests.scheduled_ns == NEVER).any()


def test_neither_workload_nor_spec() -> None:
    store = MemoryStore()
    Truth().write(store)
    store.put(keys.workload(SHARD), b"")
    store.put(keys.spec(SHARD), b"{")
    with pytest.raises(ContractError, match=r"workload/0-0-0\.arrow and shards/0-0-0/spec\.json"):
        merge_run(store, sleep=lambda _: None)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"shard": "0-0-0"', b"\xff\xfe", b"null"])
def test_a_damaged_receipt_is_done_without_and_left_as_it_is(body: bytes) -> None:
    truth = Truth(lanes=2)
    key = keys.receipt(SHARD)
    found, store = hurt(truth, key, lambda _: body)
    assert named(found) == [key]
    assert store.get(key).body == body
    assert found.summary.ledger.ok == len(truth.rows)
    assert [shard.state for shard in found.summary.shards] == ["partial", "complete"]
    again = merge_run(store, sleep=lambda _: None)
    assert again.summary.as_dict() == found.summary.as_dict()


def test_a_damaged_receipt_and_a_damaged_part() -> None:
    truth, store = Truth(lanes=2), MemoryStore()
    truth.write(store)
    part = keys.part("0-0-0.0", 0)
    store.put(keys.receipt(SHARD), b"{")
    store.put(part, b"x")
    found = merge_run(store, sleep=lambda _: None)
    assert named(found) == [keys.receipt(SHARD), part]
    assert found.summary.ledger.lost == 50


@pytest.mark.parametrize("receipts", [True, False], ids=["with receipts", "killed"])
def test_a_damaged_go_grants_what_left_something(receipts: bool) -> None:
    truth = Truth(lanes=2)
    truth.shards[SHARD].receipt = receipts
    truth.control, truth.reason = ("done", None) if receipts else ("abort", "user")
    found, store = hurt(truth, keys.go("0-0"))
    assert named(found) == [keys.go("0-0")]
    assert found.summary.ledger.ok == len(truth.rows)
    kept = [entry.key for entry in store.list(keys.RECEIPTS)]
    assert (keys.receipt(SHARD) in kept) is receipts, "nothing is sealed on a guess"


@pytest.mark.parametrize("key", [keys.CONTROL, keys.ORCHESTRATOR])
def test_the_orchestrators_objects_are_done_without(key: str) -> None:
    truth, store = Truth(), MemoryStore()
    truth.write(store)
    store.put(key, b'{"state"')
    found = merge_run(store, sleep=lambda _: None)
    assert named(found) == [key]
    assert found.summary.ledger.ok == len(truth.rows)


@pytest.mark.parametrize("key", [keys.claim("0-0-0.0"), keys.ready("0-0-0.0"), keys.spec(SHARD)])
def test_what_tells_nothing_of_requests_stops_nothing(key: str) -> None:
    truth, store = Truth(), MemoryStore()
    truth.shards[SHARD].receipt = False
    truth.write(store)
    store.put(key, b"{")
    assert merge_run(store, sleep=lambda _: None).summary.ledger.ok == len(truth.rows)


def test_a_damaged_control_of_a_run_that_never_ended() -> None:
    truth = Truth(lanes=2)
    truth.shards[SHARD].receipt = False
    found, store = hurt(truth, keys.CONTROL)
    (finding,) = [one for one in found.summary.findings if one.code == "run_aborted"]
    assert "(merge: control.json could not be read)" in finding.message
    assert found.summary.verdict != "VALID" and found.summary.ledger.balances
    assert merge_run(store, sleep=lambda _: None).summary.as_dict() == found.summary.as_dict()


def test_without_a_plan_nothing_can_be_said() -> None:
    with pytest.raises(ContractError, match=r"plan\.json"):
        hurt(Truth(), keys.PLAN)
