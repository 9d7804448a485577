"""HTTP on the wire: keep-alive, pipelining, odd clients, and what cannot be read."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.mockserver import connection
from orchestrator.mockserver.request import Request
from tests.emulators.mock import ThreadedMock, threaded_mock
from tests.emulators.plain_client import PlainClient, chat, request_bytes

FAST = {"ttft_s": 0.01, "itl_s": 0.001}
BODY = json.dumps(chat(3)).encode()
PATH = "/v1/chat/completions"


@pytest.fixture
def mock() -> Iterator[ThreadedMock]:
    with threaded_mock(FAST) as running:
        yield running


def test_a_connection_is_used_again(mock: ThreadedMock) -> None:
    with PlainClient(mock.port) as client:
        replies = [client.post(chat(3, stream=k % 2 == 0), x_request_id=f"r-{k}") for k in range(4)]
        assert client.get("/health").status == 200
    assert [(reply.status, reply.complete) for reply in replies] == [(200, True)] * 4
    assert [reply.headers["x-request-id"] for reply in replies] == ["r-0", "r-1", "r-2", "r-3"]
    assert {record.connection for record in mock.records()} == {0}


def test_pipelined_requests_are_answered_in_order(mock: ThreadedMock) -> None:
    count = connection.MAX_PIPELINED * 2
    with PlainClient(mock.port) as client:
        for k in range(count):
            client.send(chat(2, stream=k % 3 != 0), x_request_id=f"r-{k}")
        replies = [client.read() for _ in range(count)]
    assert [reply.headers["x-request-id"] for reply in replies] == [f"r-{k}" for k in range(count)]
    assert all(reply.complete for reply in replies)
    assert [record.outcome for record in mock.completions()] == ["done"] * count


def test_a_request_may_come_byte_by_byte(mock: ThreadedMock) -> None:
    raw = request_bytes("POST", PATH, BODY, {"x_request_id": "slow"})
    with PlainClient(mock.port) as client:
        for k in range(len(raw)):
            client.raw(raw[k : k + 1])
            if k in (1, len(raw) - 2):
                time.sleep(0.03)
        assert len(client.read().chunks()) == 4
    record = mock.completions()[0]
    assert (record.arrival_boot_ns or 0) - record.first_byte_boot_ns > 50_000_000
    assert record.token_offset_ns[0] >= 10_000_000


def test_a_chunked_body_is_read(mock: ThreadedMock) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    pieces = [BODY[:20], BODY[20:]]
    with PlainClient(mock.port) as client:
        client.raw(head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n")
        assert client.read().complete
    assert mock.completions()[0].body_bytes == len(BODY)


def test_expect_continue_is_answered_before_the_body(mock: ThreadedMock) -> None:
    raw = request_bytes("POST", PATH, BODY, {"expect": "100-continue"})
    with PlainClient(mock.port) as client:
        client.raw(raw[: -len(BODY)])
        assert client.read().status == 100
        client.raw(BODY)
        assert client.read().complete
        client.raw(raw)  # head and body together: no 100 is due
        assert client.read().status == 200


def test_expect_continue_waits_for_the_answer_before_it(mock: ThreadedMock) -> None:
    raw = request_bytes("POST", PATH, BODY, {"expect": "100-continue"})
    with PlainClient(mock.port) as client:
        client.send(chat(20))
        client.raw(raw[: -len(BODY)])
        assert client.read().complete
        assert client.read().status == 100
        client.raw(BODY)
        assert client.read().complete


@pytest.mark.parametrize("stream", [True, False])
def test_http_1_0_gets_a_plain_body_and_a_close(mock: ThreadedMock, stream: bool) -> None:
    body = json.dumps(chat(3, stream)).encode()
    with PlainClient(mock.port) as client:
        client.raw(f"POST {PATH} HTTP/1.0\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        reply = client.read()
        assert client.sock.recv(1) == b""
    assert "transfer-encoding" not in reply.headers
    assert reply.headers["connection"] == "close"
    assert reply.events()[-1] == "[DONE]" if stream else reply.json()["usage"]["completion_tokens"] == 3


def test_connection_close_is_obeyed(mock: ThreadedMock) -> None:
    with PlainClient(mock.port) as client:
        assert client.post(chat(2), connection="close").complete
        assert client.sock.recv(1) == b""


def test_an_offer_to_upgrade_is_ignored(mock: ThreadedMock) -> None:
    with PlainClient(mock.port) as client:
        assert client.post(chat(2), connection="Upgrade", upgrade="h2c").complete
    with PlainClient(mock.port) as client:
        assert client.get("/health", connection="Upgrade, HTTP2-Settings", upgrade="h2c").status == 200


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01", b"HELLO\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_garbage_is_a_400_and_a_close(mock: ThreadedMock, garbage: bytes) -> None:
    with PlainClient(mock.port) as client:
        client.raw(garbage)
        reply = client.read()
        assert client.sock.recv(1) == b""
    assert (reply.status, reply.json()["error"]["code"]) == (400, 400)
    assert [record.outcome for record in mock.records()] == ["refused"]


def test_garbage_after_a_request_does_not_spoil_its_answer(mock: ThreadedMock) -> None:
    with PlainClient(mock.port) as client:
        client.raw(request_bytes("POST", PATH, BODY, {}) + b"\x00\x01garbage\r\n\r\n")
        reply = client.read()
        assert reply.complete and reply.events()[-1] == "[DONE]"
        assert client.sock.recv(1) == b""
    assert mock.completions()[0].outcome == "done"


def test_a_head_without_end_is_a_431(mock: ThreadedMock) -> None:
    with PlainClient(mock.port) as client:
        client.raw(b"GET /health HTTP/1.1\r\nx: " + b"y" * (connection.MAX_HEAD_BYTES + 10) + b"\r\n\r\n")
        assert client.read().status == 431


def test_a_body_beyond_the_limit_is_a_413(mock: ThreadedMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_BODY_BYTES", 1000)
    with PlainClient(mock.port) as client:
        assert client.post(b"x" * 1001).status == 413


def test_a_large_body_is_taken(mock: ThreadedMock) -> None:
    content = "word " * 400_000
    with PlainClient(mock.port) as client:
        reply = client.post(chat(2, stream=False, content=content))
    assert reply.json()["usage"]["prompt_tokens"] == 400_000
    assert mock.completions()[0].body_bytes > 2_000_000


def test_a_client_that_leaves_half_way_is_recorded(mock: ThreadedMock) -> None:
    raw = request_bytes("POST", PATH, BODY, {"x_request_id": "half"})
    with PlainClient(mock.port) as client:
        client.raw(raw[:-5])
    with PlainClient(mock.port) as client:
        client.raw(raw + request_bytes("POST", PATH, json.dumps(chat(1000)).encode(), {}))
        assert client.read().complete  # and leaves while the second is being answered
    records = {record.outcome: record for record in mock.records()}
    assert records["incomplete"].arrival_ns is None
    assert (records["incomplete"].id, records["incomplete"].status) == ("half", None)
    assert records["incomplete"].body_bytes == len(BODY) - 5
    assert "client_gone" in records


def test_head_and_options_are_harmless(mock: ThreadedMock) -> None:
    with PlainClient(mock.port) as client:
        for path in ("/v1/models", "/metrics", "/health"):
            reply = client.get(path, method="HEAD")
            assert (reply.status, client._left) == (200, b"")
        reply = client.get(PATH, method="OPTIONS")
        assert (reply.status, reply.headers["allow"]) == (200, "POST")
        assert client.get("/health").complete


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = self.paused = False

    def set_write_buffer_limits(self, high: int) -> None:
        assert high == 0

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Echo:
    """A front that answers every request with its body at once."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.left = 0

    def opened(self, _: object) -> int:
        return 0

    def closed(self, _: object) -> None: ...

    def head_complete(self, *_: object) -> None: ...

    def paused(self, _: object) -> bool:
        return False

    def abandoned(self, _: object) -> None:
        self.left += 1

    def take(self, answering: connection.Connection, request: Request) -> None:
        self.taken.append(request.body)
        answering.reply(request, 200, request.body, b"text/plain")
        answering.finished(request)

    def refuse(self, answering: connection.Connection, request: Request, status: int, _: str) -> None:
        answering.reply(request, status, b"", b"text/plain")
        answering.finished(request)


def fed(data: bytes, cuts: list[int]) -> tuple[Echo, Wire]:
    front, wire = Echo(), Wire()
    made = connection.Connection(front)
    made.connection_made(wire)  # type: ignore[arg-type]
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        if end > start:
            made.data_received(data[start:end])
    made.connection_lost(None)
    return front, wire


@given(st.lists(st.binary(max_size=40), max_size=6), st.lists(st.integers(0, 10_000), max_size=12))
def test_any_segmentation_gives_the_same_requests_in_order(bodies: list[bytes], cuts: list[int]) -> None:
    data = b"".join(request_bytes("POST", "/x", body, {}) for body in bodies)
    front, wire = fed(data, cuts)
    assert front.taken == bodies
    assert wire.written == fed(data, [])[1].written
    assert (front.left, wire.closed) == (0, False)


@given(st.binary(max_size=200), st.booleans(), st.lists(st.integers(0, 10_000), max_size=5))
def test_garbage_is_refused_once_or_waited_for(garbage: bytes, after: bool, cuts: list[int]) -> None:
    before = request_bytes("POST", "/x", b"body", {}) if after else b""
    front, wire = fed(before + garbage, cuts)
    assert front.taken[:1] == ([b"body"] if after else front.taken[:1])
    assert wire.written.count(b"HTTP/1.1 400") <= 1
    assert wire.closed or b"HTTP/1.1 400" not in wire.written
