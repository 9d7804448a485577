"""From config to everything a run uploads: `outline` counts, `build` makes the files. Pure; `plan` and `launch` share both.

`outline` needs neither data nor tokenizer nor network. `build` runs the same outline, then lets the dataset fill the
requests. What neither decides is in `PlanInputs`: names, the seed, the clock, what the endpoint said. No store here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from function.contract.plan import Coordination, PhasePlan, Plan, StagePlan
from function.contract.spec import SecretRef
from orchestrator.config.root import Config
from orchestrator.datasets.port import Dataset
from orchestrator.outcome import Problem

Provider = Literal["local", "aws", "gcp"]


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """What the config does not say.

    `target_root`: the endpoint without slash and /v1. `models`: what `server.model_name` or GET /v1/models gave, at
    least one. `secret_refs`: header -> where its value lies; these headers never appear in a spec as text.
    `seed`: `load.base_seed`, or `draws.new_seed()` where that is null. `config_redacted`: the YAML kept with the run.
    `cpus` bounds `lanes: auto` on the local provider. `findings` are known already (key_ignored).
    """

    run_id: str
    provider: Provider
    target_root: str
    models: tuple[str, ...]
    seed: int
    code_version: str
    benchctl_version: str
    now_unix_ns: int
    config_redacted: str
    secret_refs: Mapping[str, SecretRef] = field(default_factory=dict)
    detach: bool = False
    cpus: int = 1
    findings: tuple[dict[str, Any], ...] = ()
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outline:
    """What will happen, counted. `problems` holds errors (the run is refused) and warnings.

    `requests` is None when a stage is bounded by time in a closed loop. `rows`: workload rows to be made.
    """

    stages: tuple[StagePlan, ...]
    phases: tuple[PhasePlan, ...]
    coordination: Coordination
    requests: int | None
    rows: int
    lanes: int
    slices: int
    shards: int
    peak_concurrency: int
    control_requests: int
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShardFiles:
    """Goes to keys.spec(shard) and keys.workload(shard)."""

    shard: str
    spec_bytes: bytes
    workload_bytes: bytes


@dataclass(frozen=True, slots=True)
class Built:
    """Ready for upload. `plan_hash` = digest(plan_bytes). `texts`: sha256 -> bytes, for keys.text(sha256).

    `upload_bytes` counts texts, workload parts and specs.
    """

    plan: Plan
    plan_bytes: bytes
    plan_hash: str
    config_redacted: str
    shards: Sequence[ShardFiles]
    texts: Mapping[str, bytes]
    upload_bytes: int
    outline: Outline


def outline(config: Config, inputs: PlanInputs) -> Outline:
    """Stages, counts, lanes, slices and settings. Never raises for what is in the config: see `problems`."""
    raise NotImplementedError


def build(config: Config, inputs: PlanInputs, dataset: Dataset) -> Built:
    """Everything to upload. UsageError (ConfigInvalid with `problems`) when the outline has an error."""
    raise NotImplementedError
