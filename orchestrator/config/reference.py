"""docs/reference/config.md, written from the models.

`python -m orchestrator.config.reference > docs/reference/config.md` renews it. A test holds the committed file to this,
so the reference cannot drift from the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.config.distribution import Distribution
from orchestrator.config.keys import shape_of
from orchestrator.config.quantity import SECONDS_SCHEMA
from orchestrator.config.root import Config
from orchestrator.config.schema import json_schema
from orchestrator.config.section import Section, TolerantSection

_HEAD = """\
# The config, key by key

Written from the code (`python -m orchestrator.config.reference`); do not edit. `benchctl schema` prints the same as
JSON Schema for editors, `benchctl init` writes a commented example.

- The sections of inference-perf keep their names, keys and meaning; `fanout` and `budget` are benchctl's own.
- **Durations** are seconds (`90`, `1.5`) or carry a unit: `"500ms"`, `"90s"`, `"10m"`, `"1h"`.
- **null** is the same as leaving the key out. **Unknown keys** are errors, and name the key that was meant.
- **`${NAME}`** and `${NAME:-default}` in any value are taken from the environment; `$${` is a plain `${`. Inside
  `api.extra_body` a value that is nothing but `${NAME}` is read as YAML, so that a number stays a number.
- **`--set a.b.c=value`** changes one key (the value is YAML): `--set load.stages.0.rate=50`; the place after the last
  of a list appends.
- **Secrets** are references: `{env: NAME}`, `{aws_secret: ARN}`, `{gcp_secret: NAME}`. A literal is taken by the local
  provider only, with a warning, and is shown as `***` everywhere.
- **Paths** are looked for from the current directory first, then beside the config file.
"""


def markdown() -> str:
    """The whole page, ending in one newline."""
    schema = json_schema()
    blocks = [_HEAD]
    for key, model in _sections():
        blocks.append("\n".join(_table(key, model, schema["$defs"][model.__name__])) + "\n")
    return "\n".join(blocks)


def _sections() -> Iterator[tuple[str, type[Section]]]:
    """Every place where a mapping is written, each followed by those below it; a kind met before is not repeated."""
    seen: set[type[Section]] = {Distribution}  # stands in many places, and comes last

    def visit(model: type[Section], place: str) -> Iterator[tuple[str, type[Section]]]:
        for name, field in model.model_fields.items():
            key = field.alias or name
            shape = shape_of(model, key)
            if shape.model is None or shape.model in seen:
                continue
            seen.add(shape.model)
            here = f"{place}{key}" + ("[]" if shape.kind == "list" else "")
            yield here, shape.model
            yield from visit(shape.model, here + ".")

    yield from visit(Config, "")
    yield "a distribution", Distribution


def _table(place: str, model: type[Section], definition: dict[str, Any]) -> Iterator[str]:
    yield f"{'#' * (2 + min(place.count('.'), 2))} `{place}`"
    if model.__doc__:
        yield ""
        yield " ".join(model.__doc__.split())
    if issubclass(model, TolerantSection):
        yield ""
        yield "Unknown keys here are a warning (`key_ignored`), not an error."
    if model.short_forms:
        yield ""
        yield f"May also be written as: {' or '.join(_words(form) for form in model.short_forms)}."
    yield ""
    yield "| key | value | default | what |"
    yield "|---|---|---|---|"
    mapping = definition if "properties" in definition else definition["anyOf"][-1]
    required = set(mapping.get("required", ()))
    for name, value in mapping["properties"].items():
        if not value.get("deprecated"):
            default = "**required**" if name in required else _default(value.get("default"))
            yield f"| `{name}` | {_words(value)} | {default} | {value.get('description', '')} |".replace("  ", " ")
    for former, present in model.renamed.items():
        yield f"| `{former}` | | | former name of `{present}` |"


def _default(value: Any) -> str:
    if value is None or value == [] or value == "":
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(f"{item:g}" if isinstance(item, float) else str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _words(value: dict[str, Any]) -> str:
    """What may stand here, in words: `duration`, `auto or integer`, one of several names."""
    if value.get("anyOf") == SECONDS_SCHEMA["anyOf"]:
        return "duration"
    if "anyOf" in value:
        words = [word for choice in _merged(value["anyOf"]) for word in _words(choice).split(" or ")]
        return " or ".join(dict.fromkeys(word for word in words if word))
    if "enum" in value:
        return ", ".join(f"`{item}`" for item in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    if "$ref" in value:
        name = value["$ref"].rsplit("/", 1)[1]
        return {"Environment": "", "Distribution": "number or distribution"}.get(name, "mapping")
    kind = str(value.get("type", ""))
    if kind == "array":
        return f"list of {_plural(_words(value['items']))}"
    return {"object": _object(value), "string": "text", "null": "", "": "any value"}.get(kind, kind)


def _plural(words: str) -> str:
    return words if words in ("", "text") else f"{words}s"


def _merged(choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The two ways to write a duration, side by side in a longer list, are one."""
    ways = SECONDS_SCHEMA["anyOf"]
    if all(way in choices for way in ways):
        return [*(choice for choice in choices if choice not in ways), SECONDS_SCHEMA]
    return choices


def _object(value: dict[str, Any]) -> str:
    if "required" in value:
        return f"`{{{value['required'][0]}: ...}}`"
    return "mapping"


if __name__ == "__main__":
    print(markdown(), end="")
