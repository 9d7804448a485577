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
    sketched = sketch(prepare(asked))
    material = _material(sketched)
    notes = (*sketched.outline.notes, *material.notes, *(material.dataset.notes if material.dataset else ()))
    result = _result(sketched, material) | {"notes": list(notes)}
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


def _at_hand(name: str | None) -> tuple[Tokenizer | None, str]:
    """The tokenizer from this machine, or why there is none where one is named."""
    if name is None:
        return None, ""
    try:
        return open_tokenizer(name, network=False), ""
    except UsageError as error:
        return None, f"{error.message}: workload_hash, upload_bytes and cost_usd are known at launch"


def _result(sketched: Sketch, material: Material) -> dict[str, Any]:
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
        "data": _data(sketched.loaded.config, material.dataset),
        "peak_concurrency": outline.peak_concurrency,
        "quota": None,
        "upload_bytes": None if built is None else built.upload_bytes,
        "control_requests": outline.control_requests,
        "cost_usd": None if built is None else outline.cost_usd,
        "stages": [_stage(stage) for stage in outline.stages],
    }


def _data(config: Config, dataset: Dataset | None) -> dict[str, Any]:
    if dataset is None:
        return {"usable": None, "skipped": []}
    facts = data_facts(config, dataset)
    return {"usable": facts["usable"], "skipped": facts["skipped"]}


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

    stages = Table("stage", "load", "requests", "start", "duration", box=None, pad_edge=False)
    for stage, shown in zip(outline.stages, result["stages"]):
        warmup = " (warmup)" if stage.warmup else ""
        start, duration = _seconds(shown["start_s"], "after the last"), _seconds(shown["duration_s"], "by count")
        stages.add_row(str(stage.index), f"{stage.type} {stage.label}{warmup}", _count(stage.requests), start, duration)
    return Group(stages, "", *_lines(outline, result), *(f"note: {note}" for note in result["notes"]))


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
    if data["usable"] is not None:
        lines.append(f"data       {data['usable']} usable" + (f", skipped: {skipped}" if skipped else ""))
    if result["cost_usd"] is not None:
        lines.append(f"cost       {result['cost_usd']:.2f} USD, the endpoint's own price not counted")
    return lines


def _of(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _count(requests: int | None) -> str:
    return "as many as fit" if requests is None else f"{requests:,}"


def _seconds(value: float | None, unknown: str) -> str:
    return unknown if value is None else f"{value:g}s"
