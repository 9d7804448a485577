from __future__ import annotations

from orchestrator.plan.phases import schedule
from orchestrator.plan.session_facts import session_facts
from tests.orchestrator.plan.planned import CONVERSATIONS, built, config, spec

STAGES = [{"concurrency_level": 4, "num_requests": 9}, {"concurrency_level": 2, "num_requests": 9}]
LOAD = {"type": "concurrent", "stages": STAGES}


def test_fewer_sessions_than_users_are_named() -> None:
    phases = schedule(config(LOAD).load, 7, None).phases
    assert session_facts(["a"], []) == {}
    facts = session_facts(["a"], [(phases[0], 3), (phases[1], 2)])
    assert facts["sessions"] == 5
    assert [note[:8] for note in facts["notes"]] == ["a", "stage 0:"] and "3 sessions for 4 users" in facts["notes"][1]


def test_a_plan_of_conversations_says_how_many_and_its_workers_what_to_quote() -> None:
    data = {"type": "shareGPT", "path": CONVERSATIONS, "enable_multi_turn_chat": True}
    received = built(LOAD, data=data)
    recorded = built(LOAD, data={**data, "disable_output_substitution": True})
    alone = built(LOAD, data={"type": "shareGPT", "path": CONVERSATIONS})
    assert [{spec(files).history for files in one.shards} for one in (received, recorded, alone)] == [
        {"received"},
        {"recorded"},
        {None},
    ]
    assert received.plan.data["sessions"] == recorded.plan.data["sessions"] > 2
    assert "sessions" not in alone.plan.data
    assert len({one.plan.workload_hash for one in (received, recorded, alone)}) == 3
