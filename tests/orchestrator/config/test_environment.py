from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.environment import escape, expand

trees = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(trees)
def test_escaped_texts_come_back_unchanged(tree: Any) -> None:
    def escaped(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: escaped(item) for key, item in node.items()}
        if isinstance(node, list):
            return [escaped(item) for item in node]
        return escape(node) if isinstance(node, str) else node

    result = expand(escaped(tree), {})
    assert (result.tree, result.problems, result.filled) == (tree, [], {})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "x"),
        ("http://${A}:${PORT:-80}/", "http://x:80/"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY}", ""),
        ("${NO:-}", ""),
        ("$${A} costs $5", "${A} costs $5"),
        ("$A", "$A"),
    ],
)
def test_references(text: str, value: str) -> None:
    result = expand({"a": [text]}, {"A": "x", "EMPTY": ""})
    assert result.tree == {"a": [value]} and result.problems == []


def test_an_unset_variable_is_named_with_its_place() -> None:
    result = expand({"a": {"b": [1, "${NOPE}"]}}, {})
    [problem] = result.problems
    assert (problem.code, problem.path) == ("env_unset", "a.b.1")
    assert "NOPE" in problem.message and "NOPE" in problem.hint


@pytest.mark.parametrize("text", ["${}", "${1A}", "${A B}", "${A", "${A:+x}"])
def test_what_is_no_reference_is_named(text: str) -> None:
    [problem] = expand({"a": text}, {"A": "x"}).problems
    assert (problem.code, problem.path) == ("env_syntax", "a")


def test_places_are_told_with_the_variable_when_it_is_the_whole_value() -> None:
    result = expand({"a": "${A}", "b": ["Bearer ${A}", "plain"]}, {"A": "x"})
    assert result.filled == {("a",): "A", ("b", 0): ""}


def test_values_stay_text_except_in_the_free_body() -> None:
    tree = {"load": {"rate": "${N}"}, "api": {"extra_body": {"temperature": "${N}", "note": "${N} deg", "q": "${Q}"}}}
    result = expand(tree, {"N": "0.7", "Q": "[x"})
    assert result.tree["load"]["rate"] == "0.7"
    assert result.tree["api"]["extra_body"] == {"temperature": 0.7, "note": "0.7 deg", "q": "[x"}
