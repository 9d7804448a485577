from __future__ import annotations

import numpy as np
import pytest

from orchestrator.datasets.mock import Mock
from orchestrator.plan import workload
from orchestrator.plan.phases import schedule
from orchestrator.plan.workload import make
from tests.orchestrator.plan.planned import config, table

STAGES = {"type": "poisson", "stages": [{"rate": 40, "duration": 5}, {"rate": 20, "duration": 5}]}


def test_rows_hold_k_time_and_stage_of_each_arrival() -> None:
    timed = schedule(config(STAGES).load, 7, 4.0)
    [phase] = timed.phases
    assert phase.scheduled_ns is not None
    edge = timed.stages[0].requests
    made = make(timed, 3, Mock(), ["m"])
    assert [part.shard for part in made.parts] == [f"0-{lane}-{cut}" for cut in range(3) for lane in range(3)]
    for part in made.parts:
        rows = table(part.body)
        ks = rows.column("request_index").to_numpy()
        assert ks.size == part.share.rows and (ks % 3 == part.share.lane).all() and ks[0] == part.first_k
        assert np.array_equal(rows.column("scheduled_ns").to_numpy(), phase.scheduled_ns[ks])
        assert np.array_equal(rows.column("stage").to_numpy(), (ks >= edge).astype(np.int32))


def test_blocks_of_any_size_give_the_same_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    timed = schedule(config(STAGES).load, 7, 4.0)
    whole = make(timed, 3, Mock(), ["m"])
    monkeypatch.setattr(workload, "BLOCK_ROWS", 7)
    cut = make(timed, 3, Mock(), ["m"])
    assert cut.workload_hash == whole.workload_hash
    assert [part.sha256 for part in cut.parts] == [part.sha256 for part in whole.parts]


def test_a_shards_table_and_the_upload_hold_only_texts_that_are_used() -> None:
    few = make(schedule(config({"stages": [{"rate": 10, "duration": 1}]}).load, 7, None), 2, Mock(), ["m"])
    assert [len(part.texts) for part in few.parts] == [1, 1] and len(few.texts) == 1


def test_closed_loops_are_due_when_their_users_are_free() -> None:
    stages = [{"concurrency_level": 2, "num_requests": 5}, {"concurrency_level": 2, "duration": 1}]
    timed = schedule(config({"type": "concurrent", "stages": stages}).load, 7, None)
    made = make(timed, 2, Mock(), ["m"])
    assert [part.share.rows for part in made.parts] == [3, 2, 20, 20]
    rows = [table(part.body) for part in made.parts]
    assert all(not one.column("scheduled_ns").to_numpy().any() for one in rows)
    assert [one.column("request_index").to_pylist()[:3] for one in rows] == [[0, 2, 4], [1, 3], [6, 8, 10], [5, 7, 9]]
    assert [set(one.column("stage").to_pylist()) for one in rows] == [{0}, {0}, {1}, {1}]
