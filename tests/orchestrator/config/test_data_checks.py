from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.data import Data
from orchestrator.config.data_checks import check_data, file_format, unused

LENGTHS = {"input_distribution": {"min": 1, "max": 9, "mean": 5}, "output_distribution": 5}


def found(data: dict[str, Any]) -> list[tuple[str, str]]:
    return [(problem.path, problem.code) for problem in check_data(Data.model_validate(data))]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"type": "random", **LENGTHS},
        {"type": "random", "trace": {"file": "t.csv"}},
        {"type": "random", "use_chat_template": True, **LENGTHS},
        {"type": "file", "path": "a.jsonl"},
        {"type": "file", "path": "a.txt", "format": "csv"},
        {"type": "shareGPT", "path": "a.json"},
        {"type": "shared_prefix"},
        {"type": "shareGPT", "path": "a.json", "enable_multi_turn_chat": True},
        {"type": "file", "path": "a.csv", "enable_multi_turn_chat": True, "disable_output_substitution": True},
    ],
)
def test_complete(data: dict[str, Any]) -> None:
    assert found(data) == []


@pytest.mark.parametrize(
    ("data", "places"),
    [
        (
            {"type": "random"},
            [("data.input_distribution", "missing_key"), ("data.output_distribution", "missing_key")],
        ),
        ({"type": "random", **LENGTHS, "input_distribution": 0}, [("data.input_distribution", "wrong_value")]),
        (
            {"type": "random", **LENGTHS, "output_distribution": {"min": 1, "max": 9}},  # the default mean is 512
            [("data.output_distribution", "wrong_value")],
        ),
        ({"type": "file"}, [("data.path", "missing_key")]),
        ({"type": "file", "path": "a.txt"}, [("data.format", "wrong_value")]),
        ({"type": "mock", "use_chat_template": True}, [("data.use_chat_template", "impossible")]),
        ({"type": "mock", "enable_multi_turn_chat": True}, [("data.enable_multi_turn_chat", "impossible")]),
        (
            {"type": "shareGPT", "disable_output_substitution": True},
            [("data.disable_output_substitution", "no_effect")],
        ),
        ({"type": "otel_trace_replay"}, [("data.otel_trace_replay", "missing_key")]),
    ],
)
def test_incomplete(data: dict[str, Any], places: list[tuple[str, str]]) -> None:
    assert found(data) == places


def test_a_folder_is_no_file_of_prompts(tmp_path: Path) -> None:
    assert found({"type": "file", "path": str(tmp_path)}) == [("data.path", "wrong_value")]


@pytest.mark.parametrize(
    ("data", "places"),
    [
        ({"type": "mock", "path": "a.json"}, ["data.path"]),
        ({"type": "shareGPT", "output_tokens": 5, "shared_prefix": {}}, ["data.output_tokens", "data.shared_prefix"]),
        ({"type": "random", "prompt_key": "text", **LENGTHS}, ["data.prompt_key"]),
        ({"type": "mock", "path": None, "prompt_key": "prompt", "input_distribution": None}, []),
        ({"type": "shareGPT", "path": "a.json", **LENGTHS}, []),
    ],
)
def test_keys_of_another_type_are_a_warning(data: dict[str, Any], places: list[str]) -> None:
    warnings = list(unused(Data.model_validate(data)))
    assert [warning.path for warning in warnings] == places
    assert all(warning.severity == "warning" and warning.code == "no_effect" for warning in warnings)


@pytest.mark.parametrize(
    ("path", "said", "expected"),
    [
        ("a.jsonl", "auto", "jsonl"),
        ("a.NDJSON", "auto", "jsonl"),
        ("a.csv", "auto", "csv"),
        ("a.parquet", "auto", "parquet"),
        ("a.csv", "jsonl", "jsonl"),
        ("a", "auto", None),
    ],
)
def test_the_format_of_a_file(path: str, said: str, expected: str | None) -> None:
    assert file_format(Data.model_validate({"type": "file", "path": path, "format": said})) == expected
