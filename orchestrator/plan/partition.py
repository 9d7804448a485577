"""Global arrivals to shards: arrival k goes to lane k mod N, and to the slice that its scheduled time falls in.

Arrivals ascend in time, so a slice is a range of k and a shard every N-th of it: a partition is a few integers a shard,
exact, and nothing is copied. Users and caps are shared so that the shares add up.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import NamedTuple

from orchestrator.plan.phases import Phase


class Share(NamedTuple):
    """One shard's part of its slice: rows range(first, stop, step) of the slice, which begins at row `slice_row`."""

    lane: int
    slice: int
    slice_row: int
    first: int
    stop: int
    step: int

    @property
    def rows(self) -> int:
        return len(range(self.first, self.stop, self.step))

    @property
    def within(self) -> builtins.slice:
        """The shard's rows among the slice's."""
        return builtins.slice(self.first, self.stop, self.step)


def share(total: int, lane: int, lanes: int) -> int:
    """Lane's part of `total` users or places; over all lanes they add up to it, and differ by one at most."""
    return total * (lane + 1) // lanes - total * lane // lanes


def lanes_of(phase: Phase, lanes: int) -> int:
    """Fewer users than lanes leave the other lanes out: a lane without a user would never send its part."""
    return lanes if phase.users is None else min(lanes, phase.users)


def partition(phase: Phase, lanes: int) -> Iterator[Share]:
    """Every row of the phase in exactly one share; by slice, then by lane. `lanes` as given by `lanes_of`."""
    slice_row = 0
    for slice_, rows in enumerate(phase.slice_rows):
        first_k = phase.first_ks[slice_]
        for lane in range(lanes):
            first = (lane - first_k) % lanes
            yield Share(lane, slice_, slice_row, first, max(rows, first), lanes)
        slice_row += rows
