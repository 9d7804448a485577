from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.overrides import apply
from orchestrator.config.root import Config

LEAVES = {
    "load.base_seed": ("load", "base_seed"),
    "load.stages.0.rate": ("load", "stages", 0, "rate"),
    "api.extra_body.a.b": ("api", "extra_body", "a", "b"),
    "fanout.ready.min": ("fanout", "ready", "min"),
    "server.base_url": ("server", "base_url"),
}
values = st.integers() | st.booleans() | st.none() | st.text("abc xyz", min_size=1).map(lambda text: f"t{text}t")


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        tree = tree[step]
    return tree


@given(st.dictionaries(st.sampled_from(sorted(LEAVES)), values))
def test_each_assignment_is_found_at_its_place_and_nothing_else_moves(wanted: dict[str, Any]) -> None:
    before = {"load": {"stages": [{"rate": 1, "duration": 2}], "interval": 3}, "api": {"type": "chat"}}
    spelled = {None: "null", True: "true", False: "false"}
    sets = [
        f"{key}={spelled.get(value, value) if not isinstance(value, int) or isinstance(value, bool) else value}"
        for key, value in wanted.items()
    ]
    tree, problems = apply(before, sets, Config)
    assert problems == []
    for key, value in wanted.items():
        assert at(tree, LEAVES[key]) == value
    assert (
        tree["load"]["interval"] == 3 and tree["load"]["stages"][0]["duration"] == 2 and tree["api"]["type"] == "chat"
    )
    assert before == {"load": {"stages": [{"rate": 1, "duration": 2}], "interval": 3}, "api": {"type": "chat"}}


def test_the_last_of_two_wins_and_null_takes_away() -> None:
    assert apply({}, ["load.base_seed=1", "load.base_seed=2"], Config)[0] == {"load": {"base_seed": 2}}
    assert apply({"metrics": {"type": "default"}}, ["metrics="], Config)[0] == {"metrics": None}


def test_lists_append_at_their_end_only() -> None:
    tree, problems = apply({}, ["load.stages.0.rate=5", "load.stages.1={rate: 6, duration: 1s}"], Config)
    assert problems == [] and tree["load"]["stages"] == [{"rate": 5}, {"rate": 6, "duration": "1s"}]
    same, problems = apply(tree, ["load.stages.3.rate=1"], Config)
    assert same == tree and "2 items" in problems[0].message


def test_short_forms_and_null_sections_can_be_set_below() -> None:
    assert apply({"metrics": None}, ["metrics.type=default"], Config)[0] == {"metrics": {"type": "default"}}
    _, [problem] = apply({"load": {"request_timeout": 5}}, ["load.request_timeout.total=3"], Config)
    assert "single value" in problem.message


@pytest.mark.parametrize(
    ("assignment", "hint"),
    [
        ("load.stage.0.rate=5", "load.stages"),
        ("laod.base_seed=5", "load"),
        ("load.stages.rate=5", "load.stages.0"),
        ("load.base_seed.x=5", "--set load.base_seed=..."),
        ("load.stages.-1.rate=5", "load.stages.0"),
        ("report.goodput.constraints.tttf=1", "ttft"),
        ("nothing", "--set load.stages.0.rate=50"),
        ("=5", "--set load.stages.0.rate=50"),
        ("load.max_concurrency=[", "quote it"),
    ],
)
def test_a_path_that_leads_nowhere_is_a_problem_of_the_flag(assignment: str, hint: str) -> None:
    tree, [problem] = apply({"load": {"stages": [{}]}}, [assignment], Config)
    assert (problem.path, problem.code) == ("--set", "set_refused")
    assert hint in problem.hint
    assert tree == {"load": {"stages": [{}]}}


def test_an_argument_without_a_key_is_not_quoted() -> None:
    _, [problem] = apply({}, ["sk-hunter2"], Config)
    assert "hunter2" not in problem.message + problem.hint
