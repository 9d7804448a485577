"""Law 4: published percentiles are those of all raw values. Order, parts, lanes and slices change nothing."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.store.memory import MemoryStore
from orchestrator.merge.run import Merged, merge_run
from orchestrator.metrics.dist import PERCENTILES, name_of
from orchestrator.report.parquet import write_parquet
from tests.emulators.stored_run import MS, Stage, Truth

STAGES = [Stage(4, 15), Stage(3, 20)]


def drawn(seed: int, lanes: int, slices: int, parts: int = 2) -> Truth:
    """The same requests and the same times, however they are split."""
    chance = random.Random(seed)
    truth = Truth(STAGES, lanes, slices)
    for k in range(len(truth.rows)):
        row = truth.row(k)
        truth.delay(row, int(chance.expovariate(1 / MS)))
        assert row.sent_ns is not None
        at, times = row.sent_ns, []
        for _ in range(chance.randint(1, 9)):
            at += int(chance.lognormvariate(16, 0.7))
            times.append(at)
        row.token_ns, row.asked = times, len(times)
        if chance.random() < 0.1:
            truth.fail(row)
        elif chance.random() < 0.03:
            truth.miss(row)
    for shard in truth.shards.values():
        shard.parts = parts
    return truth


def merged(truth: Truth) -> Merged:
    store = MemoryStore()
    truth.write(store)
    return merge_run(store)


def raw(truth: Truth, stage: int | None = None) -> dict[str, list[float]]:
    """Every value in s, by the definitions, from the truth."""
    found: dict[str, list[float]] = {}
    for row in truth.rows.values():
        if row.status != "ok" or (stage is not None and row.stage != stage):
            continue
        sent, times = row.sent_ns or 0, row.token_ns
        e2e = times[-1] - sent
        values = {
            "time_to_first_token": [times[0] - sent],
            "time_to_first_token_from_scheduled": [times[0] - row.scheduled_ns],
            "inter_token_latency": [b - a for a, b in itertools.pairwise(times)],
            "time_per_output_token": [(times[-1] - times[0]) / (len(times) - 1)] if len(times) > 1 else [],
            "normalized_time_per_output_token": [e2e / len(times)],
            "request_latency": [e2e],
            "request_latency_from_scheduled": [times[-1] - row.scheduled_ns],
        }
        for key, own in values.items():
            found.setdefault(key, []).extend(value / 1e9 for value in own)
    return found


def check_exact(latency: dict[str, Any], values: dict[str, list[float]]) -> None:
    for key, own in values.items():
        assert latency[key]["count"] == len(own), key
        expected = np.percentile(own, PERCENTILES)
        for p, value in zip(PERCENTILES, expected):
            assert latency[key][name_of(p)] == pytest.approx(value, rel=1e-12), (key, p)


@given(st.integers(0, 2**32), st.integers(1, 7), st.integers(1, 3), st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_percentiles_are_numpys_on_all_raw_values(seed: int, lanes: int, slices: int, parts: int) -> None:
    truth = drawn(seed, lanes, slices, parts)
    summary = merged(truth).summary.as_dict()
    check_exact(summary["latency"], raw(truth))
    for stage in (0, 1):
        check_exact(summary["stages"][stage]["latency"], raw(truth, stage))


def test_planted_averaged_percentiles_are_caught() -> None:
    """What a merge of per-lane percentiles would publish."""
    truth = drawn(7, 3, 1)
    whole = merged(truth).summary.as_dict()["latency"]
    lanes: dict[int, list[float]] = {}
    for row in truth.rows.values():
        if row.status == "ok":
            lanes.setdefault(truth.lane_of(row), []).append((row.token_ns[0] - (row.sent_ns or 0)) / 1e9)
    averaged = float(np.mean([np.percentile(own, 99) for own in lanes.values()]))
    whole["time_to_first_token"]["p99"] = averaged
    with pytest.raises(AssertionError):
        check_exact(whole, raw(truth))


def comparable(found: Merged) -> dict[str, Any]:
    summary = found.summary.as_dict()
    return {key: summary[key] for key in ("ledger", "latency", "adjusted", "throughput", "tokens", "goodput", "errors")}


@given(st.integers(0, 2**32), st.integers(2, 7), st.integers(1, 4), st.integers(1, 5))
@settings(max_examples=15, deadline=None)
def test_any_split_is_one_pass(seed: int, lanes: int, slices: int, parts: int) -> None:
    one = merged(drawn(seed, 1, 1, 1))
    many = merged(drawn(seed, lanes, slices, parts))
    assert comparable(many) == comparable(one)
    assert [stage.block.latency for stage in many.summary.stages] == [
        stage.block.latency for stage in one.summary.stages
    ]
    assert np.array_equal(many.requests.scheduled_ns, one.requests.scheduled_ns)


@given(st.integers(0, 2**32), st.randoms())
@settings(max_examples=10, deadline=None)
def test_the_order_of_rows_and_parts_does_not_matter(seed: int, chance: random.Random) -> None:
    """Workers write rows as requests end, in any order."""
    straight = drawn(seed, 2, 1, 3)
    shuffled = drawn(seed, 2, 1, 3)
    order = list(shuffled.rows)
    chance.shuffle(order)
    shuffled.rows = {k: shuffled.rows[k] for k in order}
    for own in shuffled.planned.values():
        own.sort(key=lambda k: k)
    expected, found = merged(straight), merged(written_in(shuffled, order))
    assert comparable(found) == comparable(expected)


def written_in(truth: Truth, order: list[int]) -> Truth:
    """Parts hold the rows in that order; the workload keeps its own."""
    rank = {k: i for i, k in enumerate(order)}
    of_shard = truth.of_shard
    truth.of_shard = lambda shard: sorted(of_shard(shard), key=lambda row: rank[row.k])  # type: ignore[method-assign]
    return truth


def test_parquet_gives_the_same_numbers_to_whoever_reads_it(tmp_path: Any) -> None:
    truth = drawn(11, 4, 2)
    found = merged(truth)
    path = tmp_path / "requests.parquet"
    write_parquet(found.requests, path)
    rows = pq.read_table(path).to_pylist()
    assert [row["request_index"] for row in rows] == list(range(len(truth.rows)))
    ttft = [(row["first_token_ns"] - row["sent_ns"]) / 1e9 for row in rows if row["status"] == "ok"]
    gaps = [
        (b - a) / 1e9 for row in rows if row["status"] == "ok" for a, b in zip(row["token_ns"], row["token_ns"][1:])
    ]
    latency = found.summary.as_dict()["latency"]
    assert latency["time_to_first_token"]["p99"] == pytest.approx(np.percentile(ttft, 99), rel=1e-12)
    assert latency["inter_token_latency"]["p99.9"] == pytest.approx(np.percentile(gaps, 99.9), rel=1e-12)
