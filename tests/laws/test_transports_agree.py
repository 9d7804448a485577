"""Identical bytes give identical records on every transport, however they are cut; only times may differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from function.arrival import Row
from function.clock import SystemClock
from function.contract.spec import Timeouts
from function.transport.opening import open_transport
from tests.emulators.scripted_server import End, ScriptedServer, Send, Step, Wait
from tests.function.made import performed, requester_on, spec_for
from tests.function.played import DONE, ROLE, STOP, USAGE, A, B, event

WORDS = ("native", "aiohttp")
PAUSE_S = 0.001  # between two pieces, so that most of them are a read each
KEEP_ALIVE, BROKEN = b": keep-alive\n\n", b'data: {"choices": [\n\n'
ERROR = event({"error": {"message": "out of memory", "code": 500}})
LINES = b'data: {"choices":\r\ndata: [{"index":0,"delta":{"content":"two lines"}}]}\r\n\r\n'
EVENTS = [ROLE, A, B, STOP, USAGE, DONE, KEEP_ALIVE, BROKEN, ERROR, LINES, event({"choices": []})]
WHOLE = b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"completion_tokens":1}}'
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

bodies = st.one_of(
    st.just([ROLE, A, B, STOP, USAGE, DONE]),
    st.lists(st.sampled_from(EVENTS), max_size=8),
    st.sampled_from(
        [[WHOLE], [b'{"error":{"message":"no"}}'], [b""], [b"<html>gateway</html>"], [b"\xef\xbb\xbf", A, DONE]]
    ),
)
extras = st.lists(
    st.sampled_from(
        [
            b"Content-Type: text/event-stream; charset=utf-8",
            b"content-type: application/json",
            b"Connection: close",
            b"Location: /elsewhere",
            b"X-Latin: caf\xe9",
            b"X-Empty:",
            b"Content-Encoding: gzip",
        ]
    ),
    max_size=3,
    unique=True,
)


@st.composite
def answers(draw: st.DrawFn) -> list[Step]:
    """The steps of an answer, cut somewhere, perhaps incomplete; the server ends the connection where one must."""
    pieces = draw(bodies)
    framing = draw(st.sampled_from(["chunked", "length", "close"]))
    body = b"".join(pieces)
    fields = draw(extras)
    if framing == "chunked":
        fields.append(b"Transfer-Encoding: chunked")
        extension = draw(st.sampled_from([b"", b";a=b", b"  "]))
        body = b"".join([b"%x%b\r\n%b\r\n" % (len(one), extension, one) for one in pieces if one])
        body += b"0\r\n" + draw(st.sampled_from([b"", b"X-Trailer: 1\r\n"])) + b"\r\n"
    elif framing == "length":
        fields.append(b"Content-Length: %d" % len(body))
    status = draw(st.sampled_from([b"200 OK", b"200 OK", b"200 OK", b"200", b"429 Slow Down", b"302 Found"]))
    version = draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"]))
    head = b"\r\n".join([version + b" " + status, *fields]) + b"\r\n\r\n"
    data = draw(st.sampled_from([b"", b"", INTERIM])) + head + body
    cut = framing == "close" or draw(st.integers(0, 3)) == 0
    if cut:
        data = data[: draw(st.integers(0, len(data))) if draw(st.booleans()) else len(data)]
    at = sorted({0, len(data), *draw(st.lists(st.integers(1, max(1, len(data) - 1)), max_size=10))})
    steps: list[Step] = []
    for start, end in pairwise(at):
        steps += [Send(data[start:end]), Wait(PAUSE_S)]
    return [*steps, End()] if cut else steps


class Stage:
    """A server that plays what it was last told."""

    def __init__(self) -> None:
        self.steps: Sequence[Step] = []
        self.server = ScriptedServer(lambda _: self.steps)

    def rows(self, word: str, steps: Sequence[Step], streaming: bool) -> list[Row]:
        """Of two requests in a row; of one where the server ends the connection, which the second might meet or not."""
        self.steps = steps
        count = 1 if any(isinstance(step, End) for step in steps) else 2

        async def go() -> list[Row]:
            times = Timeouts(total_s=10.0)
            spec = spec_for(self.server.url, transport=word, streaming=streaming, timeouts=times)
            requester = requester_on(open_transport(spec.target, SystemClock()), spec)
            try:
                return [await performed(requester, index) for index in range(count)]
            finally:
                await requester.close()

        rows: list[Row] = uvloop.run(go())
        return rows


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    made = Stage()
    with made.server:
        yield made


def without_times(row: Row) -> dict[str, Any]:
    instants = [name for name in Row.__slots__ if name.endswith("_ns") and name not in ("connect_ns", "token_ns")]
    kept = {name: getattr(row, name) for name in Row.__slots__ if not name.endswith("_ns")}
    kept["known"] = {name for name in instants if getattr(row, name) is not None}
    kept["tokens"] = len(row.token_ns)
    if row.error_kind == "protocol":
        del kept["error_message"]  # each parser has words of its own
    return kept


@settings(max_examples=80, deadline=None)
@given(answers(), st.booleans())
def test_identical_bytes_give_identical_records(stage: Stage, steps: list[Step], streaming: bool) -> None:
    native, other = ([without_times(row) for row in stage.rows(word, steps, streaming)] for word in WORDS)
    assert native == other
