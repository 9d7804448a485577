"""Answers out of bytes, without a socket: however they are cut, the same comes out."""

from __future__ import annotations

import gc
import weakref
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.transport.native_answer import HEAD_LIMIT, AnswerParser
from function.transport.port import LINE_LIMIT

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
ANSWERS = [
    CHUNKED + b"5\r\nfirst\r\n1;ext=1\r\n \r\n6\r\nsecond\r\n0\r\nX-Trailer: 1\r\n\r\n",
    LENGTH + b"whole",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </x>\r\n\r\n" + LENGTH + b"whole",
    b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 2\r\nRetry-After: 2\r\n\r\nno",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
]


def parsed(pieces: list[bytes]) -> tuple[AnswerParser, bytes]:
    answer = AnswerParser()
    return answer, b"".join([answer.feed(piece) for piece in pieces])


def told(pieces: list[bytes]) -> tuple[object, ...]:
    answer, body = parsed(pieces)
    flags = answer.whole, answer.stray, answer.fault, answer.keeps_alive, answer.ends_with_connection
    return answer.status, answer.headers, body, flags


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ANSWERS), st.lists(st.integers(0, 260), max_size=20))
def test_any_segmentation_gives_the_same(data: bytes, cuts: list[int]) -> None:
    at = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert told([data[start:end] for start, end in pairwise(at)]) == told([data])


def test_what_is_told_of_a_whole_answer() -> None:
    answer, body = parsed([ANSWERS[0]])
    assert (answer.status, body, answer.whole, answer.keeps_alive) == (200, b"first second", True, True)
    assert answer.headers == {"content-type": "text/event-stream", "transfer-encoding": "chunked"}, "no trailer in it"
    answer, body = parsed([ANSWERS[2]])
    assert (answer.status, answer.headers, body) == (200, {"content-length": "5"}, b"whole"), (
        "nothing of the interim ones"
    )
    assert parsed([ANSWERS[3]])[0].headers["retry-after"] == "1", "the first of a name"


def test_one_read_is_one_piece_of_body() -> None:
    answer = AnswerParser()
    assert answer.feed(CHUNKED) == b""
    assert answer.feed(b"2\r\nab\r\n3\r\ncde\r\n1\r\n") == b"abcde"
    assert answer.feed(b"f") == b"f"


@pytest.mark.parametrize(
    ("head", "keeps", "by_the_end"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", False, True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", False, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", False, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", True, False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", True, False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True, False),
        (CHUNKED, False, False),
    ],
)
def test_how_an_answer_ends_and_whether_the_connection_goes_on(head: bytes, keeps: bool, by_the_end: bool) -> None:
    answer, _ = parsed([head])
    assert (answer.keeps_alive, answer.ends_with_connection) == (keeps, by_the_end)


@pytest.mark.parametrize("stray", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray", b"garbage", b"H"])
@pytest.mark.parametrize("first", [LENGTH + b"whole", CHUNKED + b"5\r\nwhole\r\n0\r\n\r\n"])
def test_what_follows_an_answer_is_stray_and_none_of_it(first: bytes, stray: bytes) -> None:
    answer, body = parsed([first + stray])
    assert (answer.status, body, answer.whole, answer.stray, answer.fault) == (200, b"whole", True, True, None)


def test_the_next_answer_begins_anew() -> None:
    answer, _ = parsed([ANSWERS[3]])
    answer.begin()
    assert answer.feed(LENGTH + b"again") == b"again"
    assert (answer.status, answer.headers, answer.whole) == (200, {"content-length": "5"}, True)


@pytest.mark.parametrize(
    "noise",
    [
        b"HELO\r\n\r\n",
        b"HTTP/9 200\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        CHUNKED + b"zz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 099 Less\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (LINE_LIMIT + 1) + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (HEAD_LIMIT // 6),
        b"HTTP/1.1 103 Hints\r\n\r\n" * (HEAD_LIMIT // 20),
    ],
)
def test_what_is_no_answer_is_a_fault(noise: bytes) -> None:
    whole = parsed([noise])[0]
    assert whole.fault and not whole.whole
    assert parsed([noise[at : at + 7000] for at in range(0, len(noise), 7000)])[0].fault


def test_body_before_a_fault_is_kept() -> None:
    answer, body = parsed([CHUNKED + b"2\r\nok\r\nzz\r\n"])
    assert body == b"ok" and answer.fault


def test_it_leaves_no_cycle() -> None:
    gc.collect()
    gc.disable()
    try:
        answer = AnswerParser()
        answer.feed(ANSWERS[0])
        gone = weakref.ref(answer)
        answer.close()
        del answer
        assert gone() is None
    finally:
        gc.enable()


def chunk(body: bytes, size: str = "x") -> bytes:
    return format(len(body), size).encode() + b"\r\n" + body + b"\r\n"


READS = st.one_of(
    st.binary(min_size=1, max_size=40).map(chunk),
    st.binary(min_size=1, max_size=40).map(lambda body: chunk(body, "X")),
    st.binary(min_size=1, max_size=40).map(lambda body: chunk(body, "04x")),
    st.sampled_from([b"8\r\n" * 3, b"8\r\n\r\n", b"1", b"5;a=b\r\nhello\r\n", b"0\r\n\r\n", b"zz\r\n", b"\r\n", b"\n"]),
    st.sampled_from([chunk(chunk(b"b" * 16)), chunk(b"9\r\n" * 5), b"9\r\n" * 5, chunk(b"x" * 5000)]),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(READS, max_size=30))
def test_whole_chunks_need_no_parser(reads: list[bytes]) -> None:
    quick, slow = AnswerParser(), AnswerParser()
    quick.feed(CHUNKED)
    slow.feed(CHUNKED)
    bodies = quick.feed_all(reads)
    assert bodies == [slow.feed(data) for data in reads[: len(bodies)]]
    assert (quick.whole, quick.fault, quick.stray) == (slow.whole, slow.fault, slow.stray)
    assert len(bodies) == len(reads) or quick.whole or quick.fault
    for data in reads[len(bodies) :]:
        assert quick.feed(data) == slow.feed(data)
    assert (quick.whole, quick.fault, quick.stray) == (slow.whole, slow.fault, slow.stray)
