from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from function.contract import keys
from function.contract.codec import digest
from function.store.memory import MemoryStore
from orchestrator.merge.parts import Damaged
from orchestrator.merge.planned import NO_REQUESTS, Planned, read_planned, read_spec
from orchestrator.metrics.requests import NEVER
from tests.emulators.stored_run import S, Stage, Truth


def read(truth: Truth, shard: str, phase_ns: int = 0) -> Planned:
    store = MemoryStore()
    truth.write(store)
    plan = next(one for one in truth.plan().shards if one.shard == shard)
    return read_planned(store, plan, truth.stages[keys.parse_shard(shard).phase].kind, phase_ns)


def test_times_are_moved_from_the_phases_t0_to_the_runs() -> None:
    planned = read(Truth(lanes=2), "0-1-0", phase_ns=7 * S)
    assert planned.index.tolist()[:3] == [1, 3, 5]
    assert planned.scheduled_ns.tolist()[:2] == [7 * S + S // 20, 7 * S + 3 * S // 20]


def test_a_closed_loop_has_no_times_of_its_own() -> None:
    assert (read(Truth([Stage(users=2, count=10)]), "0-0-0").scheduled_ns == NEVER).all()


def test_rows_are_used_over_again_under_new_numbers() -> None:
    planned = read(Truth([Stage(3, users=4)], lanes=2), "0-1-0")
    assert planned.index.tolist() == [1, 3, 5, 7, 9, 11, 13]
    started = planned.started(10, 2)
    assert started.index.tolist() == list(range(1, 21, 2))
    assert len(started.prompt_tokens) == 10
    assert planned.started(0, 2).index.tolist() == []
    assert NO_REQUESTS.started(5, 1) is NO_REQUESTS


def test_the_place_of_a_number_in_the_sequence() -> None:
    planned = read(Truth([Stage(3, users=4)], lanes=2), "0-1-0")
    assert planned.place(np.array([1, 3, 41, 2, -1]), 2).tolist()[:4] == [0, 1, 20, -1]
    assert planned.place(np.array([-1]), 2)[0] < 0


def test_a_spec_that_is_not_there() -> None:
    store = MemoryStore()
    Truth().write(store)
    spec = read_spec(store, "0-0-0")
    assert spec is not None
    assert spec.models == ("mock",)
    assert read_spec(store, "9-9-9") is None


def test_a_part_of_another_size_is_not_the_plans() -> None:
    truth, store = Truth(), MemoryStore()
    truth.write(store)
    plan = Truth(lanes=4).plan().shards[0]
    with pytest.raises(Damaged, match="not the plan's"):
        read_planned(store, plan, "open", 0)
    body = digest(store.get(keys.workload(plan.shard)).body)
    with pytest.raises(Damaged, match="the plan says 50"):
        read_planned(store, structs.replace(plan, workload_sha256=body), "open", 0)
