"""`${NAME}` and `${NAME:-default}` in values; `$${` stands for a plain `${`.

A pure function of the tree and the environment it is given. Which places were filled from it is told, so that what
may be a secret can be redacted there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.config.yaml_text import dotted, parse_value
from orchestrator.outcome import Problem

Path = tuple[str | int, ...]
_REFERENCE = re.compile(r"\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{([^}]*)\}?")
_FREE = ("api", "extra_body")  # has no types that would turn the text "0.7" into a number


@dataclass(slots=True)
class Expansion:
    """The tree with every reference replaced, the places that had one, and what could not be replaced."""

    tree: Any
    filled: dict[Path, str] = field(default_factory=dict)  # place -> the variable, when it is the whole value
    problems: list[Problem] = field(default_factory=list)


def expand(tree: Any, env: Mapping[str, str]) -> Expansion:
    result = Expansion(None)
    result.tree = _expand(tree, (), env, result)
    return result


def escape(text: str) -> str:
    """The inverse: a text that `expand` gives back unchanged."""
    return text.replace("${", "$${")


def _expand(value: Any, path: Path, env: Mapping[str, str], result: Expansion) -> Any:
    if isinstance(value, dict):
        return {key: _expand(item, (*path, key), env, result) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, (*path, index), env, result) for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    return _expand_text(value, path, env, result)


def _expand_text(text: str, path: Path, env: Mapping[str, str], result: Expansion) -> Any:
    def replacement(match: re.Match[str]) -> str:
        escaped, name, default, malformed = match.groups()
        if escaped:
            return "${"
        if malformed is not None:
            problem = f"`${{{malformed}}}` is no reference to an environment variable"
            result.problems.append(
                Problem("env_syntax", problem, dotted(path), "${NAME} or ${NAME:-default}; $${ for a plain ${")
            )
            return ""
        result.filled.setdefault(path, name if match[0] == text else "")
        value = env.get(name)
        if default is not None:
            return value or default
        if value is None:
            hint = f"set {name}, or write ${{{name}:-default}}"
            problem = f"the environment variable {name} is not set"
            result.problems.append(Problem("env_unset", problem, dotted(path), hint))
        return value or ""

    expanded = _REFERENCE.sub(replacement, text)
    if path[:2] == _FREE and _REFERENCE.fullmatch(text) and path in result.filled:
        try:
            return parse_value(expanded)
        except ValueError:
            return expanded
    return expanded
