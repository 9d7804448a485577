"""`--set a.b.c=v`: one place of the config, changed before anything is checked.

The value is read as YAML. A number in the path is a place in a list; the one after the last appends. A path that leads
nowhere is a problem of the flag, with the key that was meant.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from orchestrator.config.keys import Shape, shape_of
from orchestrator.config.nearest import nearest
from orchestrator.config.section import Section, TolerantSection
from orchestrator.config.yaml_text import Tree, parse_value
from orchestrator.outcome import Problem

_SHOWN = 3
_FORM = "--set load.stages.0.rate=50"


class _Refused(Exception):
    """Why one --set cannot be applied; becomes a Problem at once."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def apply(tree: Tree, assignments: Sequence[str], root: type[Section]) -> tuple[Tree, list[Problem]]:
    """A copy of `tree` with the assignments made in order; those that cannot be are told, never half made."""
    result, problems = copy.deepcopy(tree), []
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        try:
            if not equals or not path.strip():
                path = _beginning(assignment, root)
                raise _Refused("not of the form key.path=value", _FORM)
            steps = path.strip().split(".")
            _check(steps, root)
            result = _assigned(result, steps, _value(path, text), [])
        except _Refused as refusal:
            problems.append(Problem("set_refused", f"{path.strip()}: {refusal.message}", "--set", refusal.hint))
    return result, problems


def _beginning(assignment: str, root: type[Section]) -> str:
    """Enough to find the argument by: its section, or its first letters. What is not a key may be a secret."""
    section = assignment.split(".")[0]
    shown = section if section in root.known_keys() else assignment[:_SHOWN]
    return f"`{shown}{'' if shown == assignment else '...'}`"


def _value(path: str, text: str) -> Any:
    try:
        return parse_value(text)
    except ValueError:
        raise _Refused("the value is not YAML", f"quote it: --set '{path}=\"...\"'") from None


def _check(steps: list[str], root: type[Section]) -> None:
    """Every step must be a key that exists, or a number where a list stands."""
    shape = Shape("section", root)
    for depth, step in enumerate(steps):
        before, model = ".".join(steps[:depth]), shape.model
        if shape.kind == "list" and not step.isdigit():
            raise _Refused(f"`{before}` is a list: `{step}` is no place in it", f"{before}.0 is its first")
        if shape.kind in ("list", "map"):
            if shape.kind == "map" and model is None:
                return  # free below here
            shape = Shape("section", model) if model else Shape("value")
        elif model is None:
            raise _Refused(f"`{before}` is a single value and has no key `{step}`", f"--set {before}=...")
        elif step in model.known_keys():
            shape = shape_of(model, step)
        elif issubclass(model, TolerantSection):
            return
        else:
            raise _Refused(*_unknown(step, before, model))


def _unknown(step: str, before: str, model: type[Section]) -> tuple[str, str]:
    where = f"`{before}`" if before else "the top level"
    meant = nearest(step, model.known_keys())
    if meant is None:
        return f"`{step}` is no key of {where}", "known there: " + ", ".join(sorted(model.known_keys()))
    return f"`{step}` is no key of {where}; did you mean `{meant}`?", f"{before}.{meant}" if before else meant


def _assigned(node: Any, steps: list[str], value: Any, done: list[str]) -> Any:
    """`node` with `value` put at `steps`; missing mappings and lists are made on the way."""
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    here = ".".join(done)
    if node is None:
        node = [] if step.isdigit() else {}
    if isinstance(node, list):
        index = int(step) if step.isdigit() else -1
        if not 0 <= index <= len(node):
            raise _Refused(
                f"`{here}` has {len(node)} items: there is no place {step}", f"0 to {len(node)} (the last appends)"
            )
        item = node[index] if index < len(node) else None
        return [*node[:index], _assigned(item, rest, value, [*done, step]), *node[index + 1 :]]
    if isinstance(node, dict):
        return {**node, step: _assigned(node.get(step), rest, value, [*done, step])}
    raise _Refused(f"`{here}` holds a single value, it has no `{step}`", f"--set {here}=... sets it whole")
