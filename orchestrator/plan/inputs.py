"""What a plan needs besides the config: names, the seed, the clock, what the endpoint said. Read once, at the rim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from function.contract.spec import SecretRef
from orchestrator.plan.fanout import Provider
from orchestrator.plan.lane_capacity import ASSUMED, LaneCapacity
from orchestrator.plan.platform import Platform


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """What the config does not say.

    `target_root`: the endpoint without slash and /v1. `models`: what `server.model_name` or GET /v1/models gave, at
    least one. `secret_refs`: header -> where its value lies; these headers never appear in a spec as text.
    `seed`: `load.base_seed`, or `draws.new_seed()` where that is null. `config_redacted`: the YAML kept with the run.
    `cpus` bounds `lanes: auto` on the local provider. `findings` are known already (key_ignored). `platform`: what is
    provisioned on a cloud, or what a plan assumes of it before. `capacity`: of one lane, measured here or assumed.
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
    platform: Platform = field(default_factory=Platform)
    capacity: LaneCapacity = ASSUMED
