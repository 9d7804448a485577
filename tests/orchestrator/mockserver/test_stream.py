"""Streams over the wire: what they say, when they say it, and what goes wrong in their middle."""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

import pytest

from tests.emulators.mock import running_mock, threaded_mock
from tests.emulators.plain_client import PlainClient, Reply, chat

FAST = {"ttft_s": 0.01, "itl_s": 0.002}
MS = 1_000_000


def one(config: dict[str, Any], body: dict[str, Any], path: str = "/v1/chat/completions") -> tuple[Reply, Any]:
    """One request against a server of its own: the reply and its record."""
    with threaded_mock({**FAST, **config}) as mock:
        with PlainClient(mock.port) as client:
            reply = client.post(body, path, x_request_id="r-0")
        mock.stop()
        return reply, mock.completions()[0]


def content(reply: Reply) -> str:
    return "".join(c["choices"][0]["delta"].get("content") or "" for c in reply.chunks() if c["choices"])


@pytest.mark.parametrize("tokens", [1, 2, 3, 9, 40])
def test_exactly_the_tokens_asked_one_an_event(tokens: int) -> None:
    reply, record = one({}, chat(tokens, stream_options={"include_usage": True}))
    role, *events, usage = reply.chunks()
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert len(events) == tokens == len(content(reply).split())
    assert [event["choices"][0]["finish_reason"] for event in events] == [None] * (tokens - 1) + ["length"]
    assert usage["usage"] == {"prompt_tokens": 3, "completion_tokens": tokens, "total_tokens": tokens + 3}
    assert reply.events()[-1] == "[DONE]"
    assert len({event["id"] for event in reply.chunks()}) == 1
    assert (record.outcome, record.output_tokens, record.prompt_tokens) == ("done", tokens, 3)
    assert len(record.token_offset_ns) == tokens


def test_completions_stream_without_a_role() -> None:
    body = {"prompt": "a b", "max_tokens": 12, "stream": True}
    reply, record = one({}, body, "/v1/completions")
    texts = [event["choices"][0]["text"] for event in reply.chunks()]
    assert len(texts) == 12 and all(texts)
    assert record.output_tokens == 12


def test_the_default_is_16_tokens() -> None:
    reply, _ = one({}, {"messages": [{"role": "user", "content": "x"}], "stream": True})
    assert len(reply.chunks()) == 1 + 16


def test_choices_are_interleaved_and_one_usage_counts_all() -> None:
    reply, record = one({}, chat(10, n=3, stream_options={"include_usage": True}))
    *events, usage = reply.chunks()
    assert [event["choices"][0]["index"] for event in events] == [0, 1, 2] * 11
    assert usage["usage"]["completion_tokens"] == 30 == record.output_tokens == len(record.token_offset_ns)
    assert sum(event["choices"][0]["finish_reason"] == "length" for event in events) == 3


@pytest.mark.parametrize(("reasoning", "tokens"), [(5, 20), (20, 20), (1, 2), (30, 4)])
def test_reasoning_comes_first(reasoning: int, tokens: int) -> None:
    reply, record = one({"reasoning_tokens": reasoning}, chat(tokens, stream_options={"include_usage": True}))
    _, *events, usage = reply.chunks()
    kinds = [next(iter(event["choices"][0]["delta"])) for event in events]
    first = min(reasoning, tokens)
    assert kinds == ["reasoning_content"] * first + ["content"] * (tokens - first)
    assert usage["usage"]["completion_tokens_details"] == {"reasoning_tokens": first}
    assert record.output_tokens == tokens


@pytest.mark.parametrize("tokens", [1, 2, 3, 14])
def test_tool_calls(tokens: int) -> None:
    reply, _ = one({"tool_calls": True}, chat(tokens))
    _, *events = reply.chunks()
    calls = [event["choices"][0]["delta"]["tool_calls"][0] for event in events]
    assert len(calls) == tokens
    assert calls[0]["function"]["name"] == "lookup" and calls[0]["id"]
    assert all("id" not in call for call in calls[1:])
    if tokens > 1:
        assert json.loads("".join(call["function"]["arguments"] for call in calls)) is not None
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_the_log_agrees_with_what_a_plain_socket_sees() -> None:
    """Law 12's foundation: the log's token times are the client's, but for the way over the wire."""
    config = {"ttft_s": 0.03, "itl_s": 0.005}
    seen: list[tuple[int, list[int]]] = []
    with running_mock(config) as mock:
        with PlainClient(mock.port) as client:
            for k in range(12):
                sent = client.send(chat(15), x_request_id=f"r-{k}")
                seen.append((sent, client.read().token_ns()))
        records = mock.completions()
    assert [record.id for record in records] == [f"r-{k}" for k in range(12)]
    on_the_way, late, to_server = [], [], []
    for (sent, times), record in zip(seen, records, strict=True):
        assert len(times) == len(record.token_offset_ns) == 15
        on_the_way += [there - here for there, here in zip(times, record.token_wall_ns(), strict=True)]
        late += [o - 30 * MS - k * 5 * MS for k, o in enumerate(record.token_offset_ns)]
        to_server.append((record.arrival_ns or 0) - sent)
    # Bounds: never before (but for a wall clock being slewed), and mostly far below a millisecond on a quiet machine.
    assert min(on_the_way) > -MS and min(late) >= 0 and min(to_server) > -MS
    assert statistics.median(on_the_way) < 3 * MS
    assert statistics.median(late) < 3 * MS
    assert statistics.median(to_server) < 5 * MS


def test_many_streams_at_once_keep_their_schedule() -> None:
    with running_mock({"ttft_s": 0.1, "itl_s": 0.01}) as mock:
        clients = [PlainClient(mock.port) for _ in range(40)]
        for k, client in enumerate(clients):
            client.send(chat(20), x_request_id=f"r-{k}")
        replies = [client.read() for client in clients]
        for client in clients:
            client.sock.close()
        records = mock.completions()
    assert all(reply.complete for reply in replies)
    late = [o - 100 * MS - k * 10 * MS for record in records for k, o in enumerate(record.token_offset_ns)]
    assert len(late) == 800 and min(late) >= 0
    assert statistics.median(late) < 10 * MS


def test_no_time_between_tokens_is_possible() -> None:
    reply, record = one({"itl_s": 0, "ttft_s": 0}, chat(500))
    assert len(reply.chunks()) == 501 and reply.complete
    assert record.token_offset_ns == sorted(record.token_offset_ns)


# ---- faults of the middle


def test_cut_drops_the_connection_without_an_end() -> None:
    reply, record = one({"faults": {"cut": 1.0}}, chat(10))
    assert (reply.complete, reply.status, len(reply.chunks())) == (False, 200, 1 + 5)
    assert "[DONE]" not in reply.events()
    assert (record.outcome, record.fault, record.output_tokens) == ("cut", "cut", 5)


def test_cut_of_a_single_token_leaves_none() -> None:
    reply, record = one({"faults": {"cut": 1.0}}, chat(1))
    assert (reply.complete, reply.body, record.output_tokens) == (False, b"", 0)


def test_stall_pauses_once_and_the_rest_keeps_its_pace() -> None:
    reply, record = one({"faults": {"stall": 1.0}, "stall_s": 0.15}, chat(10))
    gaps = [b - a for a, b in zip(record.token_offset_ns, record.token_offset_ns[1:])]
    assert gaps.index(max(gaps)) == 4 and gaps[4] >= 150 * MS
    assert sum(gaps) >= 150 * MS + 9 * 2 * MS - MS
    assert reply.complete and reply.events()[-1] == "[DONE]"
    assert (record.outcome, record.fault, record.output_tokens) == ("done", "stall", 10)


def test_error_event_then_done_on_a_connection_that_lives() -> None:
    with threaded_mock({**FAST, "faults": {"error_event": 1.0}}) as mock:
        with PlainClient(mock.port) as client:
            reply = client.post(chat(10))
            assert client.get("/health").status == 200
        record = mock.completions()[0]
    assert reply.complete and reply.status == 200
    *_, error, done = reply.events()
    assert (json.loads(error)["error"]["code"], done) == (500, "[DONE]")
    assert not any(c.get("choices") and c["choices"][0]["finish_reason"] for c in reply.chunks())
    assert (record.outcome, record.status, record.output_tokens) == ("error_event", 200, 5)


def test_malformed_adds_one_unreadable_line() -> None:
    reply, record = one({"faults": {"malformed": 1.0}}, chat(10))
    readable, unreadable = [], []
    for event in reply.events():
        try:
            readable.append(json.loads(event) if event != "[DONE]" else event)
        except ValueError:
            unreadable.append(event)
    assert (len(readable), len(unreadable)) == (1 + 10 + 1, 1)
    assert (record.outcome, record.fault, record.output_tokens) == ("done", "malformed", 10)


def test_zombie_keeps_a_dead_stream_alive_up_to_its_bound() -> None:
    config = {"faults": {"zombie": 1.0}, "zombie_every_s": 0.02, "zombie_max_s": 0.5, "slots": 1}
    with threaded_mock({**FAST, **config}) as mock:
        with PlainClient(mock.port) as first, PlainClient(mock.port) as second:
            begun = time.monotonic()
            first.send(chat(4))
            second.send(chat(4))
            replies = [first.read(), second.read()]
            took = time.monotonic() - begun
        records = mock.completions()
    assert 0.5 < took < 5.0  # the dead stream holds no slot: the second need not wait for its bound
    for reply, record in zip(replies, records):
        assert not reply.complete
        assert len(reply.chunks()) == 1 + 2
        assert reply.body.count(b": keep-alive\n\n") == 25
        assert (record.outcome, record.output_tokens) == ("zombie", 2)
    assert (records[1].queue_ns or 0) < 400 * MS


def test_who_leaves_mid_stream_is_recorded_and_frees_the_slot() -> None:
    with threaded_mock({**FAST, "slots": 1, "itl_s": 0.01}) as mock:
        with PlainClient(mock.port) as leaving, PlainClient(mock.port) as waiting, PlainClient(mock.port) as staying:
            leaving.send(chat(1000))
            time.sleep(0.08)
            waiting.send(chat(1000))
            time.sleep(0.03)
            staying.send(chat(3))
            time.sleep(0.03)
            waiting.sock.close()
            time.sleep(0.03)
            leaving.sock.close()
            assert staying.read().complete
        gone, never, done = mock.completions()
    assert (gone.outcome, never.outcome, done.outcome) == ("client_gone", "client_gone", "done")
    assert 1 < gone.output_tokens < 100 and gone.output_tokens == len(gone.token_offset_ns)
    assert (never.output_tokens, never.queue_ns, never.status) == (0, None, 200)
    assert (done.queue_ns or 0) > 20 * MS


def test_a_client_that_never_reads_harms_nobody() -> None:
    with threaded_mock({"ttft_s": 0, "itl_s": 0}) as mock:
        with PlainClient(mock.port) as deaf, PlainClient(mock.port) as client:
            deaf.send(chat(60_000))
            time.sleep(0.3)
            assert client.post(chat(3)).complete
        outcomes = {record.arrival: record.outcome for record in mock.completions()}
    assert outcomes[1] == "done"
