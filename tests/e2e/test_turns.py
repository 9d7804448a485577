"""Conversations turn by turn, seen at the server: each turn once, in order, never two of a session at a time, and every
prompt begins with the very bytes of the one before it.
"""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest

from orchestrator.mockserver.shapes import word
from tests.e2e.harness import (
    MEASURED,
    Ended,
    assert_all_balance,
    config,
    finish,
    killed_at_end,
    launch,
    start_launch,
    wait_for,
    workers,
)
from tests.emulators.llama import RunningLlama
from tests.emulators.mock import RunningMock, running_mock

OPEN = '"messages":['
BLOCK = 4  # words that the server's prefix cache takes together
SPOKEN = [
    [
        "What is a kelp forest?",
        "A " + "very long " * 20 + "answer",
        'And an "urchin"?',
        "An animal",
        "Thanks é\n!",
        "Bye",
    ],
    ["One turn only", "Fine."],
    ["First", "Short", "Second", "Also " * 9, "Third", "x" * 60, "Fourth", "Four words of it.", "Fifth", "End"],
    ["Left open", "Answered once.", "and then nobody did"],
]


def written(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    talks = []
    for number, said in enumerate(SPOKEN):
        turns = [{"from": ("human", "gpt")[i % 2], "value": text} for i, text in enumerate(said)]
        talks.append({"id": str(number), "conversations": [{"from": "system", "value": f"Rules {number}."}, *turns]})
    path = folder / "talks.json"
    path.write_text(json.dumps(talks))
    return str(path)


def settings(root: Path, url: str, stage: dict[str, Any], lanes: int = 3, **data: Any) -> dict[str, Any]:
    made = config(url, [stage], load={"type": "concurrent"})
    made["data"] = {"type": "shareGPT", "path": written(root), "enable_multi_turn_chat": True, **data}
    made["fanout"] = {"lanes": lanes}
    return made


@dataclass(frozen=True)
class Turn:
    """`said`: the inside of its array of messages, as sent. `begin`, `end`: at the server, by its own clock."""

    k: int
    session: str
    lane: int
    status: str
    said: str
    begin: int
    end: int
    asked: int


def turns_of(ended: Ended, mock: RunningMock) -> dict[str, list[Turn]]:
    """What arrived, by session, in order of request_index."""
    rows = ended.requests()
    by_k = {k: i for i, k in enumerate(rows["request_index"])}
    found: dict[str, list[Turn]] = {}
    for one in mock.completions():
        assert one.id is not None and one.body is not None and one.arrival_boot_ns is not None
        k = int(one.id.rpartition("-")[2])
        row = by_k[k]
        said = one.body[one.body.index(OPEN) + len(OPEN) : one.body.index("]," + '"max_tokens"')]
        turn = Turn(
            k,
            rows["session_id"][row],
            rows["lane"][row],
            rows["status"][row],
            said,
            one.first_byte_boot_ns,
            one.arrival_boot_ns + one.end_offset_ns,
            json.loads(one.body)["max_tokens"],
        )
        found.setdefault(turn.session, []).append(turn)
    return {session: sorted(turns, key=lambda turn: turn.k) for session, turns in found.items()}


def quoted(turn: Turn) -> str:
    """The answer as the next turn has to quote it."""
    answer = "".join(word(step) for step in range(turn.asked))
    return ',{"role":"assistant","content":' + json.dumps(answer) + "}"


def check_in_order(sessions: dict[str, list[Turn]]) -> None:
    for turns in sessions.values():
        assert len({turn.lane for turn in turns}) == 1, "a session is one lane's"
        assert [turn.k for turn in turns] == list(range(turns[0].k, turns[0].k + len(turns))), "each turn, in order"
        for before, after in pairwise(turns):
            assert before.end <= after.begin, "two turns of one session at a time"


def check_users(sessions: dict[str, list[Turn]], users: int) -> None:
    """Never more in the air than there are users, and all of them at some time."""
    turns = [turn for turns in sessions.values() for turn in turns]
    steps = sorted([(turn.begin, 1) for turn in turns] + [(turn.end, -1) for turn in turns])
    flying = list(accumulate(step for _, step in steps))
    assert max(flying) == users


def check_history(turns: Sequence[Turn]) -> None:
    """Of a session: a prompt is the last one that was answered, its answer, and one more message of the user."""
    said, rules = "", turns[0].said[: turns[0].said.index("},{") + 1]
    for turn in turns:
        assert turn.said.startswith(said or rules)
        added = json.loads("[" + turn.said[len(said or rules) :].removeprefix(",") + "]")
        assert [message["role"] for message in added] == ["user"]
        if turn.status == "ok":
            said = turn.said + quoted(turn)


def metric(mock: RunningMock, name: str) -> float:
    with urllib.request.urlopen(f"{mock.url}/metrics", timeout=5) as reply:
        lines = reply.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"vllm:{name}{{"))


def test_turns_come_in_order_and_quote_what_was_answered(tmp_path: Path) -> None:
    mocked = {"ttft_s": 0.02, "itl_s": 0.0005, "prefix_cache": True, "prefix_block_words": BLOCK}
    with running_mock(mocked, log_bodies=True) as mock:
        ended = launch(tmp_path, settings(tmp_path, mock.url, {"concurrency_level": 5, "num_requests": 83}))
        assert ended.exit_code in MEASURED, ended.stderr
        sessions = turns_of(ended, mock)
        hits = metric(mock, "prefix_cache_hits_total")
    summary = ended.summary()
    assert summary["ledger"]["planned"] == summary["ledger"]["ok"] == 83
    assert_all_balance(summary)
    assert sorted(turn.k for turns in sessions.values() for turn in turns) == list(range(83))
    check_in_order(sessions)
    check_users(sessions, 5)
    for turns in sessions.values():
        check_history(turns)
    assert {len(turns) for turns in sessions.values()} >= {1, 2, 3, 5}
    assert None not in ended.requests()["session_id"]
    rows = ended.requests()
    cached, words = (dict(zip(rows["request_index"], rows[name])) for name in ("cached_tokens", "prompt_tokens"))
    for turns in sessions.values():
        assert cached[turns[0].k] == 0, "no session begins with another's words"
        for before, after in pairwise(turns):
            assert cached[after.k] == words[before.k] // BLOCK * BLOCK, "all of the prompt before is in the cache"
    assert hits == sum(cached.values()) > 0


def test_a_turn_that_fails_leaves_no_trace_and_its_session_goes_on(tmp_path: Path) -> None:
    mocked = {"ttft_s": 0.01, "itl_s": 0.0005, "seed": 3, "faults": {"http_500": 0.15, "cut": 0.15, "error_event": 0.1}}
    with running_mock(mocked, log_bodies=True) as mock:
        ended = launch(tmp_path, settings(tmp_path, mock.url, {"concurrency_level": 4, "num_requests": 90}, lanes=2))
        sessions = turns_of(ended, mock)
        failed = sum(one.fault is not None for one in mock.completions())
    summary = ended.summary()
    assert summary["ledger"]["planned"] == 90 and summary["ledger"]["failed"] == failed > 20
    assert summary["ledger"]["ok"] == 90 - failed
    assert_all_balance(summary)
    check_in_order(sessions)
    for turns in sessions.values():
        check_history(turns)
    assert any(before.status == "failed" for turns in sessions.values() for before in turns[:-1])


def test_recorded_answers_make_the_same_prompts_whatever_is_answered(tmp_path: Path) -> None:
    bodies = []
    for number, faults in enumerate(({}, {"http_500": 0.3})):
        with running_mock({"ttft_s": 0.01, "itl_s": 0.0005, "faults": faults}, log_bodies=True) as mock:
            stage = {"concurrency_level": 3, "num_requests": 40}
            asked = settings(tmp_path, mock.url, stage, lanes=1 + number, disable_output_substitution=True)
            sessions = turns_of(launch(tmp_path / str(number), asked), mock)
        check_in_order(sessions)
        bodies.append({turn.k: turn.said for turns in sessions.values() for turn in turns})
    assert bodies[0] == bodies[1] and len(bodies[0]) == 40
    assert any("A very long" in said for said in bodies[0].values())


def test_by_time_what_was_started_is_what_is_planned(tmp_path: Path) -> None:
    """In two slices, on a server so quick that the rows made for a slice are used again."""
    with running_mock({"ttft_s": 0.002, "itl_s": 0.0}, log_bodies=True) as mock:
        asked = settings(tmp_path, mock.url, {"concurrency_level": 3, "duration": 8}, lanes=2, unique=False)
        asked["fanout"]["slice"] = 4
        ended = launch(tmp_path, asked)
        sessions = turns_of(ended, mock)
    summary = ended.summary()
    assert_all_balance(summary)
    assert summary["ledger"]["planned"] == sum(map(len, sessions.values())) == summary["ledger"]["ok"]
    again = [session for session in sessions if "." in session]
    assert again, "rows were used again, and sessions got names of their own"
    for session, turns in sessions.items():
        assert len({turn.lane for turn in turns}) == 1
        assert all(before.end <= after.begin for before, after in pairwise(turns)), session
        check_history(turns)
    assert len(set(ended.requests()["slice"])) == 2


def test_a_worker_killed_in_mid_session_loses_what_it_owned_and_nothing_else(tmp_path: Path) -> None:
    with running_mock({"ttft_s": 0.2, "itl_s": 0.001}, log_bodies=True) as mock:
        asked = settings(tmp_path, mock.url, {"concurrency_level": 6, "num_requests": 240})
        asked["fanout"]["flush"] = 1
        with killed_at_end(start_launch(tmp_path, asked)) as process:
            wait_for(lambda: len(mock.completions()) > 70, what="load")
            os.kill(workers(process.pid)[0], signal.SIGKILL)
            ended = finish(process, tmp_path)
        sessions = turns_of(ended, mock)
    summary = ended.summary()
    assert_all_balance(summary)
    assert summary["ledger"]["planned"] == 240 and summary["ledger"]["lost"] > 0
    assert sorted(shard["state"] for shard in summary["shards"]) == ["complete", "complete", "partial"]
    for turns in sessions.values():
        assert len({turn.lane for turn in turns}) == 1


def test_a_real_server_finds_the_turn_before_in_its_cache(llama_server: RunningLlama, tmp_path: Path) -> None:
    """What was sent stays byte for byte what it was, so its tokens do: all of a prompt is found again in the next."""
    asked = settings(tmp_path, llama_server.url, {"concurrency_level": 1, "num_requests": 24}, lanes=1)
    del asked["server"]["model_name"]
    before = llama_server.counted()
    ended = launch(tmp_path, asked)
    counted = llama_server.counted().since(before)
    rows = ended.requests()
    assert rows["status"] == ["ok"] * 24
    assert sum(rows["cached_tokens"]) == counted.cached
    later = [
        (prompts, cached)
        for (one, prompts), (two, cached) in zip(
            zip(rows["session_id"], rows["prompt_tokens"]), zip(rows["session_id"][1:], rows["cached_tokens"][1:])
        )
        if one == two
    ]
    assert len(later) > 8
    assert all(cached >= prompt - 2 for prompt, cached in later)


def test_an_open_loop_is_refused(tmp_path: Path) -> None:
    asked = settings(tmp_path, "http://127.0.0.1:9", {"rate": 5, "duration": 2})
    asked["load"]["type"] = "poisson"
    ended = launch(tmp_path, asked)
    assert ended.exit_code == 2
    (problem,) = [one for one in ended.envelope["problems"] if one["severity"] == "error"]
    assert (problem["path"], problem["code"]) == ("load.type", "impossible")


def test_planted_disorder_is_caught() -> None:
    one = Turn(0, "s", 0, "ok", '{"role":"system","content":"r"},{"role":"user","content":"a"}', 0, 10, 2)
    two = Turn(1, "s", 0, "ok", one.said + quoted(one) + ',{"role":"user","content":"b"}', 20, 30, 2)
    check_in_order({"s": [one, two]})
    check_history([one, two])
    for wrong in (
        Turn(1, "s", 1, "ok", two.said, 20, 30, 2),
        Turn(2, "s", 0, "ok", two.said, 20, 30, 2),
        Turn(1, "s", 0, "ok", two.said, 9, 30, 2),
    ):
        with pytest.raises(AssertionError):
            check_in_order({"s": [one, wrong]})
    for said in (two.said.replace(" the", "  the"), one.said, '{"role":"user","content":"b"}'):
        with pytest.raises((AssertionError, ValueError)):
            check_history([one, Turn(1, "s", 0, "ok", said, 20, 30, 2)])
