"""From config to everything a run uploads: `outline` counts, `build` makes the files. Pure; plan and launch share it.

`outline` needs neither data nor tokenizer nor network. `build` runs the same outline, then lets the dataset fill the
requests. What neither decides is in `PlanInputs`: names, the seed, the clock, what the endpoint said. No store here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from function.contract import codec
from function.contract.plan import Cost, Plan, ShardPlan
from orchestrator.config.budget import TokenPrices
from orchestrator.config.invalid import ConfigInvalid
from orchestrator.config.root import Config
from orchestrator.datasets.port import Dataset
from orchestrator.plan import budget
from orchestrator.plan.cost import Load, bill, words
from orchestrator.plan.inputs import PlanInputs
from orchestrator.plan.outline import Outline, outline
from orchestrator.plan.session_facts import session_facts
from orchestrator.plan.specs import Specs
from orchestrator.plan.target import described, report_settings
from orchestrator.plan.workload import Workload, make

_NO_HASH = "0" * 64  # as long as a digest: a spec's size is known before the plan that it names

__all__ = ["Built", "Outline", "PlanInputs", "ShardFiles", "build", "data_facts", "outline"]


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


def build(config: Config, inputs: PlanInputs, dataset: Dataset, outlined: Outline | None = None) -> Built:
    """Everything to upload. ConfigInvalid with all problems when the outline has an error.

    `outlined`: what `outline` gave for the same config and inputs, where it is at hand already.
    """
    outlined = outline(config, inputs) if outlined is None else outlined
    if any(problem.severity == "error" for problem in outlined.problems):
        raise ConfigInvalid("the plan", outlined.problems)
    made = make(outlined.schedule, outlined.lanes, dataset, [config.server.model_name or ""])
    specs = Specs(config, inputs, outlined)
    upload_bytes = sum(map(len, made.texts.values()))
    upload_bytes += sum(len(part.body) + len(specs.encode(part, _NO_HASH)) for part in made.parts)
    plan = _plan(config, inputs, outlined, dataset, made, upload_bytes)
    dear = tuple(budget.check_cost(config, plan.cost.usd))
    if dear:
        raise ConfigInvalid("the plan", (*dear, *outlined.problems))
    body = codec.encode(plan)
    plan_hash = codec.digest(body)
    files = [ShardFiles(part.shard, specs.encode(part, plan_hash), part.body) for part in made.parts]
    return Built(plan, body, plan_hash, inputs.config_redacted, files, made.texts, upload_bytes, outlined)


def _plan(
    config: Config, inputs: PlanInputs, outlined: Outline, dataset: Dataset, made: Workload, upload_bytes: int
) -> Plan:
    return Plan(
        run_id=inputs.run_id,
        provider=inputs.provider,
        created_unix_ns=inputs.now_unix_ns,
        benchctl_version=inputs.benchctl_version,
        code_version=inputs.code_version,
        seed=inputs.seed,
        load=config.load.model_dump(mode="json", by_alias=True, exclude_none=True),
        target=described(config, inputs.target_root, inputs.models),
        stages=outlined.stages,
        phases=outlined.phases,
        shards=tuple(
            ShardPlan(
                shard=part.shard,
                requests=None if part.phase.kind == "closed_time" else part.share.rows,
                rows=part.share.rows,
                workload_sha256=part.sha256,
                workload_bytes=len(part.body),
            )
            for part in made.parts
        ),
        requests=outlined.requests,
        workload_hash=made.workload_hash,
        coordination=outlined.coordination,
        report=report_settings(config),
        cost=_cost(config, inputs, outlined, upload_bytes, made),
        data=data_facts(config, dataset) | session_facts(dataset.notes, made.sessions),
        findings=inputs.findings,
        max_concurrency=config.load.max_concurrency,
        regions=inputs.platform.regions,
    )


def _cost(config: Config, inputs: PlanInputs, outlined: Outline, upload_bytes: int, made: Workload) -> Cost:
    load = Load(outlined.schedule.phases, outlined.coordination, made.volume, upload_bytes)
    if inputs.provider == "gcp":
        usd, note = None, "the cost on gcp is not estimated yet"
    else:
        found = bill(load, inputs.provider, inputs.platform, config.budget.token_prices or TokenPrices())
        usd, note = found.total, words(found, inputs.provider)
    return Cost(usd, note, upload_bytes=upload_bytes, control_requests=outlined.control_requests)


def data_facts(config: Config, dataset: Dataset) -> dict[str, Any]:
    """What plan.json and the report say of the data."""
    return {
        "type": config.data.type,
        "usable": dataset.usable,
        "skipped": [{"reason": reason, "count": count} for reason, count in dataset.skipped],
        "notes": list(dataset.notes),
    }
