"""Which keys exist, read from the models; and for a key that does not, which one was meant or where it belongs.

The walk goes over what was written, not over what was validated, so that every stray key is found at once even where
a section cannot be built. A stray key also names the place it seems to be meant for: nobody should then be told that
this place is empty.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from orchestrator.config.nearest import clearly, nearest
from orchestrator.config.section import Section, TolerantSection
from orchestrator.config.yaml_text import dotted
from orchestrator.outcome import Problem

Kind = Literal["section", "list", "map", "value"]
Path = tuple[str | int, ...]


OTHER_NAMES = {
    **dict.fromkeys(("qps", "rps", "request_rate", "requests_per_second"), "load.stages[].rate"),
    **dict.fromkeys(("concurrency", "users"), "load.stages[].concurrency_level"),
    **dict.fromkeys(("url", "endpoint", "host", "api_base"), "server.base_url"),
    **dict.fromkeys(("temperature", "top_p", "stop", "max_tokens"), "api.extra_body"),
    "model": "server.model_name",
    "seed": "load.base_seed",
    "timeout": "load.request_timeout",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What may stand at a place: a `model`, alone, in a list or under free names; or a plain value."""

    kind: Kind
    model: type[Section] | None = None


@dataclass(frozen=True, slots=True)
class Stray:
    """A key nobody knows. `meant` is the dotted place it seems to be meant for, "" when nothing comes close."""

    path: Path
    problem: Problem
    meant: str = ""


@cache
def shape_of(model: type[Section], key: str) -> Shape:
    """What may stand under `key`, which must be one of `model.known_keys()`."""
    return _shape(model.model_fields[model.known_keys()[key]].annotation)


def _shape(annotation: Any) -> Shape:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _shape(get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return Shape("section", annotation)
    if origin in (Union, types.UnionType):
        shapes = [_shape(part) for part in get_args(annotation) if part is not type(None)]
        return next((shape for shape in shapes if shape.kind != "value"), Shape("value"))
    if origin in (tuple, list):
        return Shape("list", _shape(get_args(annotation)[0]).model)
    if origin is dict:
        return Shape("map", _shape(get_args(annotation)[1]).model)
    return Shape("value")


def strays(tree: Any, model: type[Section], root: type[Section], path: Path = ()) -> Iterator[Stray]:
    """Every key under `tree` that `model` does not know. Values of another form than expected are left to types."""
    if not isinstance(tree, dict):
        return
    known = model.known_keys()
    for key, value in tree.items():
        if not isinstance(key, str):
            continue  # already reported: the key is not text
        here = (*path, key)
        if key not in known:
            yield _stray(here, model, root)
            continue
        shape = shape_of(model, key)
        if shape.model is None:
            continue
        if shape.kind == "section":
            yield from strays(value, shape.model, root, here)
        elif shape.kind == "list" and isinstance(value, list):
            for index, item in enumerate(value):
                yield from strays(item, shape.model, root, (*here, index))
        elif shape.kind == "map" and isinstance(value, dict):
            for name, item in value.items():
                yield from strays(item, shape.model, root, (*here, name))


def _stray(path: Path, model: type[Section], root: type[Section]) -> Stray:
    key, parent = str(path[-1]), dotted(path[:-1])
    if issubclass(model, TolerantSection):
        meant = nearest(key, model.known_keys())
        hint = f"did you mean {meant}?" if meant else "known here: " + ", ".join(sorted(model.known_keys()))
        message = f"`{key}` is no key of `{parent}` and is ignored"
        return Stray(path, Problem("key_ignored", message, dotted(path), hint, severity="warning"))
    where = f"`{parent}`" if parent else "the top level"
    if parent and key in root.known_keys():
        message = f"`{key}` is a top-level section, it does not belong under {where}"
        return Stray(path, Problem("unknown_key", message, dotted(path), f"move `{key}:` to the left margin"), key)
    typo = clearly(key, model.known_keys())
    place = None if typo else _home(key, path, root)
    if place:
        message = f"`{key}` is no key of {where}; it belongs at `{place}`"
        return Stray(path, Problem("unknown_key", message, dotted(path), f"move it to `{place}`"), place)
    typo = typo or nearest(key, model.known_keys())
    if typo:
        full = f"{parent}.{typo}" if parent else typo
        message = f"`{key}` is no key of {where}; did you mean `{typo}`?"
        return Stray(path, Problem("unknown_key", message, dotted(path), f"write `{full}`"), full)
    hint = "known here: " + ", ".join(sorted(model.known_keys()))
    return Stray(path, Problem("unknown_key", f"`{key}` is no key of {where}", dotted(path), hint))


def _home(key: str, path: Path, root: type[Section]) -> str | None:
    """Where a key of this name exists: below the same parent if it can be, else in the same section, else topmost."""
    parent = dotted(tuple(step for step in path[:-1] if isinstance(step, str)))

    if key in OTHER_NAMES:
        return OTHER_NAMES[key]

    def closeness(place: str) -> tuple[bool, bool, int]:
        plain = place.replace("[]", "")
        below = plain.startswith(parent + ".") if parent else True
        return (not below, plain.split(".")[0] != str(path[0]), place.count("."))

    return min((place for place in places(root) if place.split(".")[-1] == key), key=closeness, default=None)


@cache
def places(model: type[Section], prefix: str = "", depth: int = 6) -> tuple[str, ...]:
    """Every key below `model`, dotted, `[]` for an item of a list: `load.stages[].rate`."""
    found: list[str] = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        shape = shape_of(model, key)
        found.append(prefix + key)
        if shape.model is not None and depth > 1:
            inner = {"section": ".", "list": "[].", "map": ".<name>."}[shape.kind]
            found.extend(places(shape.model, prefix + key + inner, depth - 1))
    return tuple(found)


def without(tree: Any, path: Path) -> Any:
    """`tree` without the key at `path`."""
    step, rest = path[0], path[1:]
    if isinstance(tree, list) and not rest:
        return [item for index, item in enumerate(tree) if index != step]
    if isinstance(tree, list):
        return [without(item, rest) if index == step else item for index, item in enumerate(tree)]
    if not rest:
        return {key: item for key, item in tree.items() if key != step}
    return {key: without(item, rest) if key == step else item for key, item in tree.items()}
