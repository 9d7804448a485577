"""Which requests shards of sessions had: what they started by the time they ended, and where their part is damaged.

Sessions are begun in the order of the rows, one turn of each after the other, so what was started is no beginning of
the rows: it is a beginning of each session, up to the last one begun. A row missing in there is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from function.contract.spec import ShardSpec
from function.contract.workload import session_name
from orchestrator.merge.planned import Planned
from orchestrator.metrics.requests import NEVER, Int64


def begun(planned: Planned, spec: ShardSpec, seen: Int64, rows: int) -> Planned:
    """`seen`: numbers of recorded requests and of those in flight at a flush. `rows`: how many the worker counted;
    where some of them cannot be read any more, the next ones in order stand for them."""
    count = len(planned)
    if not count:
        return planned
    starts = np.flatnonzero(np.diff(planned.session, prepend=-2))
    place = _places(planned, spec, seen)
    place = place[place >= 0]
    passes = int(place.max(initial=-1)) // count + 1 + rows // count
    starts = (starts + count * np.arange(passes + 1)[:, None]).ravel()
    session = np.searchsorted(starts, place, side="right") - 1
    reach = int(session.max(initial=-1)) + 1
    turns = np.ones(reach, dtype=np.int64)
    np.maximum.at(turns, session, place - starts[session] + 1)
    started = np.zeros(count * (passes + 1), dtype=np.bool_)
    if planned.session_words:
        place = np.repeat(starts[:reach], turns) + _within(turns)
    started[place] = True
    unread = max(0, rows - int(started.sum()))
    started[np.flatnonzero(~started)[:unread]] = True
    return _at(planned, spec, np.flatnonzero(started))


def untold(own: Int64, rows: Sequence[int], seen: Sequence[Int64]) -> list[Int64]:
    """The numbers of shards whose workload parts cannot be read. `own`: what no other shard of their slice has; `rows`:
    how many each has; `seen`: what is recorded of each. Sessions leave no pattern by which the rest could be told,
    so they share it in order; where only one part is damaged, that is exact."""
    mine = [np.intersect1d(own, each)[:count] for each, count in zip(seen, rows)]
    left = np.setdiff1d(own, np.concatenate(mine))
    found = []
    for known, count in zip(mine, rows):
        more, left = left[: count - known.size], left[count - known.size :]
        found.append(np.sort(np.concatenate([known, more])))
    return found


def _within(turns: Int64) -> Int64:
    """0, 1 ... of each."""
    total = int(turns.sum())
    within: Int64 = np.arange(total) - np.repeat(np.cumsum(turns) - turns, turns)
    return within


def _places(planned: Planned, spec: ShardSpec, index: Int64) -> Int64:
    """Where numbers lie in the rows laid end to end, pass after pass; -1 where they are not this shard's."""
    at = np.minimum(np.searchsorted(planned.index, index), len(planned) - 1)
    again = index - spec.next_index
    mine = (again >= 0) & (again % spec.index_stride == 0) & (index < (spec.index_limit or 0))
    later = np.where(mine, len(planned) + again // spec.index_stride, -1)
    return np.where(planned.index[at] == index, at, later)


def _at(planned: Planned, spec: ShardSpec, place: Int64) -> Planned:
    row, pass_ = place % len(planned), place // len(planned)
    names = planned.session_words
    passes = int(pass_.max(initial=0)) + 1
    return replace(
        planned,
        index=np.where(pass_ == 0, planned.index[row], spec.next_index + spec.index_stride * (place - len(planned))),
        stage=planned.stage[row],
        scheduled_ns=np.full(place.size, NEVER),
        prompt_tokens=planned.prompt_tokens[row],
        asked_tokens=planned.asked_tokens[row],
        model=planned.model[row],
        session=(planned.session[row] + len(names) * pass_).astype(np.int32),
        session_words=tuple(session_name(name, times) or "" for times in range(passes) for name in names),
    )
