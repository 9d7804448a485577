"""The config as JSON Schema (draft 2020-12), for editors and CI. The models are the source; this only rounds them off.

Two things hold for every key and are added here: null means absent, and a plain value may be `${NAME}`. Combinations of
keys are beyond a schema: `benchctl validate` checks those.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.config.keys import shape_of
from orchestrator.config.root import Config
from orchestrator.config.section import Section

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ENV = {"$ref": "#/$defs/Environment"}
_NULL = {"type": "null"}
_PLAIN = ("number", "integer", "boolean")
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_NOTES = ("title", "description", "default", "examples")


def json_schema() -> dict[str, Any]:
    """A new dictionary each time, JSON types only."""
    raw: dict[str, Any] = _worded(Config.model_json_schema(by_alias=True, mode="validation"))
    definitions: dict[str, Any] = raw.pop("$defs")
    definitions[Config.__name__] = raw
    for model in models(Config):
        definitions[model.__name__] = _section(model, definitions[model.__name__])
    root = definitions.pop(Config.__name__)
    definitions["Environment"] = {"type": "string", "pattern": r"\$\{[A-Za-z_]", "title": "${NAME} or ${NAME:-default}"}
    return {"$schema": _DIALECT, **root, "title": "benchctl config", "$defs": dict(sorted(definitions.items()))}


def models(model: type[Section]) -> Iterator[type[Section]]:
    """`model` and every section below it, each once, in the order in which they are met."""
    seen: dict[type[Section], None] = {}

    def visit(current: type[Section]) -> None:
        if current in seen:
            return
        seen[current] = None
        for key in current.known_keys():
            below = shape_of(current, key).model
            if below is not None:
                visit(below)

    visit(model)
    yield from seen


def _worded(node: Any) -> Any:
    """pydantic leaves bounds behind a validator under its own names."""
    if isinstance(node, list):
        return [_worded(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {_BOUNDS.get(key, key): _worded(item) for key, item in node.items()}


def _section(model: type[Section], definition: dict[str, Any]) -> dict[str, Any]:
    required = set(definition.get("required", ()))
    keys = {
        name: _lenient(value, nullable=name not in required) for name, value in definition.get("properties", {}).items()
    }
    former = {old: {**keys[new], "deprecated": True} for old, new in model.renamed.items()}
    whole = {**definition, "properties": {**keys, **former}}
    if not model.short_forms:
        return whole
    return {"title": definition["title"], "anyOf": [*model.short_forms, _ENV, whole]}


def _lenient(value: dict[str, Any], *, nullable: bool) -> dict[str, Any]:
    """The key with null and ${NAME} accepted; notes stay where editors look for them. Defaults that are mappings go."""
    notes = {key: value[key] for key in _NOTES if key in value and not isinstance(value[key], dict)}
    core = {key: item for key, item in value.items() if key not in _NOTES}
    choices = list(core["anyOf"]) if set(core) == {"anyOf"} else [core]
    if any(_plain(choice) for choice in choices):
        choices.append(_ENV)
    if nullable and _NULL not in choices and core:
        choices.append(_NULL)
    return {**notes, **(choices[0] if len(choices) == 1 else {"anyOf": choices})}


def _plain(choice: dict[str, Any]) -> bool:
    return choice.get("type") in _PLAIN or "enum" in choice or "anyOf" in choice
