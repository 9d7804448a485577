"""Routes, the key, and faults that refuse or delay before the engine is reached."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.mockserver.config import Faults
from orchestrator.mockserver.desk import route_of
from orchestrator.mockserver.draw import fault_for
from tests.emulators.mock import ThreadedMock, threaded_mock
from tests.emulators.plain_client import PlainClient, chat

FAST = {"ttft_s": 0.005, "itl_s": 0.001}


@pytest.fixture
def mock() -> Iterator[ThreadedMock]:
    with threaded_mock(FAST) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/completions", "/v1/completions"),
        ("/v1/models", "/v1/models"),
        ("/proxy/team-a/v1/chat/completions", "/v1/chat/completions"),
        ("/av1/v1/models", "/v1/models"),
        ("/metrics", "/metrics"),
        ("/health", "/health"),
        ("/v1/v1/chat/completions", ""),
        ("/proxy/v1/v1/models", ""),
        ("//v1/models", ""),
        ("/v1/models/", ""),
        ("/v1", ""),
        ("/v1/chat", ""),
        ("/x/metrics", ""),
        ("/", ""),
        ("", ""),
    ],
)
def test_routes(path: str, route: str) -> None:
    assert route_of(path) == route


def test_unknown_routes_and_methods_get_json_errors(mock: ThreadedMock) -> None:
    with PlainClient(mock.port) as client:
        unknown = client.post({}, "/v1/v1/chat/completions")
        wrong = client.get("/v1/chat/completions")
        bad = client.post(b"{not json")
        field = client.post({"messages": [{"role": "user", "content": "x"}], "max_tokens": 0})
    assert (unknown.status, unknown.json()["error"]["type"]) == (404, "NotFoundError")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    assert (bad.status, bad.json()["error"]["type"]) == (400, "BadRequestError")
    assert (field.status, field.json()["error"]["param"]) == (400, "max_tokens")
    assert [record.status for record in mock.records()] == [404, 405, 400, 400]
    assert {record.outcome for record in mock.records()} == {"refused"}


def test_models_and_a_prefix(mock: ThreadedMock) -> None:
    with PlainClient(mock.port) as client:
        assert client.get("/team/v1/models").json()["data"][0]["id"] == "mock-model"
        assert client.post(chat(2, stream=False), "/team/v1/chat/completions").json()["model"] == "m"
    assert [record.path for record in mock.records()] == ["/team/v1/models", "/team/v1/chat/completions"]
    assert [record.arrival for record in mock.records()] == [None, 0]


@pytest.mark.parametrize("key", [None, "Bearer wrong", "sk-right", "bearer sk-right"])
def test_without_the_key_there_is_a_401(key: str | None) -> None:
    with threaded_mock({**FAST, "api_key": "sk-right", "faults": {"http_500": 1.0}}) as mock:
        headers = {} if key is None else {"authorization": key}
        with PlainClient(mock.port) as client:
            replies = [client.get("/v1/models", **headers), client.post(chat(2), **headers)]
            assert client.get("/health").status == client.get("/metrics").status == 200
    assert [reply.status for reply in replies] == [401, 401]
    for reply in replies:
        assert reply.json()["error"]["type"] == "invalid_request_error"
        assert b"sk-right" not in reply.body


def test_with_the_key_all_is_well_and_the_log_does_not_know_it() -> None:
    with threaded_mock({**FAST, "api_key": "sk-right"}, log_bodies=True) as mock:
        with PlainClient(mock.port) as client:
            assert client.get("/v1/models", authorization="Bearer sk-right").status == 200
            assert client.post(chat(2), authorization="Bearer sk-right").complete
        assert len(mock.records()) == 2
        assert b"sk-right" not in mock.log.read_bytes()


@pytest.mark.parametrize(("fault", "status"), [("http_500", 500), ("http_429", 429), ("http_503", 503)])
def test_refusing_faults(fault: str, status: int) -> None:
    with threaded_mock({**FAST, "faults": {fault: 1.0}}) as mock:
        with PlainClient(mock.port) as client:
            replies = [client.post(chat(2, stream), x_request_id=f"r-{k}") for k, stream in enumerate((True, False))]
            assert client.get("/v1/models").status == 200
        assert [reply.status for reply in replies] == [status, status]
        assert replies[0].json()["error"]["code"] == status
        assert [(r.status, r.fault, r.outcome) for r in mock.completions()] == [(status, fault, "refused")] * 2


RATES: dict[str, Any] = {"http_500": 0.2, "http_429": 0.1, "http_503": 0.1, "malformed": 0.2}


def outcome_by_id(seed: int, ids: list[str]) -> dict[str, str | None]:
    with threaded_mock({**FAST, "seed": seed, "faults": RATES}) as mock:
        with PlainClient(mock.port) as client:
            for request_id in ids:
                client.post(chat(2), x_request_id=request_id)
        return {record.id or "": record.fault for record in mock.completions()}


def test_faults_hang_on_seed_and_id_not_on_order() -> None:
    ids = [f"run-{k}" for k in range(60)]
    first = outcome_by_id(1, ids)
    assert first == outcome_by_id(1, ids[::-1])
    assert first == {f"run-{k}": fault_for(Faults(**RATES), 1, str(k)) for k in range(60)}
    assert list(first.values()) == list(outcome_by_id(1, [f"again-{k}" for k in range(60)]).values()), "by its number"
    assert first != outcome_by_id(2, ids)
    assert len(set(first.values())) == 5


def test_without_ids_faults_hang_on_the_arrival_number() -> None:
    runs = []
    for _ in range(2):
        with threaded_mock({**FAST, "faults": {"http_500": 0.5}}) as mock:
            with PlainClient(mock.port) as client:
                for _ in range(20):
                    client.get("/metrics")
                    client.post(chat(1))
            runs.append([record.fault for record in mock.completions()])
    assert runs[0] == runs[1]
    assert 3 < runs[0].count("http_500") < 17


def test_slow_accept_leaves_the_request_unread_and_delays_everything() -> None:
    with threaded_mock({**FAST, "slow_accept_s": 0.1, "faults": {"slow_accept": 1.0}}) as mock:
        with PlainClient(mock.port) as client:
            sent = client.send(chat(2))
            slow = client.read()
            large = client.post(chat(2, content="word " * 200_000))
        first, second = mock.completions()
    assert slow.head_ns - sent >= 100_000_000
    assert large.complete
    assert (first.fault, first.outcome, first.queue_ns) == ("slow_accept", "done", 0)
    assert first.token_offset_ns[0] >= 105_000_000
    # The large body did not fit into what was read before the pause, so it arrived only after it.
    assert (second.arrival_boot_ns or 0) - second.first_byte_boot_ns >= 100_000_000


def test_slow_accept_delays_the_100_too() -> None:
    body = json.dumps(chat(2)).encode()
    with threaded_mock({**FAST, "slow_accept_s": 0.4, "faults": {"slow_accept": 1.0}}) as mock:
        with PlainClient(mock.port) as client:
            client.raw(f"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: {len(body)}\r\n".encode())
            client.raw(b"expect: 100-continue\r\n\r\n")
            client.sock.settimeout(0.05)
            with pytest.raises(TimeoutError):
                client.sock.recv(1)
            client.sock.settimeout(5)
            assert client.read().status == 100
            client.raw(body)
            assert client.read().complete


def test_a_client_that_leaves_while_unread_is_recorded() -> None:
    with threaded_mock({**FAST, "slow_accept_s": 0.1, "faults": {"slow_accept": 1.0}}) as mock:
        with PlainClient(mock.port) as client:
            client.send(chat(2))
        with PlainClient(mock.port) as client:
            assert client.post(chat(2)).complete
        left, stayed = mock.completions()
    assert (left.outcome, stayed.outcome) == ("client_gone", "done")
