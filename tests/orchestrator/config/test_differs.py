from typing import Any

import pytest

from orchestrator.config.differs import differs
from orchestrator.config.root import Config

NORMAL = {"min": 1, "max": 99, "mean": 50, "std_dev": 10}


@pytest.mark.parametrize(
    ("tree", "places"),
    [
        ({}, []),
        ({"load": {"type": "constant"}}, ["load.type"]),
        ({"load": {"type": "poisson"}}, []),
        ({"report": {"goodput": {"constraints": {"ttft": 1}}}}, ["report.goodput.constraints"]),
        ({"report": {"goodput": {"constraints": {}}}}, []),
        ({"data": {"type": "shareGPT"}, "api": {"type": "chat"}}, ["data.type"]),
        ({"data": {"type": "shareGPT"}}, []),
        ({"data": {"type": "random", "input_distribution": NORMAL}}, []),
        ({"data": {"type": "random", "input_distribution": {**NORMAL, "max": 60}}}, ["data.input_distribution"]),
        ({"data": {"type": "random", "output_distribution": {**NORMAL, "min": 40}}}, ["data.output_distribution"]),
        ({"data": {"type": "random", "output_distribution": 700}}, []),
        (
            {"data": {"type": "random", "input_distribution": {"min": 700, "max": 700, "mean": 700, "std_dev": 0}}},
            [],
        ),
        ({"data": {"type": "mock", "input_distribution": {**NORMAL, "max": 60}}}, []),
        ({"server": {"type": "mock", "base_url": "http://h"}}, ["server.base_url"]),
        (
            {"report": {"request_lifecycle": {"use_server_output_tokens": False}}},
            ["report.request_lifecycle.use_server_output_tokens"],
        ),
    ],
)
def test_only_what_the_config_touches_and_once(tree: dict[str, Any], places: list[str]) -> None:
    notes = differs(Config.model_validate(tree))
    assert [note.path for note in notes] == places
    assert all(
        note.code == "differs" and note.severity == "warning" and "inference-perf" in note.message for note in notes
    )


def test_variance_alone() -> None:
    spread = {"min": 1, "max": 999, "mean": 500, "variance": 100}
    [note] = differs(Config.model_validate({"data": {"type": "random", "input_distribution": spread}}))
    assert "variance" in note.message
