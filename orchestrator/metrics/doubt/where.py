"""Where a finding was seen: which lane, which slice, from when to when. And quantiles lane by lane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.metrics.finding import Scope
from orchestrator.metrics.requests import NEVER, Bool, Int32, Int64, Requests
from orchestrator.metrics.stage_view import StageView

MOSTLY = 0.9  # of the rows concerned: then they are that lane's
NAMED = 20  # lanes listed in numbers


def scope_of(view: StageView, rows: Bool | Int64) -> Scope:
    """The stage, the lane and slice if nearly all of `rows` lie in one, and the time they were due."""
    requests = view.requests
    due = requests.scheduled_ns[rows]
    due = due[due != NEVER]
    return Scope(
        stage=view.index,
        lane=_mostly(requests.lane[rows], requests.lane),
        slice=_mostly(requests.slice[rows], requests.slice),
        from_s=float(due.min()) / 1e9 if due.size else None,
        to_s=float(due.max()) / 1e9 if due.size else None,
    )


def _mostly(some: Int32, all_: Int32) -> int | None:
    """The one number that nearly all of `some` are; None too where there is only one to begin with."""
    if not some.size or (all_ == all_[0]).all():
        return None
    numbers, counts = np.unique(some, return_counts=True)
    most = int(counts.argmax())
    return int(numbers[most]) if counts[most] >= MOSTLY * some.size else None


@dataclass(frozen=True, slots=True)
class ByLane:
    """`lanes[i]` has `counts[i]` values, `values[i]` at the quantile asked for."""

    lanes: Int32
    counts: Int64
    values: NDArray[np.float64]


def quantile_by_lane(lane: Int32, values: Int64, share: float) -> ByLane:
    """Linear quantiles of each lane's values. Lanes are sorted as small integers, which numpy does by radix."""
    order = np.argsort(lane.astype(np.uint16) if lane.max(initial=0) < 1 << 16 else lane, kind="stable")
    lanes, first, counts = np.unique(lane[order], return_index=True, return_counts=True)
    found = [np.quantile(own, share) for own in np.split(values[order], first[1:])] if lanes.size else []
    return ByLane(lanes, counts, np.array(found, np.float64))


def lanes_beyond(lane: Int32, values: Int64, share: float, limit: float) -> ByLane:
    """Only the lanes whose quantile lies beyond `limit`: it takes more than 1 - share of a lane's values beyond it."""
    over = values > limit
    if not over.any():
        return ByLane(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0))
    size = int(lane.max()) + 1
    total, beyond = np.bincount(lane, minlength=size), np.bincount(lane[over], minlength=size)
    near = np.flatnonzero(beyond >= (1 - share) * (total - 1))
    some = np.isin(lane, near[beyond[near] > 0])
    found = quantile_by_lane(lane[some], values[some], share)
    bad = found.values > limit
    return ByLane(found.lanes[bad], found.counts[bad], found.values[bad])


def lanes_of(requests: Requests) -> int:
    return int(np.unique(requests.lane).size)
