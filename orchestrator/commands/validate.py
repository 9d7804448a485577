"""`benchctl validate CONFIG`: every problem of a config at once. Contacts nothing and writes nothing.

Besides what `launch` would refuse, it says what is not built yet and where inference-perf reads the same key otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from orchestrator.commands.problem_list import problem_list
from orchestrator.config.built import unbuilt
from orchestrator.config.differs import differs
from orchestrator.config.invalid import ConfigInvalid
from orchestrator.config.loading import load_config
from orchestrator.outcome import USAGE, Outcome, Problem


def run(config_path: str | Path, overrides: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Outcome:
    """Exit code 0 with warnings listed, 2 with all problems. `env` defaults to this process's environment."""
    path = Path(config_path)
    try:
        loaded = load_config(path, overrides, env)
    except ConfigInvalid as invalid:
        error = Problem(invalid.code, invalid.message, invalid.path, invalid.hint)
        return Outcome("validate", USAGE, _result(path, False), _human(path, invalid.problems), error, invalid.problems)
    later = tuple(replace(problem, severity="warning") for problem in unbuilt(loaded.config))
    problems = (*loaded.problems, *later, *differs(loaded.config))
    return Outcome("validate", result=_result(path, True), human=_human(path, problems), problems=problems)


def _result(path: Path, valid: bool) -> dict[str, object]:
    return {"config": str(path), "valid": valid}


def _human(path: Path, problems: Sequence[Problem]) -> str:
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    counts = [_count(errors, "error")] if errors else ["valid"]
    if warnings:
        counts.append(_count(warnings, "warning"))
    return "\n".join([f"{path}: {', '.join(counts)}", *([problem_list(problems)] if problems else [])])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
