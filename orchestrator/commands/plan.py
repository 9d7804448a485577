"""`benchctl plan CONFIG`: what `launch` would do, made by the functions that `launch` uses. Sends and stores nothing.

The whole workload is made, as for a launch, and thrown away: so counts, sizes and hashes are the real ones. Without the
tokenizer at hand these stay open, and a note says so; the hub is never asked from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from function.contract.errors import UsageError
from function.contract.plan import StagePlan
from orchestrator.config.root import Config
from orchestrator.datasets.opening import open_dataset
from orchestrator.datasets.port import Dataset
from orchestrator.datasets.tokens import Tokenizer, open_tokenizer, tokenizer_name
from orchestrator.launch.consent import usd_words
from orchestrator.launch.making import Sketch, sketch
from orchestrator.launch.prepare import Asked, prepare
from orchestrator.outcome import Outcome
from orchestrator.plan.build import Built, Outline, build, data_facts
from orchestrator.providers.opening import check_provider_built


@dataclass(frozen=True, slots=True)
class Material:
    """`dataset` None: prompts cannot be made without the tokenizer. `built` None: nor can anything be weighed."""

    dataset: Dataset | None
    built: Built | None
    notes: tuple[str, ...]


def run(asked: Asked) -> Outcome:
    """Raises ConfigInvalid with all problems, UsageError for data that cannot be used."""
    check_provider_built(asked.provider)
    prepared = prepare(asked, provisioned=False)
    sketched = sketch(prepared)
    material = _material(sketched)
    quota, unasked = _quota(sketched)
    notes = (*sketched.outline.notes, *material.notes, *_told(material), *unasked)
    if material.built is not None and material.built.plan.cost.note:
        notes += (f"cost: {material.built.plan.cost.note}",)
    result = _result(sketched, material, quota) | {"notes": list(notes)}
    return Outcome("plan", result=result, human=_human(sketched.outline, result), problems=sketched.problems)


def _material(sketched: Sketch) -> Material:
    config, outline, seed = sketched.loaded.config, sketched.outline, sketched.inputs.seed
    name = tokenizer_name(config)
    tokenizer, missing = _at_hand(name)
    if missing and config.data.type == "random":
        return Material(None, None, (missing,))
    dataset = open_dataset(config, seed, outline.past_k, tokenizer)
    if missing:
        return Material(dataset, None, (missing,))
    return Material(dataset, build(config, sketched.inputs, dataset, outline), ())


def _quota(sketched: Sketch) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """A cloud's quotas against the peak, or why they are not known."""
    prepared = sketched.prepared
    if prepared.asked.provider == "local":
        return None, ()
    if prepared.cloud is None:
        provision = f"benchctl infra up --provider {prepared.asked.provider}"
        return None, (f"nothing is provisioned yet: the defaults of {provision} are assumed",)
    from orchestrator.launch.cloud_preflight import quotas

    return quotas(sketched, prepared.cloud)


def _at_hand(name: str | None) -> tuple[Tokenizer | None, str]:
    """The tokenizer from this machine, or why there is none where one is named."""
    if name is None:
        return None, ""
    try:
        return open_tokenizer(name, network=False), ""
    except UsageError as error:
        return None, f"{error.message}: workload_hash, upload_bytes and cost_usd are known at launch"


def _result(sketched: Sketch, material: Material, quota: dict[str, Any] | None) -> dict[str, Any]:
    outline, built = sketched.outline, material.built
    return {
        "run_id": sketched.inputs.run_id,
        "provider": sketched.inputs.provider,
        "seed": sketched.inputs.seed,
        "requests": outline.requests,
        "lanes": outline.lanes,
        "slices": outline.slices,
        "shards": outline.shards,
        "workload_hash": None if built is None else built.plan.workload_hash,
        "data": _data(sketched.loaded.config, material),
        "peak_concurrency": outline.peak_concurrency,
        "quota": quota,
        "upload_bytes": None if built is None else built.upload_bytes,
        "control_requests": outline.control_requests,
        "cost_usd": None if built is None else built.plan.cost.usd,
        "stages": [_stage(stage) for stage in outline.stages],
    }


def _told(material: Material) -> list[str]:
    """What there is to know of the data."""
    if material.built is not None:
        return list(material.built.plan.data["notes"])
    return [] if material.dataset is None else list(material.dataset.notes)


def _data(config: Config, material: Material) -> dict[str, Any]:
    """With `sessions` where conversations are played turn by turn: how many, where that can be counted."""
    if material.dataset is None:
        return {"usable": None, "skipped": []}
    facts = data_facts(config, material.dataset)
    found = {"usable": facts["usable"], "skipped": facts["skipped"]}
    if not config.data.enable_multi_turn_chat:
        return found
    return found | {"sessions": None if material.built is None else material.built.plan.data["sessions"]}


def _stage(stage: StagePlan) -> dict[str, Any]:
    """`start_s` None: it begins when the stage before has ended, whenever that is."""
    return {
        "index": stage.index,
        "type": stage.type,
        "requests": stage.requests,
        "start_s": stage.start_s if stage.phase == 0 else None,
        "duration_s": stage.duration_s,
    }


def _human(outline: Outline, result: dict[str, Any]) -> Any:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    stages = Table("stage", "load", "requests", "start", "duration", box=None, pad_edge=False)
    for stage, shown in zip(outline.stages, result["stages"]):
        warmup = " (warmup)" if stage.warmup else ""
        start, duration = _seconds(shown["start_s"], "after the last"), _seconds(shown["duration_s"], "by count")
        stages.add_row(str(stage.index), f"{stage.type} {stage.label}{warmup}", _count(stage.requests), start, duration)
    return Group(stages, "", *map(Text, _lines(outline, result)), *(Text(f"note: {note}") for note in result["notes"]))


def _lines(outline: Outline, result: dict[str, Any]) -> list[str]:
    terms, data = outline.coordination, result["data"]
    skipped = ", ".join(f"{item['count']} {item['reason']}" for item in data["skipped"])
    upload = result["upload_bytes"]
    spread = f"{_of(outline.lanes, 'lane')} x {_of(outline.slices, 'slice')} = {_of(outline.shards, 'shard')}"
    lines = [
        f"requests   {_count(outline.requests)}, seed {result['seed']}",
        f"spread     {spread}, at most {outline.peak_concurrency} alive at once",
        f"timing     lead {terms.lead_s:g}s, start delay {terms.start_delay_s:g}s, lease {terms.lease_s:g}s,"
        f" drain {terms.drain_s:g}s, poll {terms.poll_s:g}s, flush {terms.flush_s:g}s",
        f"storage    {'?' if upload is None else f'{upload / 1e6:.2f} MB'} up,"
        f" about {outline.control_requests:,} requests of control traffic",
        f"workload   {result['workload_hash'] or '?'}",
    ]
    lines += [_quota_line(region) for region in (result["quota"] or {}).get("regions", ())]
    if data["usable"] is not None:
        lines.append(f"data       {data['usable']} usable" + (f", skipped: {skipped}" if skipped else ""))
    if data.get("sessions") is not None:
        lines.append(f"sessions   {data['sessions']:,}, a request is a turn")
    if result["cost_usd"] is not None:
        lines.append(f"cost       {usd_words(result['cost_usd'])}")
    return lines


def _quota_line(region: dict[str, Any]) -> str:
    have = region["unreserved"] if region["reserved"] is None else region["reserved"]
    fit = "" if region["needed"] <= have else f": {region['lanes_that_fit']:,} lanes fit"
    return f"quota      {region['needed']:,} of {have:,} functions at once in {region['region']}{fit}"


def _of(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _count(requests: int | None) -> str:
    return "as many as fit" if requests is None else f"{requests:,}"


def _seconds(value: float | None, unknown: str) -> str:
    return unknown if value is None else f"{value:g}s"
