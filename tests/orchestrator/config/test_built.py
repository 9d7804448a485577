from typing import Any, get_args

import pytest

from orchestrator.config.built import API_TYPES, DATA_TYPES, LOAD_TYPES, unbuilt
from orchestrator.config.data import DataType
from orchestrator.config.load import LoadType
from orchestrator.config.root import Config

BREAKER = {"name": "a", "metrics": {"matches": ["x"]}, "triggers": []}


def places(tree: dict[str, Any]) -> list[str]:
    problems = unbuilt(Config.model_validate(tree))
    assert all(problem.code == "not_built" and problem.severity == "error" and problem.hint for problem in problems)
    return [problem.path for problem in problems]


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"api": {"type": "anthropic_messages"}}, ["api.type"]),
        ({"api": {"slo_unit": "ms", "slo_ttft_header": "x"}}, ["api.slo_unit", "api.slo_ttft_header"]),
        ({"api": {"response_format": {"type": "json_object"}}}, ["api.response_format"]),
        ({"api": {"session_id_header_key": "x"}}, ["api.session_id_header_key"]),
        ({"data": {"type": "shareGPT"}}, ["data.path"]),
        ({"data": {"type": "random", "trace": {"file": "t"}}}, ["data.trace"]),
        ({"data": {"type": "random", "use_chat_template": True}}, ["data.use_chat_template"]),
        ({"load": {"sweep": {"type": "linear"}}}, ["load.sweep"]),
        ({"load": {"circuit_breakers": ["a"]}, "circuit_breakers": [BREAKER]}, ["load.circuit_breakers"]),
        ({"load": {"lora_traffic_split": [{"name": "a", "split": 1}]}}, ["load.lora_traffic_split"]),
        ({"load": {"trace": {"file": "t"}}}, ["load.trace"]),
        ({"load": {"type": "trace_replay", "trace": {"file": "t"}}}, ["load.type"]),
        ({"metrics": {"type": "prometheus", "prometheus": {"url": "http://h"}}}, ["metrics.type"]),
        ({"storage": {"google_cloud_storage": {"bucket_name": "b"}}}, ["storage.google_cloud_storage"]),
        ({"storage": {"simple_storage_service": {"bucket_name": "b"}}}, ["storage.simple_storage_service"]),
    ],
)
def test_one_line_for_each_thing(tree: dict[str, Any], expected: list[str]) -> None:
    assert places(tree) == expected


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"api": {"session_id_header_key": "x"}, "data": {"enable_multi_turn_chat": True}},
        {"circuit_breakers": [BREAKER]},  # defined, but watched by nobody
        {"metrics": {"type": "default"}},
        {"report": {"goodput": {"constraints": {"ttft": 1}}}},
        {"storage": {"local_storage": {"path": "out"}}},
        {"api": {"type": "chat", "headers": {"X": "1"}, "extra_body": {"temperature": 0}}},
        {"data": {"type": "shareGPT", "path": "x.json"}},
        {"server": {"transport": "aiohttp", "ca_file": "x"}},
    ],
)
def test_what_is_built(tree: dict[str, Any]) -> None:
    assert places(tree) == []


def test_every_type_is_either_built_or_told() -> None:
    for data_type in get_args(DataType):
        config = {"data": {"type": data_type, "path": "x"}}
        assert places(config) == ([] if data_type in DATA_TYPES else ["data.type"])
    for load_type in get_args(LoadType):
        assert places({"load": {"type": load_type}}) == ([] if load_type in LOAD_TYPES else ["load.type"])
    assert API_TYPES == ("completion", "chat")
