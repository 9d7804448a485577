"""The one door to PyYAML: text to plain values and back.

Refuses what would silently mean something else: a key given twice, a key that is not text, values JSON cannot carry.
Dates stay text, and `1e3` is a number. Error texts name line and column but never quote the file, which may hold
a secret.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from orchestrator.config.invalid import ConfigInvalid
from orchestrator.outcome import Problem

Tree = dict[str, Any]
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """SafeLoader without dates, with exponents that need no dot."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Dumper(yaml.SafeDumper):
    """SafeDumper that escapes the line breaks of other alphabets, which PyYAML would write raw and read as a space."""

    def text(self, value: str) -> Any:
        style = '"' if any(character in value for character in "\x85\u2028\u2029") else None
        return self.represent_scalar("tag:yaml.org,2002:str", value, style)


_Dumper.add_representer(str, _Dumper.text)
_EXPONENT = ("tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789"))
_Loader.add_implicit_resolver(*_EXPONENT)
_Dumper.add_implicit_resolver(*_EXPONENT)  # so that such a text is quoted


def parse(text: str | bytes, source: str) -> tuple[Any, list[Problem]]:
    """The document's value, and what is wrong with its form though it could be read. ConfigInvalid: not YAML at all."""
    loader: Any = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        problems = list(_doubtful_keys(node, ()))
        value = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        raise ConfigInvalid(source, [_unreadable(error, source, text)]) from None
    except (ValueError, RecursionError):  # `!!int x`; thousands of brackets
        raise ConfigInvalid(source, [Problem("yaml", f"{source} is not YAML that can be read")]) from None
    finally:
        if loader is not None:
            loader.dispose()
    problems.extend(_unfit_values(value, ()))
    return (_text_keys(value) if problems else value), problems


def parse_value(text: str) -> Any:
    """One value as YAML reads it: `50` a number, `[1, 2]` a list, nothing null. ValueError if it is not YAML."""
    try:
        value, problems = parse(text, "the value")
    except ConfigInvalid as error:
        raise ValueError(error.message) from None
    if problems:
        raise ValueError(problems[0].message)
    return value


def dump(tree: Tree) -> str:
    return str(yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


def _unreadable(error: yaml.YAMLError, source: str, text: str | bytes) -> Problem:
    hint = "indent with spaces; quote texts that hold `: `, ` #` or begin with one of @ ` * & ! % { ["
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        lines = (text if isinstance(text, str) else text.decode("utf-8", "replace")).split("\n")
        if mark.line < len(lines) and "${" in lines[mark.line]:
            hint = 'inside {...} and [...] a variable must be quoted: "${NAME}"'
        what = f"{error.problem}, {error.context}" if error.context else f"{error.problem}"
        return Problem("yaml", f"{source}, line {mark.line + 1}, column {mark.column + 1}: {what}", hint=hint)
    if isinstance(error, yaml.reader.ReaderError):
        return Problem("yaml", f"{source}: {error.reason} at position {error.position}", hint="save it as UTF-8 text")
    return Problem("yaml", f"{source} is not YAML", hint=hint)


def dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(str(step) for step in path)


def _doubtful_keys(node: Any, path: tuple[str | int, ...]) -> Any:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _doubtful_keys(item, (*path, index))
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        here = (*path, name)
        merge = key.tag == "tag:yaml.org,2002:merge"
        if not merge and key.tag != "tag:yaml.org,2002:str":
            yield Problem(
                "key_not_text", f"line {line}: the key is not text to YAML", dotted(here), 'put it in quotes: "..."'
            )
        elif name in lines:
            yield Problem(
                "duplicate_key", f"given on line {lines[name]} and again on line {line}", dotted(here), "keep one"
            )
        lines[name] = line
        yield from _doubtful_keys(value, here)


def _text_keys(value: Any) -> Any:
    """Without the keys that are not text: what they were meant for is unknown."""
    if isinstance(value, dict):
        return {key: _text_keys(item) for key, item in value.items() if isinstance(key, str)}
    return [_text_keys(item) for item in value] if isinstance(value, list) else value


def _unfit_values(value: Any, path: tuple[str | int, ...]) -> Any:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _unfit_values(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unfit_values(item, (*path, index))
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem("wrong_value", "is not a finite number", dotted(path), "a plain number")
    elif value is not None and not isinstance(value, (str, int, float)):
        yield Problem("wrong_type", f"is a YAML {type(value).__name__}, which JSON has not", dotted(path), "plain text")
