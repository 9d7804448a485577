"""Global arrivals to shards: arrival k goes to lane k mod N, and to the slice that its scheduled time falls in.

Arrivals ascend in time, so a slice is a range of k and a shard every N-th of it: a partition is a few integers a shard,
exact, and nothing is copied. Users and caps are shared so that the shares add up. Where requests are turns, a session
goes to one lane as a whole.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Sequence
from heapq import heapreplace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orchestrator.plan.phases import Phase

Int64 = NDArray[np.int64]


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

    @property
    def numbers(self) -> Int64:
        return np.arange(self.first, self.stop, self.step, dtype=np.int64)


class SessionShare(NamedTuple):
    """The same where requests are turns of sessions: rows `within` of the slice, whole sessions in order."""

    lane: int
    slice: int
    slice_row: int
    within: Int64

    @property
    def rows(self) -> int:
        return int(self.within.size)

    @property
    def numbers(self) -> Int64:
        return self.within


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


def by_session(shares: Sequence[Share], session: Int64, users: int) -> list[SessionShare]:
    """A slice's shares cut anew. `session`: the number of each row's session, whose rows follow each other.

    Each session in turn goes to the user who has the fewest turns so far, and so to that user's lane: who has which
    does not depend on the number of lanes, and lanes of long sessions get fewer of them.
    """
    starts = np.flatnonzero(np.diff(session, prepend=-1))
    turns = np.diff(starts, append=session.size)
    lanes = len(shares)
    lane_of = [one.lane for one in shares for _ in range(share(users, one.lane, lanes))]
    fewest = [(0, user) for user in range(users)]
    owner = []
    for count in turns.tolist():
        had, user = fewest[0]
        heapreplace(fewest, (had + count, user))
        owner.append(lane_of[user])
    lane = np.repeat(np.array(owner, dtype=np.int64), turns)
    ordered = np.argsort(lane, kind="stable")
    edges = np.searchsorted(lane[ordered], np.arange(lanes + 1))
    return [
        SessionShare(one.lane, one.slice, one.slice_row, ordered[edges[one.lane] : edges[one.lane + 1]])
        for one in shares
    ]
