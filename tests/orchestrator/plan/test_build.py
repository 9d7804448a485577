from __future__ import annotations

import json
from typing import Any

import pytest

from function.contract import codec
from function.contract.plan import Plan
from orchestrator.config.invalid import ConfigInvalid
from orchestrator.datasets.tokens import open_tokenizer
from tests.orchestrator.plan.planned import CONVERSATIONS, TOKENIZER, built, every_request

LOAD = {"type": "poisson", "stages": [{"rate": 20, "duration": 5}, {"rate": 5, "rate_end": 30, "duration": 5}]}
SHAREGPT = {"type": "shareGPT", "path": CONVERSATIONS}


def test_plan_bytes_are_the_plan_and_its_hash_is_their_digest() -> None:
    made = built(LOAD)
    assert codec.decode(Plan, made.plan_bytes) == made.plan
    assert made.plan_hash == codec.digest(made.plan_bytes)
    assert json.loads(made.plan_bytes)["load"]["stages"][1]["rate_end"] == 30.0


def test_digests_and_sizes_are_those_of_the_files() -> None:
    made = built(LOAD, fanout={"lanes": 3, "slice": 4}, data=SHAREGPT)
    for shard, files in zip(made.plan.shards, made.shards, strict=True):
        assert (shard.shard, shard.workload_sha256) == (files.shard, codec.digest(files.workload_bytes))
        assert shard.workload_bytes == len(files.workload_bytes)
    assert all(codec.digest(body) == name for name, body in made.texts.items())
    size = sum(len(files.spec_bytes) + len(files.workload_bytes) for files in made.shards)
    assert made.upload_bytes == size + sum(map(len, made.texts.values())) == made.plan.cost.upload_bytes


def test_counts_of_plan_shards_and_rows_agree() -> None:
    made = built(LOAD, fanout={"lanes": 4, "slice": 3})
    plan = made.plan
    assert plan.requests == sum(stage.requests or 0 for stage in plan.stages) == len(every_request(made))
    assert plan.requests == sum(shard.requests or 0 for shard in plan.shards)
    assert [shard.requests for shard in plan.shards] == [shard.rows for shard in plan.shards]


def test_by_time_shards_have_rows_and_no_planned_count() -> None:
    made = built({"type": "concurrent", "stages": [{"concurrency_level": 2, "duration": 1}]})
    assert made.plan.requests is None
    assert [(shard.requests, shard.rows) for shard in made.plan.shards] == [(None, 40)]


def test_the_same_inputs_make_the_same_bytes() -> None:
    first, second = (built(LOAD, data=SHAREGPT, fanout={"lanes": 2}) for _ in range(2))
    assert first.plan_bytes == second.plan_bytes and first.shards == second.shards and first.texts == second.texts


SAME: dict[str, dict[str, Any]] = {
    "lanes": {"fanout": {"lanes": 5}},
    "slices": {"fanout": {"lanes": 1, "slice": 3}},
    "run id": {"changes": {"run_id": "other"}},
    "host": {"changes": {"target_root": "https://elsewhere:1"}},
    "provider": {"changes": {"provider": "aws"}},
    "models found": {"changes": {"models": ("m", "n")}},
    "lease": {"fanout": {"lanes": 1, "lease": 12}},
}
OTHER: dict[str, dict[str, Any]] = {
    "seed": {"changes": {"seed": 8}},
    "prompts": {"data": {"type": "mock"}},
    "model asked for": {"server": {"type": "vllm", "model_name": "n", "base_url": "http://127.0.0.1:9"}},
}


@pytest.mark.parametrize("keys", SAME.values(), ids=SAME)
def test_workload_hash_does_not_depend_on_who_sends_it(keys: dict[str, Any]) -> None:
    base = built(LOAD, data=SHAREGPT, fanout={"lanes": 1})
    assert built(LOAD, **{"data": SHAREGPT, **keys}).plan.workload_hash == base.plan.workload_hash


@pytest.mark.parametrize("keys", OTHER.values(), ids=OTHER)
def test_workload_hash_depends_on_what_is_asked(keys: dict[str, Any]) -> None:
    base = built(LOAD, data=SHAREGPT)
    assert built(LOAD, **{"data": SHAREGPT, **keys}).plan.workload_hash != base.plan.workload_hash


def test_an_outline_with_an_error_is_refused_with_all_problems() -> None:
    with pytest.raises(ConfigInvalid) as refused:
        built(LOAD, budget={"max_lanes": 1, "max_requests_per_s": 1}, fanout={"lanes": 2})
    assert [problem.path for problem in refused.value.problems] == ["budget.max_lanes", "budget.max_requests_per_s"]


def test_what_the_plan_says_of_the_data() -> None:
    made = built(LOAD, data=SHAREGPT)
    assert (made.plan.data["type"], made.plan.data["usable"], made.plan.data["skipped"]) == ("shareGPT", 200, [])
    assert "no tokenizer" in made.plan.data["notes"][0]


def test_every_random_prompt_of_a_plan_has_the_length_asked_for() -> None:
    """The lengths of a template-made file: min = max and no spread."""
    tokenizer = open_tokenizer(TOKENIZER)
    made = built(
        {"stages": [{"rate": 38, "duration": 10}]},
        tokenizer,
        api={"type": "completion", "streaming": True},
        data={
            "type": "random",
            "input_distribution": {"min": 700, "max": 700, "mean": 700, "std_dev": 0},
            "output_distribution": {"min": 90, "max": 90, "mean": 90, "std_dev": 0},
        },
    )
    found = every_request(made)
    assert len(found) == 380
    prompts = ["".join(text for _, text in one.messages) for one in found]
    assert set(tokenizer.count(prompts).tolist()) == {700} == {one.prompt_tokens for one in found}
    assert {one.output_tokens for one in found} == {90} and len(set(prompts)) == 380
