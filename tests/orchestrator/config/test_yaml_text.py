from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.config.invalid import ConfigInvalid
from orchestrator.config.yaml_text import dump, parse, parse_value

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), json_values, max_size=4))
@example({"0E0": "1e3", "\x85": "\u2028", "<<": "=", "2024-01-01": "on"})
def test_what_is_dumped_reads_back_the_same(tree: dict[str, Any]) -> None:
    text = dump(tree)
    assert parse(text, "t") == (tree, [])


def test_bad_yaml_names_file_line_and_column() -> None:
    with pytest.raises(ConfigInvalid) as refusal:
        parse("load:\n  type: x\n key: [\n", "my.yaml")
    [problem] = refusal.value.problems
    assert problem.code == refusal.value.code == "yaml"
    assert "my.yaml, line 3, column" in problem.message


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a: 'x",
        "\tload: 1",
        "a: *b",
        "--- 1\n--- 2",
        "a: !!python/object:os.system x",
        b"a: \xff\xfe",
        "a: \x00",
        "!!int x",
        "a: &a {b: *a}",
        "x: " + "[" * 5000,
    ],
)
def test_what_is_not_yaml_is_one_problem(text: str | bytes) -> None:
    with pytest.raises(ConfigInvalid) as refusal:
        parse(text, "my.yaml")
    assert [problem.code for problem in refusal.value.problems] == ["yaml"]
    assert "my.yaml" in refusal.value.message


def test_the_text_of_the_file_is_never_quoted() -> None:
    with pytest.raises(ConfigInvalid) as refusal:
        parse("server:\n  api_key: sk-hunter2: x\n", "my.yaml")
    assert "hunter2" not in str(refusal.value) and refusal.value.__suppress_context__


def test_an_unquoted_variable_in_braces_gets_the_right_hint() -> None:
    with pytest.raises(ConfigInvalid) as refusal:
        parse("load: {stages: [{rate: ${RATE}}]}", "my.yaml")
    assert '"${NAME}"' in refusal.value.hint


def test_every_key_given_twice_is_named() -> None:
    tree, problems = parse("a: 1\nb: {c: 1, d: {e: 1, e: 2}}\nl: [{x: 1, x: 2}]\na: 2\n", "t")
    assert [(problem.code, problem.path) for problem in problems] == [
        ("duplicate_key", "b.d.e"),
        ("duplicate_key", "l.0.x"),
        ("duplicate_key", "a"),
    ]
    assert "line 1" in problems[-1].message and "line 4" in problems[-1].message
    assert tree["a"] == 2


def test_merge_keys_are_no_duplicates() -> None:
    tree, problems = parse("base: &b {x: 1}\nmore: {<<: *b, y: 2}\n", "t")
    assert problems == [] and tree["more"] == {"x": 1, "y": 2}


@pytest.mark.parametrize("text", ["on: 1", "1: 2", "a: {yes: 1}", "a: [{null: 1}]"])
def test_a_key_that_is_not_text_is_named(text: str) -> None:
    _, problems = parse(text, "t")
    assert [problem.code for problem in problems] == ["key_not_text"]


@pytest.mark.parametrize("text", ["a: .nan", "a: .inf", "a: !!binary aGk=", "a: [!!set {x}]"])
def test_values_that_json_has_not_are_named(text: str) -> None:
    _, problems = parse(text, "t")
    assert [problem.path for problem in problems] == ["a" if "[" not in text else "a.0"]


def test_numbers_and_dates_as_people_mean_them() -> None:
    assert parse_value("1e3") == 1000.0
    assert parse_value("2024-01-01") == "2024-01-01"
    assert parse_value("50") == 50 and parse_value("") is None and parse_value("[1, a]") == [1, "a"]
    assert parse_value('"50"') == "50"
    with pytest.raises(ValueError):
        parse_value("[")
    with pytest.raises(ValueError):
        parse_value("{a: 1, a: 2}")
