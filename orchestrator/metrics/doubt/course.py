"""How the run itself went: shard_missing, part_damaged, run_aborted; as information interference, seam, cap_reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from orchestrator.metrics.doubt.where import NAMED
from orchestrator.metrics.facts import RunFacts, ShardFacts
from orchestrator.metrics.finding import Finding, Scope
from orchestrator.metrics.requests import MISSED, NEVER
from orchestrator.metrics.stage_view import StageView
from orchestrator.metrics.thresholds import CAP_WAIT_S, INTERFERENCE_S, LATE_TAIL, SEAM_S


def course(facts: RunFacts, planned: dict[str, int], views: Sequence[StageView]) -> Iterator[Finding]:
    """`planned`: requests by shard; a shard without any cannot be missed."""
    yield from _missing(facts, planned)
    yield from _damaged(facts)
    yield from _aborted(facts, views)
    yield from _interference(facts, views)
    yield from _seams(facts, views)
    yield from (finding for view in views for finding in _cap(view))


def _missing(facts: RunFacts, planned: dict[str, int]) -> Iterator[Finding]:
    gone = [
        shard
        for shard in facts.shards
        if shard.state == "missing" and not shard.excused and planned.get(shard.shard, 0)
    ]
    if not gone:
        return
    ungranted = sum(shard.attempt is None for shard in gone)
    yield Finding(
        "shard_missing",
        "invalid",
        f"{len(gone)} of {len(facts.shards)} shards left nothing behind ({_names(gone)})"
        + (f"; {ungranted} of them were never ready in time" if ungranted else "")
        + _why(facts, gone),
        "Part of the load was never there. Look at how its invocation ended (benchctl logs RUN, orchestrator.json).",
        {"value": len(gone), "threshold": 0, "shards": [shard.shard for shard in gone[:NAMED]]},
        _scope(gone),
    )


def _why(facts: RunFacts, gone: Sequence[ShardFacts]) -> str:
    """The first last words among them."""
    words = next((said for shard in gone if (said := facts.last_words(shard))), None)
    return f"; the last that was heard: {words}" if words else ""


def _damaged(facts: RunFacts) -> Iterator[Finding]:
    hurt = [shard for shard in facts.shards if shard.damaged]
    keys = [*facts.damaged, *(key for shard in hurt for key in shard.damaged)]
    noun = "object is" if len(keys) == 1 else "objects are"
    if keys:
        yield Finding(
            "part_damaged",
            "invalid",
            f"{len(keys)} stored {noun} not what was written, or cannot be read: {', '.join(keys[:3])}"
            + (f" and {len(keys) - 3} more" if len(keys) > 3 else ""),
            "What only they told counts as lost. Somebody changed the run's folder, or its storage is failing.",
            {"value": len(keys), "threshold": 0, "parts": keys[:NAMED]},
            _scope(hurt),
        )


def _aborted(facts: RunFacts, views: Sequence[StageView]) -> Iterator[Finding]:
    stopped = sum(view.ledger.aborted + int(view.excused.sum()) for view in views)
    if not facts.aborted and not stopped:
        return
    complete = sum(view.complete for view in views)
    at = "" if facts.stopped_ns is None else f" at {facts.stopped_ns / 1e9:.1f} s"
    why = facts.reason if facts.aborted and facts.reason else "a worker's lease lapsed"
    yield Finding(
        "run_aborted",
        "degraded" if complete else "invalid",
        f"the run was stopped{at} ({why}): {stopped:,} planned requests were cancelled or not sent, {complete} of "
        f"{len(views)} stages are complete",
        "Use the complete stages only." if complete else "No stage is complete: run again.",
        {"value": stopped, "threshold": 0, "stages_complete": complete, "stages": len(views)},
        Scope(from_s=None if facts.stopped_ns is None else facts.stopped_ns / 1e9),
    )


def _interference(facts: RunFacts, views: Sequence[StageView]) -> Iterator[Finding]:
    if facts.observed is None or facts.t0_unix_ns is None:
        return
    ends = [int(view.requests.end_ns.max()) for view in views if len(view.requests)]
    last = max([end for end in ends if end != NEVER], default=0)
    since = [(at - facts.t0_unix_ns, over) for at, over in facts.observed.interference]
    seen = [(at, over) for at, over in since if at >= 0 and at - over <= last and over > INTERFERENCE_S * 1e9]
    if seen:
        at, over = max(seen, key=lambda entry: entry[1])
        yield Finding(
            "interference",
            "info",
            f"a sleep of 1 ms beside the run took {over / 1e6:.0f} ms too long at {at / 1e9:.1f} s ({len(seen)} such "
            "times): the machine was busy with something else",
            "Lateness around that time is the machine's doing, not the run's. Run it on a quieter one.",
            {"value": over / 1e9, "threshold": INTERFERENCE_S, "times": len(seen)},
            Scope(from_s=min(at for at, _ in seen) / 1e9, to_s=max(at for at, _ in seen) / 1e9),
        )


def _seams(facts: RunFacts, views: Sequence[StageView]) -> Iterator[Finding]:
    for phase in facts.plan.phases:
        seams = [facts.phase_ns[phase.index] + cut.start_ns for cut in phase.slices[1:]]
        mine = [view for view in views if view.plan.phase == phase.index]
        if not seams or not mine:
            continue
        if phase.kind == "open":
            yield from (finding for view in mine for finding in _late_seam(view, np.array(seams)))
        else:
            yield Finding(
                "seam",
                "info",
                f"phase {phase.index}: at {len(seams)} seams one invocation's users end while the next one's begin",
                "In flight may differ from the concurrency asked for around a seam; the report marks them.",
                {"value": len(seams), "threshold": 0, "at_s": [seam / 1e9 for seam in seams[:NAMED]]},
                Scope(stage=mine[0].index if len(mine) == 1 else None),
            )


def _late_seam(view: StageView, seams: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Iterator[Finding]:
    """Sends just after a seam that are later than any elsewhere, and too late for the stage."""
    requests = view.requests
    due, late = requests.scheduled_ns[requests.sent], view.lateness_ns
    place = np.searchsorted(seams, due, side="right")
    near = (place > 0) & (due - seams[np.maximum(place, 1) - 1] < SEAM_S * 1e9)
    if view.p99_s is None or not near.any():
        return
    worst, elsewhere = float(late[near].max()) / 1e9, float(late[~near].max(initial=0)) / 1e9
    limit = LATE_TAIL.limit_s(view.p99_s)
    if worst > max(limit, elsewhere):
        at_s = float(due[near][late[near].argmax()]) / 1e9
        yield Finding(
            "seam",
            "info",
            f"stage {view.index}: the latest send, {worst * 1e3:.3g} ms late, came within {SEAM_S:g} s after a seam",
            "The next slice was not quite ready: a longer fanout.lead gives it time.",
            {"value": worst, "threshold": limit, "elsewhere": elsewhere},
            Scope(stage=view.index, from_s=at_s, to_s=at_s),
        )


def _cap(view: StageView) -> Iterator[Finding]:
    requests = view.requests
    waited = requests.eligible_ns - requests.scheduled_ns
    waited = waited[(requests.eligible_ns != NEVER) & (requests.scheduled_ns != NEVER) & (waited > CAP_WAIT_S * 1e9)]
    cut = int((requests.error_kind.is_word("cap_at_seam") & (requests.status == MISSED)).sum())
    if waited.size or cut:
        yield Finding(
            "cap_reached",
            "info",
            f"stage {view.index}: {waited.size:,} of {len(requests):,} requests waited for load.max_concurrency"
            + (f", {waited.max() / 1e9:.3g} s at most" if waited.size else "")
            + (f"; {cut:,} found it full at a seam and were not sent" if cut else ""),
            "The load was no longer an open loop. The wait is in the latency from scheduled, not in the one from sent.",
            {
                "value": (int(waited.size) + cut) / len(requests),
                "threshold": 0.0,
                "waited": int(waited.size),
                "longest_s": float(waited.max()) / 1e9 if waited.size else 0.0,
                "cap_at_seam": cut,
            },
            Scope(stage=view.index),
        )


def _names(shards: Sequence[ShardFacts]) -> str:
    return ", ".join(shard.shard for shard in shards[:3]) + (", ..." if len(shards) > 3 else "")


def _scope(shards: Sequence[ShardFacts]) -> Scope:
    lanes, slices = {shard.name.lane for shard in shards}, {shard.name.slice for shard in shards}
    return Scope(
        lane=lanes.pop() if len(lanes) == 1 else None,
        slice=slices.pop() if len(slices) == 1 else None,
    )
