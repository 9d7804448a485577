"""Slots, prefix cache, slow-downs and pauses as a client meets them; and metrics that agree with the log."""

from __future__ import annotations

import re
import statistics
import time
from itertools import pairwise
from typing import Any

from orchestrator.mockserver import TruthRecord, config_from
from orchestrator.mockserver.service import service_for, slowdown
from tests.emulators.mock import ThreadedMock, threaded_mock
from tests.emulators.plain_client import PlainClient, Reply, chat

MS = 1_000_000


def send_all(mock: ThreadedMock, bodies: list[dict[str, object]], apart_s: float = 0.0) -> list[Reply]:
    """One connection each, sent in this order."""
    clients = []
    for k, body in enumerate(bodies):
        clients.append(PlainClient(mock.port))
        clients[-1].send(body, x_request_id=f"r-{k}")
        time.sleep(apart_s)
    replies = [client.read() for client in clients]
    for client in clients:
        client.sock.close()
    return replies


def metric(mock: ThreadedMock, name: str) -> float:
    with PlainClient(mock.port) as client:
        text = client.get("/metrics").body.decode()
    found = re.search(rf"^{re.escape(name)}\{{[^}}]*\}} (\S+)$", text, re.M)
    assert found, name
    return float(found.group(1))


def running_at_once(records: list[TruthRecord]) -> int:
    """The most requests that held a slot at one time."""
    marks = []
    for record in records:
        start = (record.arrival_boot_ns or 0) + (record.queue_ns or 0)
        marks += [(start, 1), ((record.arrival_boot_ns or 0) + record.token_offset_ns[-1], -1)]
    held = most = 0
    for _, change in sorted(marks):
        held += change
        most = max(most, held)
    return most


def test_slots_queue_in_order_of_arrival() -> None:
    with threaded_mock({"ttft_s": 0.1, "itl_s": 0.01, "slots": 2}) as mock:
        send_all(mock, [chat(3) for _ in range(8)], apart_s=0.002)
        records = mock.completions()
    assert running_at_once(records) == 2
    starts = [(record.arrival_boot_ns or 0) + (record.queue_ns or 0) for record in records]
    assert starts == sorted(starts)
    assert [record.queue_ns for record in records[:2]] == [0, 0]
    # Saturation looks like saturation: a slot is free again only after a service time (120 ms), and waits add up.
    assert all(later - earlier >= 120 * MS for earlier, later in zip(starts, starts[2:]))
    assert (records[7].queue_ns or 0) > (records[5].queue_ns or 0) > (records[3].queue_ns or 0) > 0
    assert all(record.token_offset_ns[0] - (record.queue_ns or 0) >= 100 * MS for record in records)


def test_without_slots_nobody_waits() -> None:
    with threaded_mock({"ttft_s": 0.05, "itl_s": 0.0}) as mock:
        send_all(mock, [chat(1) for _ in range(20)])
        assert [record.queue_ns for record in mock.completions()] == [0] * 20


def test_gauges_show_the_queue_and_the_tokens_of_running_requests() -> None:
    with threaded_mock({"ttft_s": 0.0, "itl_s": 0.02, "slots": 1, "kv_tokens": 100}) as mock:
        clients = [PlainClient(mock.port) for _ in range(3)]
        for client in clients:
            client.send(chat(1000))
            time.sleep(0.02)
        time.sleep(0.1)
        assert metric(mock, "vllm:num_requests_running") == 1
        assert metric(mock, "vllm:num_requests_waiting") == 2
        assert metric(mock, "vllm:generation_tokens_total") >= 3
        assert 0.05 < metric(mock, "vllm:kv_cache_usage_perc") < 0.9
        for client in clients:
            client.sock.close()
        end = time.monotonic() + 5
        while metric(mock, "vllm:num_requests_running") and time.monotonic() < end:
            time.sleep(0.05)
        assert metric(mock, "vllm:num_requests_running") == metric(mock, "vllm:num_requests_waiting") == 0


def test_metrics_agree_with_the_log() -> None:
    bodies = [chat(5, stream=k % 2 == 0, content="word " * k) for k in range(10)]
    with threaded_mock({"ttft_s": 0.02, "itl_s": 0.005, "slots": 4}) as mock:
        send_all(mock, bodies)
        records = mock.completions()
        values = {name: metric(mock, f"vllm:{name}") for name in _FROM_LOG}
    streamed = [record for record in records if record.stream]
    assert values["prompt_tokens_total"] == sum(record.prompt_tokens for record in records)
    assert values["generation_tokens_total"] == sum(record.output_tokens for record in records) == 50
    assert values["e2e_request_latency_seconds_count"] == 10
    assert values["inter_token_latency_seconds_count"] == 40
    assert (
        values["request_queue_time_seconds_sum"] == sum(r.queue_ns or 0 for r in records) / 1e9
        or abs(values["request_queue_time_seconds_sum"] - sum(r.queue_ns or 0 for r in records) / 1e9) < 1e-6
    )
    whole_ns = [record.token_offset_ns[-1] for record in streamed]
    whole_ns += [record.end_offset_ns for record in records if not record.stream]
    assert abs(values["e2e_request_latency_seconds_sum"] - sum(whole_ns) / 1e9) < 0.02


_FROM_LOG = (
    "prompt_tokens_total",
    "generation_tokens_total",
    "e2e_request_latency_seconds_count",
    "e2e_request_latency_seconds_sum",
    "inter_token_latency_seconds_count",
    "request_queue_time_seconds_sum",
)


def test_a_prefix_hit_is_sooner_and_seen_in_usage_and_metrics() -> None:
    prompt = " ".join(f"w{k}" for k in range(160))
    config = {"ttft_s": 0.2, "itl_s": 0.0, "prefix_cache": True}
    with threaded_mock(config) as mock, PlainClient(mock.port) as client:
        usage = {"stream_options": {"include_usage": True}}
        replies = [client.post(chat(1, content=prompt + tail, **usage)) for tail in (" a", " b", "")]
        records = mock.completions()
        hits, queries = metric(mock, "vllm:prefix_cache_hits_total"), metric(mock, "vllm:prefix_cache_queries_total")
    cached = [r.chunks()[-1]["usage"]["prompt_tokens_details"]["cached_tokens"] for r in replies]
    assert cached == [0, 160, 159] == [record.cached_tokens for record in records]
    assert (hits, queries) == (319, 161 + 161 + 160)
    for record in records:
        due = 200 * MS * (1 - record.cached_tokens / record.prompt_tokens)
        assert due <= record.token_offset_ns[0] < due + 150 * MS


def test_without_a_prefix_cache_usage_does_not_speak_of_it() -> None:
    with threaded_mock({"ttft_s": 0.0, "itl_s": 0.0}) as mock, PlainClient(mock.port) as client:
        replies = [client.post(chat(1, stream_options={"include_usage": True})) for _ in range(2)]
        assert metric(mock, "vllm:prefix_cache_queries_total") == 0
    assert all("prompt_tokens_details" not in reply.chunks()[-1]["usage"] for reply in replies)


def test_a_cold_server_warms_up() -> None:
    config: dict[str, Any] = {"ttft_s": 0.02, "itl_s": 0.0, "cold_start": {"times": 6, "tau_s": 0.15}}
    with threaded_mock(config) as mock:
        send_all(mock, [chat(1) for _ in range(8)], apart_s=0.1)
        records = mock.completions()
    _none_before_due(records, config)
    assert records[0].token_offset_ns[0] >= 120 * MS
    assert records[-1].token_offset_ns[0] < 80 * MS


def test_a_drifting_server_slows_down() -> None:
    config: dict[str, Any] = {"ttft_s": 0.05, "itl_s": 0.01, "drift": {"by": 2.0, "over_s": 0.5}}
    with threaded_mock(config) as mock:
        send_all(mock, [chat(3) for _ in range(7)], apart_s=0.1)
        records = mock.completions()
    _none_before_due(records, config)
    first, last = records[0].token_offset_ns, records[-1].token_offset_ns
    assert first[0] < 110 * MS
    assert last[0] >= 150 * MS
    assert last[2] >= (150 + 2 * 30) * MS


def _none_before_due(records: list[TruthRecord], config: dict[str, Any]) -> None:
    """The slow-down at a request's arrival is in its first token's time."""
    asked, first = config_from(config), records[0].arrival_boot_ns or 0
    for record in records:
        factor = slowdown(asked, ((record.arrival_boot_ns or 0) - first) / 1e9)
        assert record.token_offset_ns[0] >= asked.ttft_s * factor * 1e9 - 1000


def test_nothing_at_all_is_written_in_a_pause() -> None:
    config = {"ttft_s": 0.05, "itl_s": 0.01, "pause": {"for_s": 0.2, "at_s": 0.1}}
    with threaded_mock(config) as mock, PlainClient(mock.port) as client, PlainClient(mock.port) as other:
        client.send(chat(15))
        time.sleep(0.15)
        assert other.get("/health").status == 200
        assert client.read().complete
        records = mock.records()
    record = next(record for record in records if record.stream)
    health = next(record for record in records if record.path == "/health")
    offsets = record.token_offset_ns
    answered = (health.arrival_boot_ns or 0) + health.end_offset_ns - (record.arrival_boot_ns or 0)
    assert not [offset for offset in [*offsets, answered] if 100 * MS <= offset < 300 * MS]
    assert offsets[0] < 100 * MS
    # The schedule moved by the pause: no burst of everything that would have been due.
    assert offsets[-1] >= (50 + 14 * 10 + 200) * MS


def test_a_pause_can_come_again_and_again() -> None:
    config = {"ttft_s": 0.0, "itl_s": 0.005, "pause": {"for_s": 0.05, "every_s": 0.15}}
    with threaded_mock(config) as mock:
        send_all(mock, [chat(60)])
        offsets = mock.completions()[0].token_offset_ns
    gaps = [b - a for a, b in pairwise(offsets)]
    assert sum(gap >= 50 * MS for gap in gaps) >= 2
    for start in (150, 300):
        assert not [offset for offset in offsets if start * MS <= offset < (start + 50) * MS]


def test_a_client_that_leaves_in_a_pause_is_recorded() -> None:
    config = {"ttft_s": 0.0, "itl_s": 0.0, "pause": {"for_s": 0.6, "at_s": 0.05}}
    with threaded_mock(config) as mock:
        with PlainClient(mock.port) as client:
            assert client.post(chat(1)).complete
            time.sleep(0.07)
            client.send(chat(1))
            time.sleep(0.03)
        time.sleep(0.7)
        assert [record.outcome for record in mock.completions()] == ["done", "client_gone"]


def test_exponential_service_repeats_by_seed() -> None:
    config = {"ttft_s": 0.02, "itl_s": 0.0, "ttft_law": "exponential", "seed": 5}
    runs = []
    for _ in range(2):
        with threaded_mock(config) as mock:
            send_all(mock, [chat(1) for _ in range(15)], apart_s=0.01)
            runs.append([record.token_offset_ns[0] / MS for record in mock.completions()])
    drawn = [service_for(config_from(config), str(k), 0.0, 0.0).ttft_ns / MS for k in range(15)]
    for run in runs:
        assert all(one >= due for one, due in zip(run, drawn))
        assert statistics.median(one - due for one, due in zip(run, drawn)) < 10
    assert max(drawn) - min(drawn) > 20
