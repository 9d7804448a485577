"""Makes the plan and everything a run uploads. Brings numpy, pyarrow and the tokenizer in, so it is imported late."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import Any

from function.contract.version import code_version
from orchestrator import __version__
from orchestrator.arrow import keep_pandas_out
from orchestrator.config.endpoint import endpoint_root
from orchestrator.config.invalid import ConfigInvalid
from orchestrator.config.loading import Loaded
from orchestrator.datasets.opening import open_dataset
from orchestrator.datasets.port import Dataset
from orchestrator.datasets.tokens import hub_token, open_tokenizer, tokenizer_name
from orchestrator.draws import new_seed
from orchestrator.launch.calibration import known_capacity
from orchestrator.launch.cloud import authority
from orchestrator.launch.prepare import Prepared, cpus
from orchestrator.outcome import Problem
from orchestrator.plan.build import Built, build
from orchestrator.plan.inputs import PlanInputs
from orchestrator.plan.lane_capacity import ASSUMED, LaneCapacity
from orchestrator.plan.outline import Outline, outline
from orchestrator.plan.platform import Platform
from orchestrator.providers.deployment import state_folder

UNKNOWN_MODEL = "unknown"  # counting needs no name, and only the endpoint may know it


@dataclass(frozen=True, slots=True)
class Sketch:
    """The plan counted: `inputs` lacks what only the endpoint says."""

    prepared: Prepared
    inputs: PlanInputs
    outline: Outline

    @property
    def loaded(self) -> Loaded:
        return self.prepared.loaded

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (*self.prepared.problems, *self.outline.problems)


def sketch(prepared: Prepared) -> Sketch:
    """Raises ConfigInvalid when what was asked does not fit together."""
    keep_pandas_out()
    config = prepared.config
    inputs = PlanInputs(
        run_id=prepared.run_id,
        provider=prepared.asked.provider,
        target_root=endpoint_root(config.server.base_url) if config.server.base_url else "",
        models=(config.server.model_name or UNKNOWN_MODEL,),
        seed=new_seed() if config.load.base_seed is None else config.load.base_seed,
        code_version=code_version(),
        benchctl_version=__version__,
        now_unix_ns=time.time_ns(),
        config_redacted=prepared.loaded.redacted_yaml,
        secret_refs=prepared.headers.refs,
        detach=prepared.asked.detach,
        cpus=cpus(),
        findings=tuple(_finding(one) for one in prepared.problems if one.code == "key_ignored"),
        platform=Platform() if prepared.cloud is None else prepared.cloud.platform,
        capacity=_capacity(prepared),
    )
    made = Sketch(prepared, inputs, outline(config, inputs))
    if any(problem.severity == "error" for problem in made.problems):
        raise ConfigInvalid(prepared.loaded.source, made.problems)
    return made


def _capacity(prepared: Prepared) -> LaneCapacity:
    """A measurement is of this machine: lanes that run elsewhere are planned by what is assumed."""
    if prepared.asked.provider != "local":
        return ASSUMED
    return known_capacity(state_folder(prepared.asked.state, os.environ))


def read_data(sketched: Sketch) -> Dataset:
    """Raises UsageError when data or tokenizer cannot be used."""
    config = sketched.prepared.config
    name = tokenizer_name(config)
    tokenizer = None if name is None else open_tokenizer(name, hub_token(config, os.environ))
    return open_dataset(config, sketched.inputs.seed, sketched.outline.past_k, tokenizer)


def make(sketched: Sketch, dataset: Dataset, root: str, models: tuple[str, ...]) -> Built:
    """`root`, `models`: what is sent to, as it was found."""
    allowed = () if sketched.prepared.cloud is None else (authority(root),)
    inputs = replace(sketched.inputs, target_root=root, models=models, allowed=allowed)
    return build(sketched.prepared.config, inputs, dataset, sketched.outline)


def headline(built: Built, kept_in: str) -> str:
    """What is about to happen, in one line."""
    plan, outlined = built.plan, built.outline
    requests = "as many requests as fit" if plan.requests is None else f"{plan.requests} requests"
    stages = f"{len(plan.stages)} stage{'s' if len(plan.stages) > 1 else ''}"
    lanes = f"{outlined.lanes} lane{'s' if outlined.lanes > 1 else ''}"
    shards = f" in {outlined.shards} shards" if outlined.shards > outlined.lanes else ""
    return f"run {plan.run_id}: {requests} in {stages} from {lanes}{shards} to {plan.target['root']}, kept in {kept_in}"


def streams_per_lane(sketched: Sketch) -> int | None:
    """The most streams one lane can have open, where the config limits them."""
    load = sketched.prepared.config.load
    users = [stage.concurrency_level for stage in load.stages if stage.concurrency_level]
    most = max(users, default=load.max_concurrency)
    return None if most is None else -(-most // sketched.outline.lanes)


def _finding(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "severity": "info",
        "message": f"{problem.path}: {problem.message}",
        "advice": problem.hint,
        "numbers": {},
        "scope": {"stage": None, "lane": None, "slice": None, "from_s": None, "to_s": None},
    }
