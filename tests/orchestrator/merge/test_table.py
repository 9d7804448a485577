"""What becomes of a planned request, by what its shard left behind."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from function.contract import keys
from function.contract.record import STATUSES
from function.store.memory import MemoryStore
from orchestrator.merge.run import Merged, merge_run
from orchestrator.metrics.requests import NEVER
from tests.emulators.stored_run import MS, Row, S, Stage, Truth, encode_part

SHARD = "0-0-0"


def merged(truth: Truth, store: MemoryStore | None = None) -> Merged:
    store = store or MemoryStore()
    truth.write(store)
    return merge_run(store, sleep=lambda _: None)


def ends(found: Merged, shard: str | None = None) -> Counter[tuple[str, str | None]]:
    requests = found.requests
    rows = range(len(requests))
    if shard is not None:
        rows = np.flatnonzero(requests.shard == requests.shard_ids.index(shard)).tolist()  # type: ignore[assignment]
    kinds = requests.error_kind
    return Counter(
        (STATUSES[requests.status[row]], kinds.words[code] if (code := kinds.codes[row]) >= 0 else None) for row in rows
    )


def state(found: Merged, shard: str = SHARD) -> str:
    return next(one.state for one in found.summary.shards if one.shard == shard)


def test_a_healthy_run_is_its_records() -> None:
    truth = Truth([Stage(5), Stage(5, 40)], lanes=3, slices=2)
    found = merged(truth)
    requests = found.requests
    assert requests.request_index.tolist() == list(range(300))
    assert requests.stage.tolist() == [0] * 100 + [1] * 200
    for k in (0, 150, 299):
        row = truth.row(k)
        assert (requests.scheduled_ns[k], requests.sent_ns[k]) == (row.scheduled_ns, row.sent_ns)
        assert requests.last_token_ns[k] == row.token_ns[-1]
    offsets, times = requests.tokens.absolute(requests.sent_ns)
    assert times[offsets[150] : offsets[151]].tolist() == truth.row(150).token_ns
    assert {shard.state for shard in found.summary.shards} == {"complete"}


def test_a_shard_that_was_not_granted_missed_its_requests() -> None:
    truth = Truth(lanes=2)
    truth.shards[SHARD].attempt = None
    found = merged(truth)
    assert ends(found, SHARD) == {("missed", "not_granted"): 100}
    assert state(found) == "missing"
    assert found.requests.scheduled_ns.min() == 0  # never null in an open loop


def test_a_killed_worker_loses_what_it_did_not_flush() -> None:
    truth = Truth(lanes=2)
    mine = truth.planned[SHARD]
    for k in mine[60:]:
        truth.forget(k)
    in_flight = mine[60]
    truth.shards[SHARD].receipt = False
    truth.shards[SHARD].in_flight = [(in_flight, 0, in_flight * 50 * MS, in_flight * 50 * MS + 7)]
    found = merged(truth)
    assert ends(found, SHARD) == {("ok", None): 60, ("lost", "no_record"): 40}
    assert found.requests.sent_ns[in_flight] == in_flight * 50 * MS + 7
    assert (found.requests.sent_ns[mine[61:]] == NEVER).all()
    assert state(found) == "partial"


def test_a_killed_worker_without_a_flush_is_missing() -> None:
    truth, store = Truth(lanes=2), MemoryStore()
    truth.shards[SHARD].receipt = False
    truth.write(store)
    for entry in list(store.list(keys.parts("0-0-0.0"))):
        store.delete(entry.key)
    found = merge_run(store, sleep=lambda _: None)
    assert ends(found, SHARD) == {("lost", "no_record"): 100}
    assert state(found) == "missing"


def test_with_records_and_receipt_deleted_a_shard_is_missing() -> None:
    truth, store = Truth(lanes=2), MemoryStore()
    truth.write(store)
    for entry in [*store.list(keys.parts("0-0-0.0"))]:
        store.delete(entry.key)
    store.delete(keys.receipt(SHARD))
    found = merge_run(store, sleep=lambda _: None)
    assert state(found) == "missing"
    assert found.summary.verdict == "INVALID"


@pytest.mark.parametrize(
    ("reason", "detail", "kind"),
    [("abort", "user", "user"), ("abort", "breaker: x", "breaker"), ("lease", "the beat stood still", "lease")],
)
def test_what_was_due_after_a_stop_was_aborted(reason: str, detail: str, kind: str) -> None:
    truth = Truth(lanes=1)
    for k in range(101, 200):
        truth.forget(k)  # due at 5.05 s and later
    row = truth.row(100)
    row.status, row.error_kind = "aborted", kind  # cancelled in flight
    truth.shards[SHARD].reason, truth.shards[SHARD].detail = reason, detail  # type: ignore[assignment]
    truth.shards[SHARD].stopped_ns = 5 * S
    truth.control, truth.reason = "abort", detail
    found = merged(truth)
    assert ends(found) == {("ok", None): 100, ("aborted", kind): 100}
    assert found.requests.sent_ns[100] == row.sent_ns
    assert state(found) == "partial"
    assert found.summary.aborted


def test_what_was_due_before_a_stop_and_has_no_row_is_lost() -> None:
    truth = Truth(lanes=1)
    for k in range(90, 200):
        truth.forget(k)
    truth.shards[SHARD].reason, truth.shards[SHARD].stopped_ns = "abort", 5 * S
    truth.control, truth.reason = "abort", "user"
    assert ends(merged(truth)) == {("ok", None): 90, ("lost", "no_record"): 11, ("aborted", "user"): 99}


def test_out_of_time_is_missed() -> None:
    truth = Truth(lanes=1)
    for k in range(101, 200):
        truth.forget(k)
    truth.shards[SHARD].reason, truth.shards[SHARD].stopped_ns = "time", 5 * S
    assert ends(merged(truth)) == {("ok", None): 101, ("missed", "no_time_left"): 99}


def test_a_failed_worker_leaves_lost_requests() -> None:
    truth = Truth(lanes=1)
    for k in range(101, 200):
        truth.forget(k)
    truth.shards[SHARD].reason = "failed"
    found = merged(truth)
    assert ends(found) == {("ok", None): 101, ("lost", "no_record"): 99}
    assert state(found) == "partial"


def test_a_flipped_byte_loses_the_parts_rows() -> None:
    truth, store = Truth(lanes=2), MemoryStore()
    truth.shards[SHARD].parts = 4
    truth.write(store)
    key = keys.part("0-0-0.0", 1)
    body = bytearray(store.get(key).body)
    body[len(body) // 2] ^= 0xFF
    store.put(key, bytes(body))
    found = merge_run(store, sleep=lambda _: None)
    assert ends(found, SHARD)[("lost", "no_record")] == 25
    assert {finding.code for finding in found.summary.findings} >= {"part_damaged", "requests_lost"}
    assert found.summary.verdict == "INVALID"
    sent = found.requests.sent_ns != NEVER
    assert sent.sum() == 176, "one of the lost was in flight at the flush before, and is known to have been sent"


def test_a_part_that_is_gone_is_damage() -> None:
    truth, store = Truth(lanes=2), MemoryStore()
    truth.write(store)
    store.delete(keys.part("0-0-0.0", 1))
    found = merge_run(store, sleep=lambda _: None)
    assert "part_damaged" in {finding.code for finding in found.summary.findings}


def repeated(rows: list[Row], truth: Truth) -> MemoryStore:
    """Shard 0-0-0 left one more part, with these rows, and no receipt."""
    store = MemoryStore()
    truth.shards[SHARD].receipt = False
    truth.write(store)
    store.create(keys.part("0-0-0.0", 9), encode_part([row.columns(0) for row in rows], [], SHARD, 0))
    return store


def test_two_rows_for_one_request_are_damage_and_the_later_one_counts() -> None:
    truth = Truth(lanes=2)
    twin = Row(4, 0, truth.row(4).scheduled_ns, truth.row(4).sent_ns, status="failed", error_kind="truncated")
    found = merge_run(repeated([twin], truth), sleep=lambda _: None)
    assert "part_damaged" in {finding.code for finding in found.summary.findings}
    assert STATUSES[found.requests.status[4]] == "failed"
    assert found.requests.tokens.count[4] == 0
    assert found.requests.first_token_ns[4] == NEVER
    assert found.summary.ledger.planned == 200
    assert found.summary.ledger.balances


def test_a_row_of_somebody_elses_request_does_not_count() -> None:
    truth = Truth(lanes=2)
    foreign = [Row(5, 0, 0, 1, status="failed"), Row(10**9, 0, 0, 1), Row(-3, 0, 0, 1)]
    found = merge_run(repeated(foreign, truth), sleep=lambda _: None)
    assert "part_damaged" in {finding.code for finding in found.summary.findings}
    assert STATUSES[found.requests.status[5]] == "ok"
    assert found.summary.ledger.ok == 200


def test_closed_by_count() -> None:
    truth = Truth([Stage(users=4, count=50)], lanes=2)
    found = merged(truth)
    assert ends(found) == {("ok", None): 50}
    assert found.requests.scheduled_ns[7] == truth.row(7).scheduled_ns


def test_closed_by_count_stopped_early() -> None:
    """What no user came to was not sent: its lane had recorded all that it started."""
    truth = Truth([Stage(users=4, count=50)], lanes=2)
    for k in range(30, 50):
        truth.forget(k)
    for shard in truth.shards.values():
        shard.reason, shard.stopped_ns = "abort", S
    truth.control, truth.reason = "abort", "user"
    found = merged(truth)
    assert ends(found) == {("ok", None): 30, ("aborted", "user"): 20}
    assert (found.requests.scheduled_ns[30:] == NEVER).all()


def test_closed_by_count_killed() -> None:
    truth = Truth([Stage(users=4, count=50)], lanes=2)
    for k in [k for k in truth.planned[SHARD] if k >= 30]:
        truth.forget(k)
    truth.shards[SHARD].receipt = False
    assert ends(merged(truth), SHARD) == {("ok", None): 15, ("lost", "no_record"): 10}


def test_closed_by_time_plans_what_was_started() -> None:
    truth = Truth([Stage(3, users=4), Stage(2, users=3)], lanes=2)
    started = len(truth.rows)
    found = merged(truth)
    assert found.summary.ledger.planned == found.summary.ledger.ok == started
    assert sorted(truth.rows) == found.requests.request_index.tolist(), "unique, not contiguous"
    assert (np.diff(found.requests.request_index) > 1).any()
    assert found.requests.prompt_counts.tolist() == [12] * started


def test_closed_by_time_killed() -> None:
    """Rows of the parts and what was in flight at the last flush; nobody knows of more."""
    truth = Truth([Stage(3, users=4)], lanes=2)
    mine = truth.planned[SHARD]
    for k in mine[40:]:
        truth.forget(k)
    truth.shards[SHARD].receipt = False
    truth.shards[SHARD].in_flight = [(mine[40], 0, S, S + 1), (mine[41], 0, S, S + 2)]
    found = merged(truth)
    assert ends(found, SHARD) == {("ok", None): 40, ("lost", "no_record"): 2}
    lost = np.flatnonzero(found.requests.status == STATUSES.index("lost"))
    assert found.requests.scheduled_ns[lost].tolist() == [S, S]


def test_closed_by_time_with_a_damaged_part_knows_what_is_missing() -> None:
    """Numbers are taken in order, so the damaged part's are known to have been started."""
    for number in range(4):
        truth, store = Truth([Stage(3, users=4)], lanes=2), MemoryStore()
        started = len(truth.rows)
        truth.shards[SHARD].parts = 4
        truth.write(store)
        key = keys.part("0-0-0.0", number)
        store.put(key, store.get(key).body[:-9])
        found = merge_run(store, sleep=lambda _: None)
        assert found.summary.ledger.planned == started
        assert found.summary.ledger.lost == started - found.summary.ledger.ok > 0


def test_closed_by_time_never_granted_is_still_missing() -> None:
    truth = Truth([Stage(3, users=4)], lanes=2)
    truth.shards[SHARD].attempt = None
    found = merged(truth)
    assert "shard_missing" in {finding.code for finding in found.summary.findings}


def test_gaps_longer_than_an_entry_holds() -> None:
    truth = Truth(lanes=1)
    row = truth.row(3)
    truth.slow(row, 20 * S)
    found = merged(truth)
    offsets, times = found.requests.tokens.absolute(found.requests.sent_ns)
    assert times[offsets[3] : offsets[4]].tolist() == row.token_ns
    assert times[offsets[4] : offsets[5]].tolist() == truth.row(4).token_ns
