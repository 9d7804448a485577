"""What a call writes down while it is told of an exchange, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from function.call import Asked, Call
from function.clock import SystemClock
from function.contract.spec import Timeouts
from function.dialects import DIALECTS
from function.rounds import Rounds
from function.stream import StreamFold
from function.transport.port import Failure
from function.whole import ErrorBody, WholeBody
from tests.emulators.played_transport import PlayedTransport

CHUNK = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'


def call(streaming: bool = True, timeouts: Timeouts | None = None) -> Call:
    clock = SystemClock()
    asked = Asked(DIALECTS["chat"], streaming, 1, True, timeouts or Timeouts())
    return Call(asked, clock, Rounds(), lambda: None)


async def started(made: Call, transport: PlayedTransport, permit: Callable[[], str | None] = lambda: None) -> Call:
    """Until it has ended."""
    ended = asyncio.Event()
    made._ended = ended.set
    made.start(transport, b"", permit)
    assert not ended.is_set(), "never within start"
    await asyncio.wait_for(ended.wait(), 5)
    return made


def within_a_loop(body: Coroutine[Any, Any, None]) -> None:
    asyncio.run(body)


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize(
    ("ctype", "body", "reader"),
    [
        ("text/event-stream", CHUNK, StreamFold),
        ("application/json", CHUNK, StreamFold),
        ("", b"\xef\xbb\xbf" + CHUNK, StreamFold),
        ("", b"\r\n\n" + CHUNK, StreamFold),
        ("", b": hi\n\n", StreamFold),
        ("", b"event: x\n", StreamFold),
        ("", b"id: 1\n", StreamFold),
        ("", b"retry: 1\n", StreamFold),
        ("text/event-stream", b"other: 1\n", StreamFold),
        ("application/json", b"  \n{}", WholeBody),
        ("text/event-stream", b'{"error":"x"}', WholeBody),
        ("text/event-stream", b"<html>", WholeBody),
        ("text/plain", b"Not today", WholeBody),
    ],
)
def test_the_first_byte_that_says_something_tells_what_an_answer_is(
    ctype: str, body: bytes, reader: type, streaming: bool
) -> None:
    async def go() -> None:
        for size in (1, 2, len(body)):
            made = call(streaming)
            made.head(1, 200, {"content-type": ctype})
            for at in range(0, len(body), size):
                made.feed(2, body[at : at + size])
            assert type(made.reader) is reader
            assert made.received == len(body)
            made.give_up()

    within_a_loop(go())


def test_no_byte_is_lost_while_it_is_not_yet_told() -> None:
    async def go() -> None:
        made = call()
        made.head(1, 200, {})
        for number, byte in enumerate(b"\n\n" + CHUNK):
            made.feed(10 + number, bytes([byte]))
        assert made.reader is not None
        assert list(made.reader.answer().token_ns) == [10 + 1 + len(CHUNK)]
        assert made.first_byte_ns == 10
        made.give_up()

    within_a_loop(go())


def test_a_status_that_is_no_success_settles_it_at_its_head() -> None:
    async def go() -> None:
        made = call()
        made.head(5, 302, {"location": "/there", "content-encoding": "gzip"})
        assert made.over and isinstance(made.reader, ErrorBody)
        assert (made.status, made.location) == (302, "/there")
        made.give_up()

    within_a_loop(go())


def test_a_compressed_answer_is_given_up() -> None:
    async def go() -> None:
        made = call()
        channel = PlayedTransport([(2, b"zzz")], 3, headers={"content-encoding": "br"}).at_hand()
        await started(made, _Holding(channel))
        assert channel is not None and channel.closed and made.received == 0
        assert made.failure is not None and made.failure.kind == "protocol"

    within_a_loop(go())


class _Holding(PlayedTransport):
    def __init__(self, channel: Any) -> None:
        super().__init__([], 0)
        self._channel = channel

    def at_hand(self) -> Any:
        return self._channel


def test_the_end_is_the_last_that_was_told_of_the_answer() -> None:
    async def go() -> None:
        ended, broken = call(), call()
        for made in (ended, broken):
            made.head(1, 200, {})
            made.feed(20, CHUNK)
        ended.end(30)
        broken.fail(40, Failure("connection_lost", "x"))
        assert (ended.end_ns, ended.ending, broken.end_ns, broken.ending) == (30, "end", 40, "lost")

    within_a_loop(go())


def test_no_timer_outlives_a_call() -> None:
    async def go() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(20):
            made = call(timeouts=Timeouts(total_s=50, connect_s=10, first_token_s=9, idle_s=8))
            await started(made, PlayedTransport([(5, CHUNK)], 9))
        refused = await started(call(), _Fresh(), lambda: "lease")
        assert refused.refusal == "lease" and not refused.written
        pending = [timer for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
        assert pending == []

    within_a_loop(go())


class _Fresh(PlayedTransport):
    def __init__(self) -> None:
        super().__init__([], 0)

    def at_hand(self) -> None:
        return

    async def acquire(self) -> Any:
        channel = await PlayedTransport.acquire(self)
        channel.reused, channel.connect_ns = False, 5
        return channel
