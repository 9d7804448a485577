from collections.abc import Collection
from typing import Any

import pytest

from orchestrator.config.checks import check, check_lease
from orchestrator.config.root import Config

SECTIONS = sorted(Config.model_fields)
STAGE = {"stages": [{"rate": 1, "duration": 1}]}
MOCK = {"server": {"type": "mock"}, "load": STAGE}


def found(tree: dict[str, Any], absent: Collection[str] = ()) -> list[tuple[str, str]]:
    return [(problem.path, problem.code) for problem in check(Config.model_validate(tree), absent)]


def test_a_sound_config_has_no_problems() -> None:
    assert found(MOCK) == []


BREAKER = {"name": "a", "metrics": {"matches": ["x"]}, "triggers": []}


@pytest.mark.parametrize(
    ("more", "places"),
    [
        ({"server": {}}, [("server.base_url", "missing_key")]),
        ({"server": {"type": "vllm"}}, [("server.base_url", "missing_key")]),
        ({"server": {"base_url": "http://h", "key_path": "k"}}, [("server.cert_path", "missing_key")]),
        ({"server": {"base_url": "http://h", "mock": {}}}, [("server.mock", "impossible")]),
        ({"server": {"type": "mock", "base_url": "http://h", "mock": {}}}, [("server.mock", "impossible")]),
        ({"load": {**STAGE, "worker_max_concurrency": 5}}, [("load.worker_max_concurrency", "no_effect")]),
        ({"load": {**STAGE, "circuit_breakers": ["b"]}}, [("load.circuit_breakers.0", "wrong_value")]),
        ({"load": {**STAGE, "circuit_breakers": ["a"]}, "circuit_breakers": [BREAKER]}, []),
        ({"circuit_breakers": [BREAKER, BREAKER]}, [("circuit_breakers.1.name", "wrong_value")]),
        (
            {"data": {"type": "otel_trace_replay", "otel_trace_replay": {"trace_files": []}}},
            [("load.type", "impossible")],
        ),
        (
            {"load": {"type": "trace_session_replay", "stages": [{"concurrent_sessions": 1}]}},
            [("data.type", "impossible")],
        ),
        ({"report": {"goodput": {"constraints": {"ttft": 1}}}}, [("report.goodput.constraints.ttft", "impossible")]),
        ({"report": {"goodput": {"constraints": {"request_latency": 1}}}}, []),
        ({"api": {"streaming": True}, "report": {"goodput": {"constraints": {"ttft": 1}}}}, []),
        (
            {"data": {"type": "random", "input_distribution": 5, "output_distribution": 5}},
            [("tokenizer.pretrained_model_name_or_path", "missing_key")],
        ),
        ({"tokenizer": {"trust_remote_code": True}}, [("tokenizer.trust_remote_code", "no_effect")]),
        ({"fanout": {"lease": 5.9}}, [("fanout.lease", "impossible")]),
        ({"fanout": {"lease": 6}}, []),
        ({"fanout": {"regions": ["a", "b", "a"]}}, [("fanout.regions.2", "wrong_value")]),
    ],
)
def test_combinations(more: dict[str, Any], places: list[tuple[str, str]]) -> None:
    assert found({**MOCK, **more}) == places


def test_the_model_name_stands_in_for_the_tokenizer_of_a_real_server() -> None:
    data = {"type": "random", "input_distribution": 5, "output_distribution": 5}
    assert found({**MOCK, "server": {"base_url": "http://h", "model_name": "acme/m"}, "data": data}) == []


def test_a_lease_must_be_longer_on_a_cloud() -> None:
    config = Config.model_validate({"fanout": {"lease": 8}})
    assert not list(check_lease(config, "local"))
    assert [problem.path for problem in check_lease(config, "aws")] == ["fanout.lease"]


@pytest.mark.parametrize("section", SECTIONS)
def test_of_a_section_that_stands_elsewhere_nothing_is_said(section: str) -> None:
    broken = {"server": {}, "load": {}, "fanout": {"lease": 1}, "data": {"type": "file"}}
    paths = [path for path, _ in found(broken, {section})]
    assert paths and not any(path.startswith(f"{section}.") for path in paths)


@pytest.mark.parametrize(
    ("absent", "left"),
    [
        ("load.stages.0.rate", ["load.stages.0.duration", "load.stages.1.rate", "load.stages.1.duration"]),
        ("load.stages[].rate", ["load.stages.0.duration", "load.stages.1.duration"]),
        ("load.stages", []),
        ("load.type", []),
        ("load", []),
        (
            "load.interval",
            ["load.stages.0.rate", "load.stages.0.duration", "load.stages.1.rate", "load.stages.1.duration"],
        ),
    ],
)
def test_what_is_absent_silences_only_what_rests_on_it(absent: str, left: list[str]) -> None:
    config = Config.model_validate({"server": {"type": "mock"}, "load": {"stages": [{}, {}]}})
    assert [problem.path for problem in check(config, {absent})] == left
