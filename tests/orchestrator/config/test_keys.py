from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.breakers import CircuitBreaker
from orchestrator.config.distribution import Distribution
from orchestrator.config.keys import OTHER_NAMES, Shape, Stray, places, shape_of, strays, without
from orchestrator.config.load import Load, Spike, Stage, Timeouts
from orchestrator.config.root import Config


def found(tree: dict[str, Any]) -> list[Stray]:
    return list(strays(tree, Config, Config))


def test_shapes() -> None:
    assert shape_of(Config, "circuit_breakers") == Shape("list", CircuitBreaker)
    assert shape_of(Load, "stages") == Shape("list", Stage)
    assert shape_of(Stage, "spike") == Shape("section", Spike)
    assert shape_of(Spike, "for") == Shape("value")
    assert shape_of(Load, "request_timeout") == Shape("section", Timeouts)
    assert shape_of(Config, "api").model is not None
    assert shape_of(shape_of(Config, "api").model, "extra_body") == Shape("map")  # type: ignore[arg-type]


def test_every_place_exists_and_other_names_lead_to_one() -> None:
    known = places(Config)
    assert "load.stages[].spike.for" in known and "data.shared_prefix.question_len.std_dev" in known
    assert set(OTHER_NAMES.values()) <= set(known)
    assert len(known) == len(set(known))


@pytest.mark.parametrize("section", sorted(Config.known_keys()))
@pytest.mark.parametrize("host", ["api", "tokenizer", "storage", "server"])
def test_a_section_under_another_is_a_top_level_section(section: str, host: str) -> None:
    if section == host:
        return
    [stray] = found({host: {section: {"type": "random"}}})
    assert (stray.problem.path, stray.problem.code, stray.meant) == (f"{host}.{section}", "unknown_key", section)
    assert "top-level section" in stray.problem.message


@pytest.mark.parametrize(
    ("tree", "path", "meant"),
    [
        ({"stages": []}, "stages", "load.stages"),
        ({"load": {"stagse": []}}, "load.stagse", "load.stages"),
        ({"sever": {}}, "sever", "server"),
        ({"server": {"streaming": True}}, "server.streaming", "api.streaming"),
        ({"load": {"rate": 5}}, "load.rate", "load.stages[].rate"),
        ({"load": {"stages": [{"rate": 1}, {"qps": 1}]}}, "load.stages.1.qps", "load.stages[].rate"),
        ({"report": {"goodput": {"ttft": 1}}}, "report.goodput.ttft", "report.goodput.constraints.ttft"),
        ({"base_url": "x"}, "base_url", "server.base_url"),
        ({"api": {"temperature": 0}}, "api.temperature", "api.extra_body"),
        ({"load": {"timeout": 5}}, "load.timeout", "load.request_timeout"),
        ({"server": {"model": "m"}}, "server.model", "server.model_name"),
        ({"fanout": {"qqqqqq": 1}}, "fanout.qqqqqq", ""),
    ],
)
def test_where_a_stray_key_was_meant_for(tree: dict[str, Any], path: str, meant: str) -> None:
    [stray] = found(tree)
    assert (stray.problem.path, stray.meant, stray.problem.severity) == (path, meant, "error")
    assert meant.split(".")[-1].removesuffix("[]") in stray.problem.message + stray.problem.hint


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"data": {"input_distribution": {"std": 1}}}, "data.input_distribution.std"),
        ({"data": {"shared_prefix": {"question_len": {"std": 1}}}}, "data.shared_prefix.question_len.std"),
        ({"circuit_breakers": [{"metrics": {"foo": 1}}]}, "circuit_breakers.0.metrics.foo"),
        ({"circuit_breakers": [{"triggers": [{"window": 1}]}]}, "circuit_breakers.0.triggers.0.window"),
        ({"circuit_breakers": [{"load": 1}]}, "circuit_breakers.0.load"),
    ],
)
def test_where_inference_perf_is_silent_it_is_a_warning(tree: dict[str, Any], path: str) -> None:
    [stray] = found(tree)
    assert (stray.problem.path, stray.problem.code, stray.problem.severity) == (path, "key_ignored", "warning")
    if path.endswith(".std"):
        assert stray.problem.hint == "did you mean std_dev?"


def test_free_mappings_and_wrong_forms_hold_no_strays() -> None:
    assert (
        found({"api": {"extra_body": {"x": {"y": 1}}, "headers": {"X": "1"}}, "load": 5, "server": [], "data": None})
        == []
    )
    assert found({"load": {"stages": 5, "request_timeout": 3}}) == []


trees = st.recursive(
    st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8
)


@given(st.dictionaries(st.sampled_from("abc"), trees, min_size=1), st.sampled_from("abc"))
def test_without_takes_away_one_place_only(tree: dict[str, Any], key: str) -> None:
    assert without(tree, (key,)) == {name: item for name, item in tree.items() if name != key}


def test_without_in_lists() -> None:
    tree = {"a": [{"b": 1, "c": 2}, 3]}
    assert without(tree, ("a", 0, "b")) == {"a": [{"c": 2}, 3]}
    assert without(tree, ("a", 1)) == {"a": [{"b": 1, "c": 2}]}
    assert tree == {"a": [{"b": 1, "c": 2}, 3]}


def test_distributions_are_known_by_one_model() -> None:
    assert shape_of(Config.model_fields["data"].annotation, "output_tokens").model is Distribution  # type: ignore[arg-type]
