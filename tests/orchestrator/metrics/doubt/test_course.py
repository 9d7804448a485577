from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from function.contract.observed import End, Observed
from function.contract.plan import SlicePlan
from orchestrator.metrics.doubt.course import course
from orchestrator.metrics.facts import RunFacts, ShardFacts
from orchestrator.metrics.finding import Finding
from orchestrator.metrics.requests import ABORTED, MISSED, NEVER, Coded
from orchestrator.metrics.stage_view import StageView
from tests.emulators.stored_run import T0, Stage, Truth
from tests.emulators.tables import S, answered, ns, view

MS = 1_000_000
SHARDS = tuple(ShardFacts(f"0-{lane}-0", 0, "complete") for lane in range(3))
PLANNED = {shard.shard: 10 for shard in SHARDS}


def facts(shards: tuple[ShardFacts, ...] = SHARDS, truth: Truth | None = None, **changes: object) -> RunFacts:
    plan = (truth or Truth()).plan()
    return RunFacts(plan, shards, T0, tuple(0 for _ in plan.phases), **changes)  # type: ignore[arg-type]


def steady(n: int = 200, **columns: object) -> StageView:
    return view(answered(np.arange(n) * 0.05, 0.1, **columns), n * 0.05)


def found(run: RunFacts, *views: StageView) -> dict[str, Finding]:
    return {finding.code: finding for finding in course(run, PLANNED, views)}


def test_a_healthy_course_says_nothing() -> None:
    assert found(facts(), steady()) == {}


def test_a_missing_shard_is_invalid_and_named() -> None:
    shards = (*SHARDS[:2], replace(SHARDS[2], state="missing"))
    finding = found(facts(shards), steady())["shard_missing"]
    assert (finding.severity, finding.scope.lane, finding.scope.slice) == ("invalid", 2, 0)
    assert finding.numbers["shards"] == ["0-2-0"]


def test_the_platforms_word_for_it_is_told() -> None:
    gone = (ShardFacts("0-0-0", 0, "missing"), *SHARDS[1:])
    seen = Observed(1, 2, ends={"0-0-0.0": End(None, "Sandbox.Timedout: Task timed out after 900.00 seconds", 1)})
    finding = found(facts(gone, observed=seen), steady())["shard_missing"]
    assert "Sandbox.Timedout: Task timed out" in finding.message and "benchctl logs" in finding.advice


def test_a_shard_that_owned_nothing_or_was_never_to_start_is_not_missing() -> None:
    gone = replace(SHARDS[2], state="missing")
    assert list(course(facts((gone,)), {"0-2-0": 0}, [steady()])) == []
    assert found(facts((replace(gone, excused=True),)), steady()) == {}


def test_two_missing_shards_are_one_finding() -> None:
    gone = tuple(replace(shard, state="missing", attempt=None) for shard in SHARDS[:2])
    finding = found(facts((*gone, SHARDS[2])), steady())["shard_missing"]
    assert finding.numbers["value"] == 2
    assert "2 of them were never ready" in finding.message
    assert finding.scope.lane is None


def test_a_damaged_part_is_invalid() -> None:
    shards = (replace(SHARDS[0], damaged=("records/0-0-0.0/part-00000.arrow",)), *SHARDS[1:])
    finding = found(facts(shards), steady())["part_damaged"]
    assert (finding.severity, finding.scope.lane) == ("invalid", 0)
    assert "part-00000" in finding.message


def aborted(cut: bool, n: int = 200) -> StageView:
    status = np.zeros(n, np.int8)
    status[n // 2 :] = ABORTED if cut else 0
    return view(answered(np.arange(n) * 0.05, 0.1, status=status), n * 0.05, cut=cut)


def test_an_aborted_run_is_degraded_while_a_stage_is_complete() -> None:
    run = facts(aborted=True, reason="user", stopped_ns=5 * S)
    assert found(run, aborted(False), aborted(True))["run_aborted"].severity == "degraded"
    finding = found(run, aborted(True))["run_aborted"]
    assert finding.severity == "invalid"
    assert "at 5.0 s" in finding.message
    assert finding.numbers["stages_complete"] == 0


def test_a_lane_whose_lease_lapsed_is_told_although_the_run_went_on() -> None:
    assert found(facts(), aborted(False), aborted(True))["run_aborted"].severity == "degraded"


@pytest.mark.parametrize(("late_ms", "at_s", "said"), [(9, 5, False), (11, 5, True), (11, -3, False), (11, 60, False)])
def test_interference_within_the_run(late_ms: int, at_s: int, said: bool) -> None:
    observed = Observed(T0, T0, interference=((T0 + at_s * S, late_ms * MS),))
    assert ("interference" in found(facts(observed=observed), steady())) == said


def test_late_sends_after_a_seam() -> None:
    truth = Truth([Stage(10, 20)], slices=2)  # a seam at 5 s

    def sent_late(at: list[int], by_ms: int) -> StageView:
        sent = ns(np.arange(200) * 0.05)
        sent[at] += by_ms * MS
        return steady(sent_ns=sent, first_token_ns=sent + 100 * MS)

    run = facts(truth=truth)
    assert found(run, sent_late([102], 9)) == {}
    finding = found(run, sent_late([102], 30))["seam"]
    assert finding.severity == "info"
    assert finding.scope.from_s == pytest.approx(5.1)
    assert found(run, sent_late([102, 20], 30)) == {}, "no later than elsewhere"
    assert found(facts(), sent_late([102], 30)) == {}, "no seam, no finding"


def test_seams_of_a_closed_loop_are_always_told() -> None:
    truth = Truth([Stage(10, users=4)])
    plan = truth.plan()
    phase = structs.replace(plan.phases[0], slices=(SlicePlan(0, 0, 5 * S), SlicePlan(1, 5 * S, 10 * S)))
    run = replace(facts(truth=truth), plan=structs.replace(plan, phases=(phase,)))
    assert found(run, steady())["seam"].numbers["at_s"] == [5.0]


def test_waiting_for_the_cap_is_told() -> None:
    due = ns(np.arange(200) * 0.05)
    eligible = due.copy()
    eligible[:10] += 2 * S
    finding = found(facts(), steady(eligible_ns=eligible))["cap_reached"]
    assert (finding.severity, finding.numbers["waited"], finding.numbers["longest_s"]) == ("info", 10, 2.0)
    eligible[:10] = due[:10] + MS // 2
    assert found(facts(), steady(eligible_ns=eligible)) == {}
    assert found(facts(), steady(eligible_ns=np.full(200, NEVER))) == {}


def test_arrivals_without_an_owner_at_a_seam_are_told() -> None:
    status = np.zeros(200, np.int8)
    status[:3] = MISSED
    kinds = Coded(np.where(status > 0, 0, -1).astype(np.int32), ("cap_at_seam",))
    finding = found(facts(), steady(status=status, error_kind=kinds))["cap_reached"]
    assert finding.numbers["cap_at_seam"] == 3
