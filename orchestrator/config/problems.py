"""pydantic's refusals in our words: the path as it was written, what is wrong, what would be right.

A value is quoted so that people find it, except where a secret may stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from orchestrator.config.nearest import nearest
from orchestrator.config.redaction import may_hold_secret
from orchestrator.config.yaml_text import dotted
from orchestrator.outcome import Problem

Path = tuple[str | int, ...]
_EXPECTED = {
    "int": ("a whole number", "1, 2, 3 ..."),
    "float": ("a number", "for example 1.5"),
    "decimal": ("a number", "for example 1.5"),
    "bool": ("true or false", "true or false"),
    "string": ("text", 'put it in quotes: "..."'),
    "dict": ("a mapping", "key: value, indented below"),
    "model": ("a mapping", "key: value, indented below"),
    "tuple": ("a list", "- one item per line, or [a, b]"),
    "list": ("a list", "- one item per line, or [a, b]"),
    "url": ("a URL", "http://host:port"),
}
_BOUNDS = {
    "greater_than": ("gt", "above {}"),
    "greater_than_equal": ("ge", "{} or more"),
    "less_than": ("lt", "below {}"),
    "less_than_equal": ("le", "at most {}"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A problem, and the place to leave out if the rest is to be read without it."""

    problem: Problem
    leave_out: Path


def refusals(error: ValidationError, tree: Any, prefix: Path) -> Iterator[Refusal]:
    """One per place. `tree` is the whole config as written, `prefix` where the validated piece lies in it."""
    seen: set[Path] = set()
    details = error.errors(include_url=False)
    places = [detail["loc"] for detail in details]
    for detail in details:
        path = written(prefix + detail["loc"], tree)
        if path in seen or (detail["type"] == "too_short" and any(_below(place, detail["loc"]) for place in places)):
            continue  # a list is not too short that only lacks its bad items
        seen.add(path)
        problem = _problem(path, detail["type"], detail.get("ctx", {}), detail.get("input"), detail["msg"])
        yield Refusal(problem, _rest_without(path, detail["type"]))


def _below(place: Path, mapping: Path) -> bool:
    return len(place) > len(mapping) and place[: len(mapping)] == mapping


def _rest_without(path: Path, kind: str) -> Path:
    """A mapping that lacks a key goes whole; so does a list with a bad item, lest the others change their places."""
    if kind == "missing":
        path = path[:-1]
    while isinstance(path[-1], int):
        path = path[:-1]
    return path


def written(location: Path, tree: Any) -> Path:
    """The path of a place as the person wrote it: without the steps that short forms and unions add."""
    path: list[str | int] = []
    here = tree
    for position, step in enumerate(location):
        if isinstance(here, dict) and (step in here or position == len(location) - 1):
            path.append(step)
            here = here.get(step)
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            path.append(step)
            here = here[step]
        elif here is None:
            path.append(step)  # an absent section: the place is where it would be
    return tuple(path)


def _problem(path: Path, kind: str, context: dict[str, Any], value: Any, message: str) -> Problem:
    quoted = _quoted(path, value)
    if kind == "missing":
        return Problem("missing_key", "is missing", dotted(path), f"add `{path[-1]}:`")
    if kind == "extra_forbidden":
        return Problem("unknown_key", "is not a known key", dotted(path), "remove it")
    if kind == "wrong_value":
        return Problem("wrong_value", str(context["text"]), dotted(path), str(context["hint"]))
    if kind in ("literal_error", "enum"):
        choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        meant = nearest(value, choices) if isinstance(value, str) else None
        hint = f"did you mean {meant}? " if meant else ""
        return Problem(
            "wrong_value", f"{quoted} is none of the choices", dotted(path), f"{hint}one of: {', '.join(choices)}"
        )
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        right = words.format(f"{context[key]:g}" if isinstance(context[key], float) else context[key])
        return Problem("wrong_value", f"{quoted} is out of range", dotted(path), f"must be {right}")
    if kind in ("too_short", "string_too_short"):
        return Problem("wrong_value", "is empty", dotted(path), "leave the key out, or give it something")
    expected, hint = _EXPECTED.get(kind.split("_")[0], ("", ""))
    if expected:
        return Problem("wrong_type", f"{quoted} is not {expected}", dotted(path), hint)
    return Problem("wrong_value", message, dotted(path))


def _quoted(path: Path, value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None:
        return "nothing"
    if may_hold_secret(path) or "@" in str(value):  # a URL may hold a password
        return "the value"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    text = str(value)
    return f"`{text if len(text) <= 40 else text[:37] + '...'}`"
