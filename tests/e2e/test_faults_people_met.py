"""Faults that people met with other tools, each as the kind it is: config files in the wild, counts, base URLs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.harness import assert_all_balance, benchctl, config, launch, write_config
from tests.e2e.served import served
from tests.emulators.mock import RunningMock, running_mock


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock({"ttft_s": 0.01, "itl_s": 0.001}) as server:
        yield server


@pytest.mark.parametrize("tail", ["", "/", "/v1", "/v1/", "/proxy/team-a", "/proxy/team-a/v1/"])
def test_a_base_url_with_slash_v1_or_a_path(mock: RunningMock, tmp_path: Path, tail: str) -> None:
    settings = config(mock.url + tail, [{"rate": 2, "duration": 1}])
    ended = launch(tmp_path, settings)
    assert ended.summary()["ledger"]["ok"] == 2, ended.stderr
    paths = {one.path for one in served(mock, ended.result["run_id"])}
    assert paths == {tail.rstrip("/").removesuffix("/v1") + "/v1/chat/completions"}


def test_nulls_of_other_load_types_and_lengths_without_spread(tmp_path: Path) -> None:
    settings = {
        "load": {
            "type": "constant",
            "stages": [{"rate": 38, "duration": 150, "num_requests": None, "concurrency_level": None}],
            "num_workers": 38,
            "worker_max_concurrency": 100,
            "sweep": None,
            "trace": None,
        },
        "api": {"type": "completion", "streaming": True, "headers": None},
        "server": {"type": "vllm", "model_name": "mock", "base_url": "http://127.0.0.1:9", "api_key": None},
        "tokenizer": {"pretrained_model_name_or_path": "acme/llama-small", "trust_remote_code": None},
        "data": {
            "type": "random",
            "path": None,
            "input_distribution": {"min": 700, "max": 700, "mean": 700, "std_dev": 0},
            "output_distribution": {"min": 90, "max": 90, "mean": 90, "std_dev": 0},
        },
        "metrics": None,
        "report": {"request_lifecycle": {"summary": True, "per_stage": True, "per_request": True}},
        "storage": {"local_storage": {"path": "./out"}},
    }
    path = write_config(tmp_path, settings)
    validated = benchctl(tmp_path, "validate", path, "--json")
    assert validated.exit_code == 0, validated.stdout
    assert not [one for one in validated.envelope["problems"] if "null" in one["message"].lower()]
    planned = benchctl(tmp_path, "plan", path, "--json")
    assert planned.exit_code == 0, planned.stdout
    assert planned.result["requests"] == 5700
    assert [(one["requests"], one["duration_s"]) for one in planned.result["stages"]] == [(5700, 150)]


def test_a_section_swallowed_by_the_one_above_it(tmp_path: Path) -> None:
    settings = config("http://127.0.0.1:9", [{"rate": 1, "duration": 1}])
    settings["tokenizer"] = {"pretrained_model_name_or_path": "acme/llama-small", "data": settings.pop("data")}
    ended = benchctl(tmp_path, "validate", write_config(tmp_path, settings), "--json")
    assert ended.exit_code == 2
    (problem,) = [one for one in ended.envelope["problems"] if one["severity"] == "error"]
    assert problem["path"] == "tokenizer.data"
    assert "top-level" in problem["message"] + problem["hint"]


def test_conversations_of_every_spelling_are_counted_at_plan_time(tmp_path: Path) -> None:
    entries = [
        {
            "id": "u1",
            "conversations": [{"from": "human", "value": "Name a lake."}, {"from": "gpt", "value": "Baikal."}],
        },
        {
            "id": "u2",
            "messages": [{"role": "user", "content": "And a sea?"}, {"role": "assistant", "content": "Aral."}],
        },
        {
            "id": "u3",
            "conversations": [
                {"from": "gpt", "value": "Good day."},
                {"from": "user", "value": "Who wrote Faust?"},
                {"from": "assistant", "value": "Goethe."},
            ],
        },
        {"id": "s1", "conversations": [{"from": "human", "value": ""}, {"from": "gpt", "value": "Pardon?"}]},
        {"id": "s2", "conversations": []},
        {"id": "s3", "conversations": ["text", {"from": "human", "value": "hm"}]},
    ]
    (tmp_path / "talk.json").write_text(json.dumps(entries))
    settings = config("http://127.0.0.1:9", [{"rate": 1, "duration": 3}])
    settings["data"] = {"type": "shareGPT", "path": "talk.json"}
    ended = benchctl(tmp_path, "plan", write_config(tmp_path, settings), "--json")
    assert ended.exit_code == 0, ended.stdout
    assert ended.result["data"]["usable"] == 3
    assert sum(one["count"] for one in ended.result["data"]["skipped"]) == 3
    assert len({one["reason"] for one in ended.result["data"]["skipped"]}) == 3


def test_an_opening_answer_is_never_a_user_turn(tmp_path: Path) -> None:
    talk = [{"from": "gpt", "value": "Hello, I am here."}, {"from": "human", "value": "What is kelp?"}]
    (tmp_path / "talk.json").write_text(json.dumps([{"id": "x", "conversations": talk}]))
    with running_mock({"ttft_s": 0.01, "itl_s": 0.001}, log_bodies=True) as mock:
        settings = config(mock.url, [{"rate": 1, "duration": 1}])
        settings["data"] = {"type": "shareGPT", "path": "talk.json"}
        ended = launch(tmp_path, settings)
        (one,) = served(mock, ended.result["run_id"])
    assert one.body is not None
    messages = json.loads(one.body)["messages"]
    assert [message["content"] for message in messages if message["role"] == "user"] == ["What is kelp?"]


@pytest.mark.parametrize(("rate", "duration", "count"), [(30, 3, 90), (0.425, 40, 17), (0.1, 30, 3), (7, 1.5, 11)])
def test_a_constant_rate_gives_the_same_exact_count(tmp_path: Path, rate: float, duration: float, count: int) -> None:
    settings = config("http://127.0.0.1:9", [{"rate": rate, "duration": duration}])
    ended = benchctl(tmp_path, "plan", write_config(tmp_path, settings), "--json")
    assert ended.result["requests"] == count


def test_five_runs_of_one_config_schedule_the_same_instants(mock: RunningMock, tmp_path: Path) -> None:
    settings = config(mock.url, [{"rate": 30, "duration": 2}])
    arrays = []
    for number in range(5):
        ended = launch(tmp_path / str(number), settings)
        assert ended.summary()["ledger"]["planned"] == 60
        assert_all_balance(ended.summary())
        arrays.append(ended.requests()["scheduled_ns"])
    assert all(array == arrays[0] for array in arrays)
    assert np.array_equal(np.array(arrays[0]), np.round(np.arange(60) * 1e9 / 30).astype(np.int64))


def test_a_ramp_over_more_lanes_than_its_starting_rate(tmp_path: Path) -> None:
    settings = config("http://127.0.0.1:9", [{"rate": 1, "rate_end": 25, "duration": 30}])
    counts, hashes = set(), set()
    for lanes in (1, 7):
        ended = benchctl(tmp_path, "plan", write_config(tmp_path, settings), "--json", "--set", f"fanout.lanes={lanes}")
        counts.add(ended.result["requests"])
        hashes.add(ended.result["workload_hash"])
    assert len(counts) == len(hashes) == 1
    assert abs(counts.pop() - 390) <= 1
