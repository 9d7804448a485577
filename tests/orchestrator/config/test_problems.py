from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from orchestrator.config.problems import Refusal, refusals, written
from orchestrator.config.root import Config
from orchestrator.outcome import Problem


def refused(tree: dict[str, Any]) -> list[Refusal]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Config).validate_python(tree)
    return list(refusals(caught.value, tree, ()))


def only(tree: dict[str, Any]) -> Problem:
    [refusal] = refused(tree)
    return refusal.problem


@pytest.mark.parametrize(
    ("tree", "path", "code", "words"),
    [
        ({"load": 5}, "load", "wrong_type", "a mapping"),
        ({"load": {"stages": 5}}, "load.stages", "wrong_type", "a list"),
        ({"load": {"stages": [5]}}, "load.stages.0", "wrong_type", "a mapping"),
        ({"load": {"stages": [{}, {"rate": "x"}]}}, "load.stages.1.rate", "wrong_type", "`x` is not a number"),
        ({"load": {"stages": [{"num_requests": 1.5}]}}, "load.stages.0.num_requests", "wrong_type", "whole number"),
        ({"load": {"base_seed": -1}}, "load.base_seed", "wrong_value", "0 or more"),
        ({"load": {"type": "poison"}}, "load.type", "wrong_value", "did you mean poisson?"),
        ({"load": {"stages": [{"spike": {"at": 1, "for": 1}}]}}, "load.stages.0.spike.rate", "missing_key", "missing"),
        (
            {"load": {"stages": [{"spike": {"rate": 1, "at": 1, "for": 0}}]}},
            "load.stages.0.spike.for",
            "wrong_value",
            "0",
        ),
        ({"api": {"streaming": "maybe"}}, "api.streaming", "wrong_type", "true or false"),
        ({"server": {"model_name": 7}}, "server.model_name", "wrong_type", "quotes"),
        ({"server": {"model_name": ""}}, "server.model_name", "wrong_value", "empty"),
        ({"server": {"mock": {"faults": {"cut": 1.5}}}}, "server.mock.faults.cut", "wrong_value", "at most 1"),
        ({"data": {"output_tokens": -5}}, "data.output_tokens", "wrong_value", "0 or more"),
        ({"load": {"request_timeout": "soon"}}, "load.request_timeout", "wrong_value", "not a duration"),
        ({"metrics": {"prometheus": {"url": "nope"}}}, "metrics.prometheus.url", "wrong_type", "URL"),
        ({"fanout": {"lanse": 1}}, "fanout.lanse", "unknown_key", "not a known key"),
    ],
)
def test_the_place_as_written_what_is_wrong_and_what_is_right(tree: Any, path: str, code: str, words: str) -> None:
    problem = only(tree)
    assert (problem.path, problem.code, problem.severity) == (path, code, "error")
    assert words in f"{problem.message} {problem.hint}"
    assert problem.hint


def test_all_at_once_each_place_once() -> None:
    tree = {"load": {"stages": [{"rate": "x", "duration": "y"}]}, "api": {"type": "z"}, "server": {"base_url": "q"}}
    assert sorted(refusal.problem.path for refusal in refused(tree)) == [
        "api.type",
        "load.stages.0.duration",
        "load.stages.0.rate",
        "server.base_url",
    ]
    union = {"data": {"otel_trace_replay": {"hf_dataset_path": 5}}}
    assert [refusal.problem.path for refusal in refused(union)] == ["data.otel_trace_replay.hf_dataset_path"]


@pytest.mark.parametrize("place", [("server", "api_key"), ("tokenizer", "token"), ("api", "headers")])
def test_what_may_be_a_secret_is_never_quoted(place: tuple[str, str]) -> None:
    section, key = place
    for value in ([["hunter2"]], {"hunter2": {"x": "hunter2"}}, "hunter2\n"):
        tree = {section: {key: {"X-Key": value} if key == "headers" else value}}
        for refusal in refused(tree):
            assert "hunter2" not in refusal.problem.message + refusal.problem.hint


def test_long_values_are_cut() -> None:
    assert len(only({"load": {"type": "x" * 500}}).message) < 100


def test_short_forms_do_not_show_in_the_path() -> None:
    tree = {"data": {"multimodal": {"image": {"resolutions": {"height": "x", "width": 5}}}}}
    assert written(("data", "multimodal", "image", "resolutions", 0, "resolution", "height"), tree) == (
        *("data", "multimodal", "image", "resolutions", "height"),
    )


@pytest.mark.parametrize(
    ("tree", "leave_out"),
    [
        ({"load": {"stages": [{"rate": "x"}]}}, ("load", "stages", 0, "rate")),
        ({"load": {"stages": [5]}}, ("load", "stages")),
        ({"load": {"stages": [{"spike": {"at": 1, "for": 1}}]}}, ("load", "stages", 0, "spike")),
        ({"load": 5}, ("load",)),
    ],
)
def test_what_must_go_for_the_rest_to_be_read(tree: Any, leave_out: tuple[Any, ...]) -> None:
    [refusal] = refused(tree)
    assert refusal.leave_out == leave_out
