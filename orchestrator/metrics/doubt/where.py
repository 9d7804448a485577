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
    """Linear quantiles of each lane's values; all lanes at once, since there may be thousands."""
    order = np.lexsort((values, lane))
    ordered = values[order].astype(np.float64)
    lanes, first, counts = np.unique(lane[order], return_index=True, return_counts=True)
    place = share * (counts - 1)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, counts - 1)
    low, high = ordered[first + below], ordered[first + above]
    return ByLane(lanes, counts, low + (high - low) * (place - below))


def lanes_of(requests: Requests) -> int:
    return int(np.unique(requests.lane).size)
