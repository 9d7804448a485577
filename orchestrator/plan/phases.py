"""Stages to phases and slices: which times are known beforehand, and which request numbers belong where.

An open loop is one phase whose arrivals are all computed here. Every closed-loop stage is a phase of its own: its users
are its own, and its end is not known (by count) or its count is not (by time). Knows nothing of lanes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from function.contract.plan import PhaseKind, PhasePlan, SlicePlan, StagePlan
from orchestrator.config.load import Load, Stage
from orchestrator.plan.arrivals import Spacing, arrivals_ns
from orchestrator.plan.exact import fraction, whole_ns
from orchestrator.plan.shapes import Shape, shape_of

Int64 = NDArray[np.int64]

PREPARED_PER_USER_S = 20  # rows made for a closed loop by time: answers of 50 ms and more never use a row twice
PREPARED_MOST = 200_000
INDICES_PER_ROW = 1000  # of a slice's block of request numbers; what is past the rows is for rows used again

SPACING: dict[str, Spacing] = {"constant": "uniform", "poisson": "poisson", "gamma": "gamma"}


@dataclass(frozen=True, slots=True)
class Phase:
    """Row r of slice s has request_index first_ks[s] + r, and the rows of all slices follow each other.

    `scheduled_ns`: per row, ascending, since the phase's t0; None in a closed loop. `stage_rows`: at which row each of
    `stages` begins. `slice_rows`: rows of each slice. `block`: request numbers that a slice of a closed loop by time
    owns; everywhere else numbers are as contiguous as rows.
    """

    index: int
    kind: PhaseKind
    stages: tuple[int, ...]
    slices: tuple[SlicePlan, ...]
    pause_before_s: float
    first_ks: tuple[int, ...]
    rows: int
    slice_rows: tuple[int, ...]
    stage_rows: tuple[int, ...]
    scheduled_ns: Int64 | None = None
    users: int | None = None
    block: int | None = None

    @property
    def past_k(self) -> int:
        """The first number after the phase's own."""
        return self.first_ks[-1] + (self.slice_rows[-1] if self.block is None else self.block)

    def plan(self) -> PhasePlan:
        return PhasePlan(self.index, self.kind, self.stages, self.slices, self.pause_before_s)


@dataclass(frozen=True, slots=True)
class Schedule:
    stages: tuple[StagePlan, ...]
    phases: tuple[Phase, ...]

    @property
    def requests(self) -> int | None:
        """Planned arrivals; None where time ends a closed loop."""
        counts = [stage.requests for stage in self.stages]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    @property
    def rows(self) -> int:
        return sum(phase.rows for phase in self.phases)


def schedule(load: Load, seed: int, slice_s: float | None) -> Schedule:
    """`slice_s` None: each phase is one slice. The same seed gives the same arrivals, whatever the slices."""
    if load.type != "concurrent":
        stages, phase = _open(load, seed, slice_s)
        return Schedule(stages, (phase,))
    plans, phases = [], []
    first_k = 0
    for index, stage in enumerate(load.stages):
        phase = _closed(stage, index, first_k, load.interval if index else 0.0, slice_s)
        first_k = phase.past_k
        phases.append(phase)
        plans.append(_closed_plan(stage, index, load.type))
    return Schedule(tuple(plans), tuple(phases))


def _open(load: Load, seed: int, slice_s: float | None) -> tuple[tuple[StagePlan, ...], Phase]:
    spacing = SPACING[load.type]
    plans, times, starts = [], [], [0]
    start = Fraction(0)
    for index, stage in enumerate(load.stages):
        shape = shape_of(stage)
        due_ns = arrivals_ns(shape, spacing, load.burstiness, seed, index)
        due_ns += whole_ns(start)
        times.append(due_ns)
        plans.append(_open_plan(load, index, shape, float(start), due_ns.size))
        starts.append(starts[-1] + due_ns.size)
        end = start + shape.duration_s
        start = end + fraction(load.interval)
    scheduled_ns = times[0] if len(times) == 1 else np.concatenate(times)
    slices = tuple(_slices(whole_ns(end), slice_s))
    edges = np.searchsorted(scheduled_ns, [cut.start_ns for cut in slices[1:]], side="left")
    first_ks = np.concatenate(([0], edges))
    rows = np.diff(first_ks, append=scheduled_ns.size)
    phase = Phase(
        index=0,
        kind="open",
        stages=tuple(range(len(plans))),
        slices=slices,
        pause_before_s=0.0,
        first_ks=tuple(first_ks.tolist()),
        rows=scheduled_ns.size,
        slice_rows=tuple(rows.tolist()),
        stage_rows=tuple(starts[:-1]),
        scheduled_ns=scheduled_ns,
    )
    return tuple(plans), phase


def _open_plan(load: Load, index: int, shape: Shape, start_s: float, requests: int) -> StagePlan:
    return StagePlan(
        index=index,
        phase=0,
        type=load.type,
        label=shape.label,
        start_s=start_s,
        duration_s=float(shape.duration_s),
        requests=requests,
        rate=float(shape.total / shape.duration_s),
        warmup=load.stages[index].warmup,
    )


def _slices(length_ns: int, slice_s: float | None) -> Iterator[SlicePlan]:
    width_ns = length_ns if slice_s is None else max(1, whole_ns(fraction(slice_s)))
    for index, start_ns in enumerate(range(0, length_ns, width_ns)):
        yield SlicePlan(index, start_ns, min(start_ns + width_ns, length_ns))


def _closed(stage: Stage, index: int, first_k: int, pause_s: float, slice_s: float | None) -> Phase:
    users = stage.concurrency_level
    assert users is not None
    block = None
    slices: tuple[SlicePlan, ...]
    slice_rows: tuple[int, ...]
    if stage.num_requests is not None:
        kind: PhaseKind = "closed_count"
        slices = (SlicePlan(0, 0, None),)
        slice_rows = (stage.num_requests,)
    else:
        assert stage.duration is not None
        kind = "closed_time"
        slices = tuple(_slices(whole_ns(fraction(stage.duration)), slice_s))
        longest_s = max((cut.end_ns or 0) - cut.start_ns for cut in slices) / 1e9
        rows = prepared(users, longest_s)
        slice_rows = (rows,) * len(slices)
        block = rows * INDICES_PER_ROW
    return Phase(
        index=index,
        kind=kind,
        stages=(index,),
        slices=slices,
        pause_before_s=pause_s,
        first_ks=tuple(first_k + cut.index * (block or 0) for cut in slices),
        rows=sum(slice_rows),
        slice_rows=slice_rows,
        stage_rows=(0,),
        users=users,
        block=block,
    )


def prepared(users: int, slice_s: float) -> int:
    """Rows of a slice of a closed loop by time; every user has one at least."""
    return max(users, min(PREPARED_MOST, round(users * PREPARED_PER_USER_S * slice_s)))


def _closed_plan(stage: Stage, index: int, type_: str) -> StagePlan:
    users = stage.concurrency_level
    return StagePlan(
        index=index,
        phase=index,
        type=type_,
        label=f"{users} user{'' if users == 1 else 's'}",
        start_s=0.0,
        duration_s=stage.duration,
        requests=stage.num_requests,
        rate=None,
        concurrency=users,
        warmup=stage.warmup,
    )
