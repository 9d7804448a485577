"""Laws of the event decoder: cuts do not matter, the rules are WHATWG's, the work is linear."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from function import sse
from function.sse import BARE, Decoder, Event, EventTooLong


def decoded(chunks: list[bytes], finish: bool = False) -> list[Event]:
    decoder = Decoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events + (decoder.finish() if finish else [])


def by_the_letter(stream: bytes) -> list[Event]:
    """The specification's algorithm, a byte at a time, as slowly as it is written there; and beside it the two kinds of
    line that it would pass over and that may be an error."""
    stream = stream.removeprefix(b"\xef\xbb\xbf")
    lines, line, at = [], b"", 0
    while at < len(stream):
        byte = stream[at : at + 1]
        at += 1
        if byte in (b"\r", b"\n"):
            at += stream[at - 1 : at + 1] == b"\r\n"
            lines.append(line)
            line = b""
        else:
            line += byte
    events, data, name = [], b"", b""
    for line in lines:
        if line == b"":
            if data:
                events.append((data[:-1], name))
            data, name = b"", b""
        elif line[0:1] == b"{":
            events.append((line, BARE))
        elif line[0:1] != b":":
            field, _, value = line.partition(b":")
            value = value[1:] if value[0:1] == b" " else value
            if field == b"data":
                data += value + b"\n"
            elif field == b"event":
                name = value
            elif field == b"error" and value:
                events.append((value, field))
    return events


TEXT = st.lists(st.sampled_from([b"{", b"}", b"a", b" ", b":", "é".encode(), "\u2028".encode(), b"\x85", b"\x0c"])).map(
    b"".join
)
LINE = st.one_of(
    TEXT.map(lambda text: b"data: " + text),
    TEXT.map(lambda text: b"data:" + text),
    TEXT.map(lambda text: b":" + text),
    TEXT.map(lambda text: b"event: " + text),
    TEXT.map(lambda text: b"id:" + text),
    TEXT,
    st.sampled_from([b"data", b"event", b"retry: 3", b"", b"", b"", b"Data: x", b"data : x", b"\xef\xbb\xbfdata: x"]),
)
ENDING = st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"])
STREAM = st.tuples(
    st.sampled_from([b"", b"\xef\xbb\xbf", b"\xef\xbb"]),
    st.lists(st.tuples(LINE, ENDING), max_size=20).map(lambda lines: b"".join(line + end for line, end in lines)),
    TEXT,
).map(b"".join)


def segmented(stream: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({cut % (len(stream) + 1) for cut in cuts})
    return [stream[start:end] for start, end in zip([0, *at], [*at, len(stream)], strict=True)]


@settings(max_examples=300, deadline=None)
@given(STREAM, st.lists(st.integers(0, 10_000), max_size=12))
@example(b"data: a\r\n\r\ndata: b\r\r", [8, 9, 10])
@example(b"\xef\xbb\xbfdata: a\n\n", [1, 2])
def test_it_decodes_by_the_letter_however_the_stream_is_cut(stream: bytes, cuts: list[int]) -> None:
    expected = by_the_letter(stream)
    assert decoded([stream]) == expected
    assert decoded(segmented(stream, cuts)) == expected
    assert decoded([stream[at : at + 1] for at in range(len(stream))]) == expected


@settings(max_examples=100, deadline=None)
@given(STREAM, st.lists(st.integers(0, 10_000), max_size=12))
def test_finishing_gives_what_a_blank_line_would_have_given(stream: bytes, cuts: list[int]) -> None:
    assert decoded(segmented(stream, cuts), finish=True) == by_the_letter(stream + b"\n\n")


def test_an_event_is_out_with_the_read_that_completes_it() -> None:
    decoder = Decoder()
    assert decoder.feed(b"data: {1}\n") == []
    assert decoder.feed(b"\ndata: {2}") == [(b"{1}", b"")]
    assert decoder.feed(b"\r\n\r") == [(b"{2}", b"")], "a CR ends the line without waiting for what follows"
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"data: {3}\n\n") == [(b"{3}", b"")]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c"])
def test_what_text_mode_would_split_at_is_ordinary(separator: str) -> None:
    assert decoded([f"data: a{separator}b\n\n".encode()]) == [(f"a{separator}b".encode(), b"")]


def test_names_belong_to_one_event_only() -> None:
    stream = b"event: ping\ndata: 1\n\ndata: 2\n\nevent: lonely\n\ndata: 3\n\n"
    assert decoded([stream]) == [(b"1", b"ping"), (b"2", b""), (b"3", b"")]


def feed_seconds(size: int, piece: int) -> float:
    line = b"data: " + b"x" * size + b"\n\n"
    decoder = Decoder()
    start = time.process_time()
    events = [event for at in range(0, len(line), piece) for event in decoder.feed(line[at : at + piece])]
    assert [len(data) for data, _ in events] == [size]
    return time.process_time() - start


def test_one_long_line_in_small_pieces_costs_linear_time() -> None:
    small, large = (min(feed_seconds(size, 16) for _ in range(3)) for size in (1 << 17, 1 << 20))
    assert large < 8 * small * 4, "eight times the bytes may cost eight times the work, with slack for noise"


def test_an_endless_event_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HELD_LIMIT", 1000)
    with pytest.raises(EventTooLong):
        decoded([b"data: " + b"x" * 400, b"x" * 400, b"x" * 400])
    with pytest.raises(EventTooLong):
        decoded([b"data: " + b"x" * 90 + b"\n"] * 12)
    assert len(decoded([b"data: " + b"x" * 900 + b"\n\n"] * 12)) == 12
