"""From what was asked on the command line to inputs of a plan: loads the config and refuses what cannot run.

Contacts nothing. What it refuses it refuses with every problem at once.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from function.contract.version import code_version
from orchestrator import __version__
from orchestrator.config.built import unbuilt
from orchestrator.config.differs import differs
from orchestrator.config.endpoint import endpoint_root
from orchestrator.config.invalid import ConfigInvalid
from orchestrator.config.loading import Loaded, load_config
from orchestrator.config.provider import check_environment, check_provider
from orchestrator.launch.headers import Headers, headers_of
from orchestrator.launch.locate import check_run_id
from orchestrator.outcome import Problem
from orchestrator.plan.build import Outline, PlanInputs, outline
from orchestrator.plan.draws import new_seed
from orchestrator.providers.opening import check_provider_built

UNKNOWN_MODEL = "unknown"  # counting needs no name, and only the endpoint may know it


@dataclass(frozen=True, slots=True)
class Asked:
    """One command line of `launch`. `assignments`: --set a.b=c."""

    config: str
    provider: Literal["local", "aws", "gcp"] = "local"
    root: str = "."
    run_id: str | None = None
    assignments: tuple[str, ...] = ()
    detach: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """`problems` are warnings. `inputs` lacks what the endpoint says: its root where embedded, the models."""

    loaded: Loaded
    inputs: PlanInputs
    outline: Outline
    headers: Headers
    problems: tuple[Problem, ...] = field(default=())


def prepare(asked: Asked, environment: Mapping[str, str] | None = None) -> Prepared:
    """Raises ConfigInvalid with all problems, UsageError for a wrong flag."""
    environment = os.environ if environment is None else environment
    run_id = new_run_id() if asked.run_id is None else check_run_id(asked.run_id)
    check_provider_built(asked.provider)
    loaded = load_config(Path(asked.config), asked.assignments, environment)
    config = loaded.config
    refused = [*unbuilt(config), *check_provider(config, asked.provider)]
    if asked.provider == "local":
        refused += check_environment(config, environment)
    if refused:
        raise ConfigInvalid(loaded.source, (*refused, *loaded.problems))
    headers = headers_of(config, environment)
    inputs = PlanInputs(
        run_id=run_id,
        provider=asked.provider,
        target_root=endpoint_root(config.server.base_url) if config.server.base_url else "",
        models=(config.server.model_name or UNKNOWN_MODEL,),
        seed=new_seed() if config.load.base_seed is None else config.load.base_seed,
        code_version=code_version(),
        benchctl_version=__version__,
        now_unix_ns=time.time_ns(),
        config_redacted=loaded.redacted_yaml,
        secret_refs=headers.refs,
        detach=asked.detach,
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        findings=tuple(_finding(problem) for problem in loaded.problems if problem.code == "key_ignored"),
    )
    counted = outline(config, inputs)
    problems = (*loaded.problems, *counted.problems, *differs(config))
    if any(problem.severity == "error" for problem in problems):
        raise ConfigInvalid(loaded.source, problems)
    return Prepared(loaded, inputs, counted, headers, problems)


def new_run_id() -> str:
    """Sorts by time (UTC), and two launches in one second still differ."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


def _finding(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "severity": "info",
        "message": f"{problem.path}: {problem.message}",
        "advice": problem.hint,
        "numbers": {},
        "scope": {"stage": None, "lane": None, "slice": None, "from_s": None, "to_s": None},
    }
