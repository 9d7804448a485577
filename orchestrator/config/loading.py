"""From a file, `--set` and the environment to one `Config`, or to every problem at once.

Order: YAML, then `--set`, then `${ENV}`, then paths, then types, then combinations. Each step goes on past the others'
problems as far as it can, and a place that is already to blame is not blamed again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from orchestrator.config import files, overrides
from orchestrator.config.checks import check
from orchestrator.config.environment import expand
from orchestrator.config.invalid import ConfigInvalid
from orchestrator.config.keys import strays, without
from orchestrator.config.problems import Refusal, refusals
from orchestrator.config.redaction import redacted_yaml
from orchestrator.config.root import Config
from orchestrator.config.secret import Secret, is_sensitive
from orchestrator.config.yaml_text import Tree, dotted, parse
from orchestrator.outcome import Problem

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


def load_config(source: Path | str, assignments: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Loaded:
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
    problems += [*refused, *expansion.problems, *lost]
    config, more = _validate(opened, tree)
    problems = _each_place_once([*problems, *more])
    if any(problem.severity == "error" for problem in problems):
        raise ConfigInvalid(name, problems)
    problems += _literal_secrets(config, expansion.filled)
    return Loaded(config, tuple(problems), expansion.tree, redacted_yaml(expansion.tree, expansion.filled), name)


def _read(source: Path | str) -> tuple[str | bytes, str, Path | None]:
    if isinstance(source, str) and "\n" in source:
        return source, "the config", None
    path = Path(source)
    try:
        return path.read_bytes(), str(path), path.resolve().parent
    except FileNotFoundError:
        problem = Problem("config_not_found", f"there is no file {path}", hint=_EXAMPLE)
    except OSError as error:
        problem = Problem("config_not_found", f"{path} cannot be read: {error.strerror}", hint="name a YAML file")
    raise ConfigInvalid(str(path), [problem])


def _validate(tree: Tree, written: Tree) -> tuple[Config, list[Problem]]:
    """Every section by itself, then the combinations of those that are sound. With errors the Config is a makeshift."""
    astray = list(strays(tree, Config, Config))
    problems = [stray.problem for stray in astray]
    meant = {stray.meant for stray in astray}
    unsound = {place for place in meant if place in Config.model_fields}
    left_out = {place.split("[")[0] for place in meant if "." in place}
    for stray in astray:
        tree = without(tree, stray.path)
    sections: dict[str, Any] = {}
    for name in (name for name in Config.model_fields if tree.get(name) is not None):
        sections[name], refused = _section(name, tree, written)
        found = [refusal.problem for refusal in refused]
        problems += [problem for problem in found if not (problem.code == "missing_key" and problem.path in meant)]
        left_out |= {dotted(refusal.leave_out) for refusal in refused}
    config = Config.model_validate(sections)
    mended = {path.split(".")[0] for path in left_out} - unsound
    problems += check(config, set(Config.model_fields) - unsound - mended, mended, left_out)
    return config, problems


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


def _each_place_once(problems: Iterable[Problem]) -> list[Problem]:
    """A place's first error stands for it: what is said of it after that follows from the first."""
    problems = list(problems)
    first = {problem.path: problem for problem in reversed(problems) if problem.severity == "error"}
    return [
        problem for problem in problems if problem.path in ("", "--set") or first.get(problem.path, problem) is problem
    ]


def _literal_secrets(config: Config, filled: Mapping[tuple[str | int, ...], str]) -> list[Problem]:
    return [
        Problem("secret_literal", "a secret stands in the config itself", path, _reference(filled, path), "warning")
        for path in literal_secrets(config)
    ]


def literal_secrets(config: Config) -> list[str]:
    """The places that hold a secret itself, where a reference should stand."""
    headers = {f"api.headers.{name}": value for name, value in config.api.headers.items() if is_sensitive(name)}
    places: dict[str, Secret | None] = {
        "server.api_key": config.server.api_key,
        "tokenizer.token": config.tokenizer.token,
        **headers,
    }
    return [path for path, secret in places.items() if secret is not None and secret.source == "literal"]


def _reference(filled: Mapping[tuple[str | int, ...], str], path: str) -> str:
    variable = filled.get(tuple(path.split(".", 2)))
    return f"write {{env: {variable or 'NAME'}}} instead; on aws {{aws_secret: ARN}}, on gcp {{gcp_secret: NAME}}"
