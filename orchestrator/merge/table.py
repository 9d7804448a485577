"""One table of all planned requests, built from the plan's workload parts and what workers recorded.

    recorded                      the row as it is
    in flight at the last flush   lost, with the time it was sent
    its shard was never granted   missed: not_granted
    due after its shard's stop    aborted (user, breaker, lease) or missed (no_time_left)
    else                          lost: no_record

Two rows that claim one request, and rows of requests that are not the shard's, contradict the plan: the last one of two
counts, a foreign one does not, and the part is reported as damaged. So is a workload part that is not the plan's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from function.contract import keys
from function.contract.errors import ContractError
from function.contract.keys import group_id, parse_shard
from function.contract.plan import PhaseKind
from function.contract.receipt import Part
from function.contract.record import STATUSES
from function.contract.spec import ShardSpec
from function.store.port import ObjectStore
from orchestrator.merge.columns import Columns, CountTokens
from orchestrator.merge.parts import Damaged, InFlight, PartTable, times
from orchestrator.merge.planned import NO_REQUESTS, Planned, read_planned, read_spec, without_part
from orchestrator.merge.reading import Read, read_ahead
from orchestrator.merge.stop import stop_of
from orchestrator.merge.stored import AT_ONCE, Standing, StoredRun
from orchestrator.merge.turns import begun, untold
from orchestrator.metrics.facts import ShardFacts, State
from orchestrator.metrics.requests import LOST, MISSED, NEVER, UNKNOWN, Int64, Requests

_NOTHING = np.empty(0, np.int64)


@dataclass(slots=True)
class _Shard:
    """A shard while its rows are being placed. `own`: where its requests lie in the table, in sending order."""

    code: int
    kind: PhaseKind
    standing: Standing
    planned: Planned
    own: Int64 = field(default_factory=lambda: np.empty(0, np.int64))
    damaged: list[str] = field(default_factory=list)
    flights: list[InFlight] = field(default_factory=list)

    @property
    def parts(self) -> tuple[Part, ...]:
        return () if self.standing.receipt is None else self.standing.receipt.parts


@dataclass(frozen=True, slots=True)
class Built:
    requests: Requests
    shards: tuple[ShardFacts, ...]


def build_table(
    store: ObjectStore, run: StoredRun, phase_ns: Sequence[int], counter: Callable[[], CountTokens | None]
) -> Built:
    """`phase_ns[i]`: t0 of phase i since the run's. `counter` is asked once, and only where an answer came uncounted.

    Every granted shard has its receipt (`seal`) by now.

    Raises ContractError when neither workload part nor spec of a shard can be read.
    """
    shards = _shards(store, run, phase_ns)
    reads = _started(store, run, shards)
    index = _place([shard.planned.index for shard in shards])
    columns = Columns(index.ordered, counter)
    models = _models(store, run)
    for shard, own in zip(shards, index.places):
        shard.own = own
        _plan(columns, shard, models)
        shard.planned = NO_REQUESTS  # it is in the columns now
    wanted = [(shard.code, part) for shard in shards if shard.kind != "closed_time" for part in shard.parts]
    for read in chain(reads, read_ahead(store, wanted)):
        _record(columns, shards[read.shard], read)
    columns.flush()
    for shard in shards:
        _land(columns, shard)
        _settle_rest(columns, shard)
    facts = tuple(_facts(run, shard, columns) for shard in shards)
    return Built(columns.finish(tuple(plan.shard for plan in run.plan.shards)), facts)


def _shards(store: ObjectStore, run: StoredRun, phase_ns: Sequence[int]) -> list[_Shard]:
    kinds = {phase.index: phase.kind for phase in run.plan.phases}
    phases = [parse_shard(plan.shard).phase for plan in run.plan.shards]

    def read(place: int) -> _Shard:
        plan, phase, standing = run.plan.shards[place], phases[place], run.standings[place]
        damaged = [keys.receipt(plan.shard)] if standing.receipt_damaged else []
        try:
            planned = read_planned(store, plan, kinds[phase], phase_ns[phase])
        except Damaged:
            planned = without_part(store, run.plan, plan, phase_ns[phase])
            damaged.append(keys.workload(plan.shard))
        return _Shard(place, kinds[phase], standing, planned, damaged=damaged)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(read, range(len(phases))))
    _tell_sessions_apart(store, run, found)
    return found


def _tell_sessions_apart(store: ObjectStore, run: StoredRun, shards: Sequence[_Shard]) -> None:
    """Numbers follow from the spec, but for sessions: there a damaged part's are what the slice's others leave."""
    damaged: dict[str, list[tuple[_Shard, ShardSpec]]] = {}
    for shard in shards:
        name = shard.standing.shard
        spec = read_spec(store, name) if keys.workload(name) in shard.damaged else None
        if spec is not None and spec.history is not None:
            damaged.setdefault(group_id(spec.phase, spec.slice), []).append((shard, spec))
    for group, hurt in damaged.items():
        members = [one for one in shards if group_id(*_slice_of(one.standing.shard)) == group]
        total = sum(len(one.planned) for one in members)
        first = hurt[0][1].next_index - hurt[0][1].index_stride - hurt[0][1].lane - total
        others = [one.planned.index for one in members if all(one is not shard for shard, _ in hurt)]
        own = np.setdiff1d(np.arange(first, first + total), np.concatenate([_NOTHING, *others]))
        seen = [_seen(store, shard) for shard, _ in hurt]
        for (shard, _), index in zip(hurt, untold(own, [len(shard.planned) for shard, _ in hurt], seen)):
            shard.planned = replace(shard.planned, index=index)


def _slice_of(shard: str) -> tuple[int, int]:
    name = parse_shard(shard)
    return name.phase, name.slice


def _seen(store: ObjectStore, shard: _Shard) -> Int64:
    """Numbers of what is recorded of a shard."""
    found = [_NOTHING]
    for read in read_ahead(store, [(shard.code, part) for part in shard.parts]):
        if isinstance(read.table, PartTable):
            found += [times(read.table.rows, "request_index"), read.table.in_flight.request_index]
    return np.concatenate(found)


def _started(store: ObjectStore, run: StoredRun, shards: Sequence[_Shard]) -> list[Read]:
    """Cuts closed loops by time to what their users started. Their parts say how much, so they are read first."""
    timed = [shard for shard in shards if shard.kind == "closed_time" and len(shard.planned)]
    reads = list(read_ahead(store, [(shard.code, part) for shard in timed for part in shard.parts]))
    seen: dict[int, list[Int64]] = {}
    for read in reads:
        if isinstance(read.table, PartTable):
            indices = seen.setdefault(read.shard, [])
            indices += [times(read.table.rows, "request_index"), read.table.in_flight.request_index]
    for shard in timed:
        spec = read_spec(store, shard.standing.shard)
        stride = spec.index_stride if spec is not None else run.plan.coordination.lanes
        reach = shard.standing.receipt.rows if shard.standing.receipt is not None else 0
        if spec is not None and spec.history is not None:
            own = np.concatenate([_NOTHING, *seen.get(shard.code, ())])
            shard.planned = begun(shard.planned, spec, own, reach)
            continue
        for index in seen.get(shard.code, ()):
            reach = max(reach, int(shard.planned.place(index, stride).max(initial=-1)) + 1)
        shard.planned = shard.planned.started(reach, stride)
    return reads


@dataclass(frozen=True, slots=True)
class _Index:
    """All request numbers in order, and where each shard's lie among them."""

    ordered: Int64
    places: list[Int64]


def _place(indices: Sequence[Int64]) -> _Index:
    everything = np.concatenate(indices) if indices else np.empty(0, np.int64)
    ends = np.cumsum([len(index) for index in indices])
    first, last = (int(everything.min()), int(everything.max())) if everything.size else (0, -1)
    if last - first + 1 == everything.size:  # the usual case: 0 .. n - 1, and no sort
        rank, ordered = everything - first, np.arange(first, last + 1)
        twice = np.bincount(rank, minlength=everything.size).max(initial=1) > 1
    else:
        order = np.argsort(everything, kind="stable")
        ordered = everything[order]
        rank = np.empty(order.size, np.int64)
        rank[order] = np.arange(order.size)
        twice = bool((ordered[1:] == ordered[:-1]).any())
    if twice:
        raise ContractError("two shards of the plan own the same request")
    return _Index(ordered, np.split(rank, ends[:-1]) if indices else [])


def _plan(columns: Columns, shard: _Shard, models: Sequence[str]) -> None:
    planned, own = shard.planned, shard.own
    columns.shard[own] = shard.code
    columns.stage[own] = planned.stage
    columns.times["scheduled_ns"][own] = planned.scheduled_ns
    columns.planned_tokens[own] = planned.prompt_tokens
    columns.counts["asked_tokens"][own] = planned.asked_tokens
    columns.words["session"][own] = columns.lexicons["session"].codes(planned.session, planned.session_words)
    known = np.where(planned.model < len(models), planned.model, UNKNOWN)
    columns.words["model"][own] = columns.lexicons["model"].codes(known, models)


def _record(columns: Columns, shard: _Shard, read: Read) -> None:
    """Add a part's rows, or note that it is damaged."""
    if isinstance(read.table, Damaged):
        shard.damaged.append(read.part.key)
        return
    shard.flights.append(read.table.in_flight)
    places = columns.places(shard.code, times(read.table.rows, "request_index"))
    own = places[places >= 0]
    twice = columns.claims_twice(own)
    if twice:
        columns.forget(own)
    if twice or own.size < places.size:
        shard.damaged.append(read.part.key)
    columns.add(places, read.table)


def _land(columns: Columns, shard: _Shard) -> None:
    """What was in flight at a flush and never got a row."""
    for flight in shard.flights:
        places = columns.places(shard.code, flight.request_index)
        lost = np.flatnonzero(places >= 0)
        lost = lost[~columns.recorded[places[lost]]]
        places = places[lost]
        columns.kind(places, LOST, "no_record")
        columns.times["sent_ns"][places] = flight.sent_ns[lost]
        columns.times["scheduled_ns"][places] = flight.scheduled_ns[lost]


def _settle_rest(columns: Columns, shard: _Shard) -> None:
    """Requests without any trace."""
    own = shard.own
    traceless = ~columns.recorded[own] & (columns.times["sent_ns"][own] == NEVER)
    if shard.standing.attempt is None:
        columns.kind(own[traceless], MISSED, "not_granted")
        return
    columns.kind(own[traceless], LOST, "no_record")
    receipt = shard.standing.receipt
    stop = stop_of(receipt) if receipt is not None else None
    if receipt is None or stop is None:
        return
    if shard.kind == "open":
        unsent = columns.times["scheduled_ns"][own] > stop.at_ns
    elif receipt.reason == "salvaged":
        return  # nothing was due at a time, and nobody counted what was started
    else:
        # What was started and cannot be read is taken to be the first without a trace: users take rows in order.
        unsent = np.cumsum(traceless) > receipt.rows - int((~traceless).sum())
    columns.kind(own[traceless & unsent], STATUSES.index(stop.status), stop.kind)


def _facts(run: StoredRun, shard: _Shard, columns: Columns) -> ShardFacts:
    standing, receipt = shard.standing, shard.standing.receipt
    name = parse_shard(standing.shard)
    ungranted = group_id(name.phase, name.slice) not in run.gos and not standing.go_damaged
    unstarted = receipt is not None and receipt.reason in ("not_allowed", "not_granted")
    trace = shard.damaged or (columns.times["sent_ns"][shard.own] != NEVER).any() or columns.recorded[shard.own].any()
    state: State = "partial"
    if receipt is None or unstarted or (receipt.reason == "salvaged" and not trace):
        state = "missing"
    elif receipt.reason == "complete" and not shard.damaged:
        state = "complete"
    aborted = run.control is not None and run.control.state == "abort"
    damaged = tuple(dict.fromkeys(shard.damaged))
    return ShardFacts(standing.shard, standing.attempt, state, receipt, damaged, aborted and (ungranted or unstarted))


def _models(store: ObjectStore, run: StoredRun) -> Sequence[str]:
    """Names of the models that requests are numbered by: the same in every spec."""
    for shard in run.plan.shards:
        spec = read_spec(store, shard.shard)
        if spec is not None:
            return spec.models
    target: Mapping[str, str] = run.plan.target
    return (target.get("model", ""),)
