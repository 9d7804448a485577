"""Law 1 for conversations: whatever the lanes and slices, each turn of the plan is one request of one shard, a session
is one lane's and in order, and neither the requests nor workload_hash know how many lanes there are.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.plan import workload
from orchestrator.plan.build import Built
from orchestrator.plan.partition import SessionShare, Share, by_session, share
from tests.orchestrator.plan.planned import built, requests, spec, table

TURNS = st.lists(st.sampled_from([1, 1, 1, 2, 3, 5, 8, 40]), min_size=1, max_size=12)
STAGES = {
    "by count": [{"concurrency_level": 5, "num_requests": 67}, {"concurrency_level": 2, "num_requests": 31}],
    "by time": [{"concurrency_level": 4, "duration": 2}],
}


def plan(turns: Sequence[int], stages: Sequence[dict[str, Any]], lanes: int, slice_s: float | str = "auto") -> Built:
    said = [
        {"conversations": [{"from": ("human", "gpt")[i % 2], "value": f"{n}.{i}"} for i in range(2 * count)]}
        for n, count in enumerate(turns)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "talks.json"
        path.write_text(json.dumps(said))
        load = {"type": "concurrent", "stages": list(stages)}
        data = {"type": "shareGPT", "path": str(path), "enable_multi_turn_chat": True}
        return built(load, data=data, fanout={"lanes": lanes, "slice": slice_s})


def rows(made: Built) -> Iterator[tuple[str, str, int, Any]]:
    """(shard, session, k, what is asked), in the order of each shard's part."""
    for files in made.shards:
        names = table(files.workload_bytes).column("session").to_pylist()
        for session, request in zip(names, requests(made, files)):
            yield (
                spec(files).shard,
                session,
                request.k,
                (request.messages, request.output_tokens, request.stage, session),
            )


def violations(made: Built, reference: Built) -> Iterator[str]:
    expected = {k: asked for _, _, k, asked in rows(reference)}
    seen: dict[int, Any] = {}
    owner: dict[str, str] = {}
    before = ("", "", -1)
    for shard, session, k, asked in rows(made):
        if k in seen:
            yield f"{k} doubled"
        seen[k] = asked
        if owner.setdefault(session, shard) != shard:
            yield f"session {session} in {owner[session]} and {shard}"
        if before[:2] == (shard, session) and k != before[2] + 1:
            yield f"session {session} out of order at {k}"
        if before[0] == shard and before[1] != session and k <= before[2]:
            yield f"session {session} begins again at {k}"
        before = (shard, session, k)
    if seen != expected:
        yield "other requests"
    if made.plan.workload_hash != reference.plan.workload_hash:
        yield "another workload_hash"


@settings(max_examples=40, deadline=None)
@given(turns=TURNS, lanes=st.integers(1, 7), kind=st.sampled_from(sorted(STAGES)))
def test_each_turn_once_in_order_one_lane_per_session(turns: list[int], lanes: int, kind: str) -> None:
    slice_s: float | str = 1 if kind == "by time" else "auto"
    reference, made = (plan(turns, STAGES[kind], n, slice_s) for n in (1, lanes))
    assert list(violations(made, reference)) == []
    ks = sorted(k for _, _, k, _ in rows(made))
    if kind == "by count":
        assert ks == list(range(67 + 31))
    firsts = {session: asked[0] for _, session, _, asked in sorted(rows(made), key=lambda row: -row[2])}
    assert all(said[0][1].endswith(".0") for said in firsts.values()), "every session begins at its beginning"
    assert made.plan.data["sessions"] == len(firsts)


@settings(max_examples=100, deadline=None)
@given(turns=st.lists(st.integers(1, 50), max_size=80), users=st.integers(1, 12), lanes=st.integers(1, 12))
def test_lanes_get_turns_by_their_users(turns: list[int], users: int, lanes: int) -> None:
    lanes = min(lanes, users)
    session = np.repeat(np.arange(len(turns)), turns)
    cut = by_session([Share(lane, 0, 0, lane, session.size, lanes) for lane in range(lanes)], session, users)
    assert sorted(np.concatenate([one.within for one in cut]).tolist()) == list(range(session.size))
    for one in cut:
        own = share(users, one.lane, lanes)
        assert np.unique(session[one.within]).size >= min(own, max(0, len(turns) - users + own))
        assert one.rows <= own * (sum(turns) / users + max(turns, default=0)), "no lane has much more than its share"
        assert (np.diff(one.within) > 0).all()


def test_planned_session_numbers_do_not_meet_those_for_rows_used_again() -> None:
    made = plan([3, 1, 2], [{"concurrency_level": 4, "duration": 2}], 3, 1)
    own = {k for _, _, k, _ in rows(made)}
    again: set[int] = set()
    for files in made.shards:
        one = spec(files)
        assert one.index_limit is not None and one.history == "received"
        new = set(range(one.next_index, one.index_limit, one.index_stride))
        last = max(table(files.workload_bytes).column("request_index").to_pylist())
        assert last + one.index_stride <= one.next_index, "a worker steps on from its last row"
        assert not new & own and not new & again
        again |= new


def every_nth(shares: Sequence[Share], session: Any, users: int) -> list[SessionShare]:
    """As requests that stand alone: sessions cross lanes."""
    return [SessionShare(one.lane, one.slice, one.slice_row, one.numbers) for one in shares]


def backwards(shares: Sequence[Share], session: Any, users: int) -> list[SessionShare]:
    return [one._replace(within=one.within[::-1]) for one in by_session(shares, session, users)]


def loses_a_session(shares: Sequence[Share], session: Any, users: int) -> list[SessionShare]:
    return [one._replace(within=one.within[session[one.within] > 0]) for one in by_session(shares, session, users)]


@pytest.mark.parametrize("broken", [every_nth, backwards, loses_a_session], ids=lambda f: f.__name__)
def test_planted_violations_are_seen(
    broken: Callable[..., list[SessionShare]], monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = plan([3, 1, 5], STAGES["by count"], 1)
    monkeypatch.setattr(workload, "by_session", broken)
    assert list(violations(plan([3, 1, 5], STAGES["by count"], 3), reference)) != []
