"""From a file, `--set` and the environment to one `Config`, or to every problem at once.

Order: YAML, then `--set`, then `${ENV}`, then paths, then types, then combinations. Each step goes on past the others'
problems as far as it can, and a place that is already to blame is not blamed again.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from orchestrator.config import files, overrides
from orchestrator.config.checks import check
from orchestrator.config.environment import expand
from orchestrator.config.invalid import ConfigInvalid
from orchestrator.config.keys import Path, strays, without
from orchestrator.config.problems import Refusal, refusals
from orchestrator.config.redaction import redacted_yaml
from orchestrator.config.root import Config
from orchestrator.config.secret import Secret, filled_secret, hides, is_sensitive, secret_members
from orchestrator.config.yaml_text import Tree, dotted, parse
from orchestrator.outcome import Problem

_GCP = "{gcp_secret: NAME}"
_EXAMPLE = "benchctl init writes one to start from"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A config that can be used. `problems` are warnings; `raw` is the YAML after --set and ${ENV}: it HOLDS SECRETS.

    `redacted_yaml` is the same as text without them, and loads again to the same config where no secret is involved.
    """

    config: Config
    problems: tuple[Problem, ...]
    raw: Tree = field(repr=False)
    redacted_yaml: str
    source: str


def load_config(
    source: FilePath | str, assignments: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Loaded:
    """Read and check a config. A Path, or a str of one line, is a file; a str with a line break is the YAML itself.

    `env` defaults to this process's environment. Raises ConfigInvalid with all problems; contacts nothing.
    """
    text, name, folder = _read(source)
    tree, problems = parse(text, name)
    if tree is None:
        raise ConfigInvalid(name, [Problem("config_empty", f"{name} is empty", hint=_EXAMPLE)])
    if not isinstance(tree, dict):
        hint = "sections as in `load: ...`, at the left margin"
        raise ConfigInvalid(name, [Problem("config_not_mapping", f"{name} is no mapping of sections", hint=hint)])
    tree, refused = overrides.apply(tree, assignments, Config)
    expansion = expand(tree, os.environ if env is None else env)
    opened, lost = files.resolve(expansion.tree, folder)
    problems = _with(problems, refused, expansion.problems, lost)
    config, problems = _validate(_marked(opened, expansion.filled), tree, problems)
    if any(problem.severity == "error" for problem in problems):
        raise ConfigInvalid(name, problems)
    problems += _literal_secrets(config, expansion.filled)
    return Loaded(config, tuple(problems), expansion.tree, redacted_yaml(expansion.tree, expansion.filled), name)


def _read(source: FilePath | str) -> tuple[str | bytes, str, FilePath | None]:
    if isinstance(source, str) and "\n" in source:
        return source, "the config", None
    path = FilePath(source)
    try:
        return path.read_bytes(), str(path), path.resolve().parent
    except FileNotFoundError:
        problem = Problem("config_not_found", f"there is no file {path}", hint=_EXAMPLE)
    except OSError as error:
        problem = Problem("config_not_found", f"{path} cannot be read: {error.strerror}", hint="name a YAML file")
    raise ConfigInvalid(str(path), [problem])


def _marked(tree: Tree, filled: Container[Path]) -> Tree:
    """`tree` with the headers that came from the environment as such: the text alone would not tell."""
    api = tree.get("api")
    headers = api.get("headers") if isinstance(api, dict) else None
    if not isinstance(api, dict) or not isinstance(headers, dict):
        return tree
    marked = {
        name: filled_secret(value) if isinstance(value, str) and ("api", "headers", name) in filled else value
        for name, value in headers.items()
    }
    return {**tree, "api": {**api, "headers": marked}}


def _validate(tree: Tree, written: Tree, problems: list[Problem]) -> tuple[Config, list[Problem]]:
    """Every section by itself, then the combinations. With errors the Config is a makeshift.

    What stands in the wrong place is absent from the right one, unless that has its own.
    """
    whole, astray = tree, list(strays(tree, Config, Config))
    for stray in astray:
        tree = without(tree, stray.path)
    absent = {stray.meant for stray in astray if stray.meant and not _stands(whole, stray.meant)}
    problems = _with(problems, [stray.problem for stray in astray])
    sections: dict[str, Any] = {}
    refused: list[Refusal] = []
    for name in (name for name in Config.model_fields if tree.get(name) is not None):
        sections[name], found = _section(name, tree, written)
        refused += found
    told = [refusal.problem for refusal in refused]
    problems = _with(problems, [one for one in told if not (one.code == "missing_key" and one.path in absent)])
    absent |= {dotted(refusal.leave_out) for refusal in refused}
    config = Config.model_validate(sections)
    return config, _with(problems, check(config, absent))


def _stands(tree: Any, place: str) -> bool:
    """Whether something is written at a place; `[]` is none."""
    for step in place.split("."):
        if isinstance(tree, list) and step.isdigit():
            tree = tree[int(step)] if int(step) < len(tree) else None
        else:
            tree = tree.get(step) if isinstance(tree, dict) else None
    return tree is not None


def _section(name: str, tree: Tree, written: Tree) -> tuple[Any, list[Refusal]]:
    """The section, and what is wrong with it. What cannot be read is left out, and the rest read again."""
    adapter = TypeAdapter[Any](Config.model_fields[name].rebuild_annotation())
    refused: list[Refusal] = []
    while tree.get(name) is not None:
        try:
            return adapter.validate_python(tree[name]), refused
        except ValidationError as error:
            found = list(refusals(error, written, (name,)))
        refused += found
        before = tree
        for path in sorted({refusal.leave_out for refusal in found}, key=len, reverse=True):
            tree = without(tree, path)
        if tree == before:
            break
    return None, refused


def _with(problems: list[Problem], *steps: Iterable[Problem]) -> list[Problem]:
    """And what each step found. A place that an earlier step blames is not blamed again: it may follow from that."""
    for step in steps:
        blamed = {problem.path for problem in problems if problem.severity == "error"} - {"", "--set"}
        problems = [*problems, *(problem for problem in step if problem.path not in blamed)]
    return problems


def _literal_secrets(config: Config, filled: Mapping[Path, str]) -> Iterator[Problem]:
    for path in literal_secrets(config):
        steps = tuple(path.split(".", 2))
        if steps[:2] == ("api", "extra_body"):
            if any(place[: len(steps)] == steps for place in filled):
                continue
            hint = "write ${NAME}, or send it as a header: {env: NAME}; on a cloud only a header can be a secret"
        elif steps in filled and not is_sensitive(steps[-1]):
            continue
        else:
            hint = f"write {{env: {filled.get(steps) or 'NAME'}}} instead; on aws {{aws_secret: ARN}}, on gcp {_GCP}"
        yield Problem("secret_literal", "a secret stands in the config itself", path, hint, "warning")


def literal_secrets(config: Config) -> list[str]:
    """The places that hold what is or may be a secret itself, where a reference should stand."""
    places: dict[str, Secret | None] = {
        "server.api_key": config.server.api_key,
        "tokenizer.token": config.tokenizer.token,
    }
    places |= {f"api.headers.{name}": value for name, value in config.api.headers.items() if hides(name, value)}
    literal = [path for path, secret in places.items() if secret is not None and secret.source == "literal"]
    members = secret_members(config.api.extra_body)
    return [*literal, *(f"api.extra_body.{name}" for name in config.api.extra_body if name in members)]
