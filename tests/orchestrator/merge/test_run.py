"""Whole merges: what each kind of run ends as, and that merging twice or elsewhere gives the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from function.contract import keys
from function.contract.codec import encode
from function.contract.observed import End, Observed
from function.store.local import LocalStore
from function.store.memory import MemoryStore
from orchestrator.merge.run import Merged, merge_run
from tests.emulators.stored_run import MS, T0, Row, S, Stage, Truth


def merged(truth: Truth) -> Merged:
    store = MemoryStore()
    truth.write(store)
    return merge_run(store, sleep=lambda _: None)


def graver(found: Merged) -> set[str]:
    return {finding.code for finding in found.summary.findings if finding.severity != "info"}


@pytest.mark.parametrize(
    "truth",
    [
        Truth([Stage(15, 20)], lanes=2, ttft_ns=200 * MS),
        Truth([Stage(1, 20)], lanes=2),
        Truth([Stage(1, 1)], lanes=1),
        Truth([Stage(10, 2)], lanes=4, tokens=1),
        Truth([Stage(5, 10)], lanes=1, ttft_ns=0, itl_ns=0),
        Truth([Stage(5, 10)], lanes=3, slices=5),
        Truth([Stage(users=2, count=20)], lanes=2),
        Truth([Stage(5, users=3)], lanes=3),
        Truth([Stage(5, 10, warmup=True), Stage(5, 20)], lanes=2),
        Truth([Stage(10, 5)], lanes=1, tokens=1, streaming=False),
    ],
    ids=["usual", "short", "one", "one token", "instant", "seams", "count", "time", "warm-up", "not streaming"],
)
def test_healthy_runs_are_valid(truth: Truth) -> None:
    found = merged(truth)
    assert found.summary.verdict == "VALID", found.summary.findings
    assert found.summary.ledger.ok == found.summary.ledger.planned == len(truth.rows)
    json.dumps(found.summary.as_dict(), allow_nan=False)


def test_a_run_without_streaming_is_judged_by_the_whole_time() -> None:
    truth = Truth([Stage(10, 20)], tokens=1, streaming=False)
    truth.each(lambda row: truth.delay(row, 8 * MS))
    found = merged(truth)
    assert graver(found) == {"late_median"}
    assert found.summary.run.latency["time_to_first_token"].count == 0
    assert found.summary.run.latency["request_latency"].count == 200


def test_everything_failed() -> None:
    truth = Truth()
    truth.each(truth.fail)
    found = merged(truth)
    assert found.summary.verdict == "INVALID"
    assert graver(found) == {"errors"}
    assert found.summary.run.latency["time_to_first_token"].count == 0
    assert found.summary.run.adjusted["time_to_first_token"].reason == "infinite"
    (error,) = found.summary.run.errors
    assert (error.error_kind, error.http_status, error.count) == ("http_500", 500, 200)


def test_nothing_was_sent() -> None:
    truth = Truth()
    truth.each(truth.miss)
    found = merged(truth)
    assert found.summary.verdict == "INVALID"
    assert {"sent_short", "errors"} == graver(found)
    assert found.summary.run.load.rates.achieved == 0.0


def test_nothing_was_granted() -> None:
    truth = Truth()
    for shard in truth.shards.values():
        shard.attempt = None
    truth.control, truth.reason = "abort", "ready: too few"
    found = merged(truth)
    assert found.summary.verdict == "INVALID"
    assert found.summary.ledger.missed == 200
    assert "run_aborted" in graver(found)
    assert "shard_missing" not in graver(found), "it was stopped before they could be granted"


def test_nothing_was_planned() -> None:
    truth = Truth([Stage(1, 0.01)], lanes=1)
    found = merged(truth)
    assert found.summary.ledger.planned == 0
    assert found.summary.verdict == "INVALID", "a run that measured nothing is not to be believed"
    json.dumps(found.summary.as_dict(), allow_nan=False)


def test_an_abort_in_the_second_stage_leaves_the_first_one_standing() -> None:
    truth = Truth([Stage(5, 20), Stage(5, 20)], lanes=2, slices=2)
    for k in [k for k in truth.rows if truth.rows[k].scheduled_ns > 7 * S]:
        truth.forget(k)
    for name in ("0-0-1", "0-1-1"):
        truth.shards[name].reason, truth.shards[name].stopped_ns = "abort", 7 * S
    truth.control, truth.reason = "abort", "user"
    found = merged(truth)
    assert found.summary.verdict == "DEGRADED"
    assert graver(found) == {"run_aborted"}
    assert found.summary.aborted
    first, second = found.summary.stages
    assert first.block.ledger.ok == 100
    assert (second.start_s, second.end_s) == (5.0, 7.0), "its window ends where sending did"
    assert second.block.load.rates.offered == pytest.approx(20.0, rel=0.03)


def test_slices_that_never_began_in_an_aborted_run_are_missed_and_excused() -> None:
    truth = Truth([Stage(5, 20), Stage(5, 20)], lanes=2, slices=2)
    for name in ("0-0-1", "0-1-1"):
        truth.shards[name].attempt = None
    truth.control, truth.reason = "abort", "user"
    found = merged(truth)
    assert found.summary.ledger.missed == 100
    assert graver(found) == {"run_aborted"}
    assert found.summary.verdict == "DEGRADED"


def test_an_abort_that_found_everything_done_stopped_nothing() -> None:
    truth = Truth()
    truth.control, truth.reason = "abort", "user"
    found = merged(truth)
    assert not found.summary.aborted
    assert found.summary.verdict == "VALID"


def test_a_worker_that_saw_the_abort_before_its_go_aborted_its_requests() -> None:
    truth, store = Truth([Stage(5, 20), Stage(5, 20)], lanes=1, slices=2), MemoryStore()
    for k in truth.planned["0-0-1"]:
        truth.forget(k)
    truth.shards["0-0-1"].receipt = False
    truth.control, truth.reason = "abort", "user"
    truth.observed = Observed(T0, T0 + 5 * S, ends={"0-0-1.0": End(0, "", T0 + 5 * S)})
    truth.write(store)
    for entry in list(store.list(keys.parts("0-0-1.0"))):
        store.delete(entry.key)
    found = merge_run(store, alone=False)
    assert found.summary.ledger.aborted == 100
    assert graver(found) == {"run_aborted"}


def test_merging_again_is_the_same_and_so_is_the_folder_elsewhere(tmp_path: Path) -> None:
    truth = Truth([Stage(5), Stage(5, 40)], lanes=3, slices=2)
    truth.fail(truth.row(5))
    truth.shards["0-1-0"].receipt = False
    truth.forget(truth.planned["0-1-0"][-1])
    truth.observed = Observed(T0, T0 + 10 * S, actual_usd=0.25)
    here, there = MemoryStore(), LocalStore(tmp_path)
    truth.write(here)
    first = merge_run(here, sleep=lambda _: None).summary.as_dict()
    assert merge_run(here, sleep=lambda _: None).summary.as_dict() == first
    for entry in here.list(""):
        there.create(entry.key, here.get(entry.key).body)
    assert merge_run(there, sleep=lambda _: None).summary.as_dict() == first
    assert first["cost"] == {"estimate_usd": 0.0, "actual_usd": 0.25}


def test_later_phases_count_from_the_runs_t0() -> None:
    truth = Truth([Stage(users=2, count=20), Stage(3, users=2)], lanes=2)
    found = merged(truth)
    assert found.facts.phase_ns == tuple(truth.phase_ns)
    assert found.summary.stages[1].start_s == truth.phase_ns[1] / 1e9
    assert found.summary.stages[1].block.load.rates.achieved == pytest.approx(
        len(truth.planned["1-0-0"]) * 2 / 3, rel=0.1
    )


def test_a_phase_that_never_began_is_put_where_it_would_have_been() -> None:
    truth = Truth([Stage(3, users=2), Stage(3, users=2)], lanes=1)
    truth.shards["1-0-0"].attempt = None
    truth.control, truth.reason = "abort", "user"
    found = merged(truth)
    assert found.facts.phase_ns[1] == 3 * S
    assert found.summary.stages[1].block.ledger.planned == 0


def test_a_warm_up_is_in_the_ledger_and_measured_by_nothing() -> None:
    truth = Truth([Stage(5, 20, warmup=True), Stage(5, 20)], lanes=2)
    truth.each(truth.fail, lambda row: row.stage == 0 and row.k % 2 == 0)
    found = merged(truth)
    assert found.summary.verdict == "VALID"
    assert found.summary.ledger.planned == 200
    assert found.summary.ledger.failed == 50
    assert found.summary.run.latency["time_to_first_token"].count == 100
    assert found.summary.run.errors == ()
    warm = found.summary.stages[0]
    assert warm.warmup
    assert warm.block.ledger.failed == 50
    assert warm.block.latency["time_to_first_token"].count == 0


def test_findings_of_plan_time_are_in_the_report() -> None:
    truth = Truth()
    truth.findings = (
        {"code": "key_ignored", "severity": "info", "message": "std: did you mean std_dev?", "advice": ""},
    )
    assert "key_ignored" in {finding.code for finding in merged(truth).summary.findings}


def test_an_orchestrator_that_died_is_merged_after_one_lease() -> None:
    truth = Truth()
    truth.shards["0-0-0"].receipt = False
    for k in truth.planned["0-0-0"][50:]:
        truth.forget(k)
    truth.control = "go"
    store = MemoryStore()
    truth.write(store)
    pauses: list[float] = []
    found = merge_run(store, sleep=pauses.append)
    assert sum(pauses) == pytest.approx(6.0)
    assert found.summary.aborted
    assert "run_aborted" in graver(found)


def test_launch_seals_at_once() -> None:
    truth = Truth()
    truth.shards["0-0-0"].receipt = False
    store = MemoryStore()
    truth.write(store)
    found = merge_run(store, ended=["0-0-0.0"], alone=False, sleep=lambda _: pytest.fail("nothing to wait for"))
    assert found.summary.ledger.ok == 200
    assert store.get(keys.receipt("0-0-0"))


def test_sessions_and_models_come_from_the_plan() -> None:
    found = merged(Truth())
    assert found.requests.model.words == ("mock",)
    assert found.requests.session.words == ()
    assert np.all(found.requests.planned_tokens == 12)


def test_a_receipt_of_another_attempt_is_not_taken_for_the_granted_ones() -> None:
    truth, store = Truth(), MemoryStore()
    truth.shards["0-0-0"].receipt = False
    truth.write(store)
    receipt = Truth()._receipt("0-0-0", truth.shards["0-0-0"], ())
    from msgspec import structs

    store.create(keys.receipt("0-0-0"), encode(structs.replace(receipt, attempt=3)))
    found = merge_run(store, sleep=lambda _: None)
    assert found.summary.ledger.ok == 200
    assert next(shard for shard in found.summary.shards if shard.shard == "0-0-0").state == "partial"


def test_a_lane_that_lapsed_early_does_not_end_everybodys_window() -> None:
    truth = Truth([Stage(10, 20)], lanes=2)
    for name, stopped in (("0-0-0", 2 * S), ("0-1-0", 8 * S)):
        for k in [k for k in truth.planned[name] if k in truth.rows and truth.rows[k].scheduled_ns > stopped]:
            truth.forget(k)
        truth.shards[name].stopped_ns = stopped
    truth.shards["0-0-0"].reason, truth.shards["0-1-0"].reason = "lease", "abort"
    truth.control, truth.reason = "abort", "user"
    found = merged(truth)
    assert found.summary.stages[0].end_s == 8.0
    assert found.summary.ledger.aborted == 200 - len(truth.rows)


def test_only_warm_ups_measure_nothing() -> None:
    found = merged(Truth([Stage(5, 20, warmup=True)]))
    assert found.summary.verdict == "INVALID"
    assert found.summary.ledger.ok == 100


def test_an_abort_before_any_answer_is_not_called_an_error() -> None:
    truth = Truth([Stage(5, 20)], lanes=1)

    def cancel(row: Row) -> None:
        row.status, row.error_kind, row.token_ns = "aborted", "user", []

    truth.each(cancel)
    truth.shards["0-0-0"].reason, truth.shards["0-0-0"].stopped_ns = "abort", S
    truth.control, truth.reason = "abort", "user"
    found = merged(truth)
    assert found.summary.verdict == "INVALID"
    assert graver(found) == {"run_aborted"}
    assert found.summary.run.throughput.output_tokens_per_sec == 0.0


def test_all_records_lost_is_not_called_an_error() -> None:
    truth = Truth([Stage(5, 20)], lanes=1)
    for k in list(truth.rows):
        truth.forget(k)
    truth.shards["0-0-0"].receipt = False
    found = merged(truth)
    assert found.summary.verdict == "INVALID"
    assert "errors" not in graver(found) and {"requests_lost", "shard_missing"} <= graver(found)


def test_what_became_of_the_requests_is_said_where_nothing_else_says_it() -> None:
    truth = Truth()
    truth.each(truth.miss)
    (finding,) = [one for one in merged(truth).summary.findings if one.code == "errors"]
    assert finding.message == "not one measured request succeeded: 200 missed"
