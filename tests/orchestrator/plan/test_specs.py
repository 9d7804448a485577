from __future__ import annotations

import pytest

from function.contract.spec import StageWindow
from tests.orchestrator.plan.planned import built, spec, table


def test_a_spec_says_what_its_shard_is_and_names_plan_and_workload() -> None:
    made = built(
        {"stages": [{"rate": 10, "duration": 2.5}, {"rate": 10, "duration": 1}], "max_concurrency": 5},
        fanout={"lanes": 2, "slice": 2},
    )
    specs = [spec(files) for files in made.shards]
    assert [(one.phase, one.lane, one.slice, one.shard) for one in specs] == [
        (0, lane, cut, f"0-{lane}-{cut}") for cut in range(3) for lane in range(2)
    ]
    assert {one.plan_hash for one in specs} == {made.plan_hash}
    assert [one.workload_sha256 for one in specs] == [shard.workload_sha256 for shard in made.plan.shards]
    assert [one.requests for one in specs] == [table(files.workload_bytes).num_rows for files in made.shards]
    assert specs[0].stages == (StageWindow(0, 0, 2_500_000_000), StageWindow(1, 3_500_000_000, 4_500_000_000))
    assert [(one.slice_start_ns, one.slice_end_ns) for one in specs[::2]] == [
        (0, 2 * 10**9),
        (2 * 10**9, 4 * 10**9),
        (4 * 10**9, 4_500_000_000),
    ]
    assert [one.cap for one in specs[:2]] == [2, 3]
    assert specs[0].users is None and specs[0].index_limit is None


@pytest.mark.parametrize(("drain", "timeout", "at_seams"), [("auto", 300, 0.0), (60, 20, 40.0), (10, 20, 0.0)])
def test_a_backlog_has_the_drain_less_a_request_at_a_seam_and_the_drain_after_the_last(
    drain: str | float, timeout: float, at_seams: float
) -> None:
    load = {"stages": [{"rate": 10, "duration": 4}], "max_concurrency": 5, "request_timeout": timeout}
    made = built(load, fanout={"lanes": 1, "slice": 2, "drain": drain})
    first, last = (spec(files) for files in made.shards)
    assert (first.backlog_s, last.backlog_s) == (at_seams, last.drain_s)


def test_users_are_shared_and_a_closed_loop_by_time_has_a_block_of_numbers() -> None:
    load = {"type": "concurrent", "stages": [{"concurrency_level": 5, "duration": 4}]}
    made = built(load, fanout={"lanes": 2, "slice": 2})
    specs = [spec(files) for files in made.shards]
    block = 5 * 20 * 2 * 1000
    assert [one.users for one in specs] == [2, 3, 2, 3]
    assert [(one.next_index, one.index_stride, one.index_limit) for one in specs] == [
        (0, 2, block),
        (1, 2, block),
        (block, 2, 2 * block),
        (block + 1, 2, 2 * block),
    ]
    for one, files in zip(specs, made.shards):
        ks = table(files.workload_bytes).column("request_index").to_pylist()
        assert ks == list(range(one.next_index, one.next_index + len(ks) * 2, 2)) and ks[-1] < (one.index_limit or 0)


def test_a_loop_by_count_has_no_end_in_time() -> None:
    made = built({"type": "concurrent", "stages": [{"concurrency_level": 3, "num_requests": 7}]}, fanout={"lanes": 5})
    specs = [spec(files) for files in made.shards]
    assert [(one.lanes, one.users, one.requests, one.slice_end_ns) for one in specs] == [
        (3, 1, 3, None),
        (3, 1, 2, None),
        (3, 1, 2, None),
    ]
