"""Real streams, and streams of their kinds, give one record however they are cut; only the times follow the cuts."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.arrival import Row
from tests.emulators.played_transport import PlayedTransport
from tests.emulators.scripted_server import pieces
from tests.function.made import performed, requester_on, spec_for

STREAMS = Path(__file__).parent / "streams"
TIMES = [field.name for field in dataclasses.fields(Row) if field.name.endswith("_ns")]
STEP_NS = 1_000_000


def row_of(reads: Sequence[bytes], ending: Any = "end", **target: Any) -> Row:
    """Read k is stamped k ms after the clock's zero, the end of the body one later."""
    stamped = [((number + 1) * STEP_NS, data) for number, data in enumerate(reads)]
    transport = PlayedTransport(stamped, (len(reads) + 1) * STEP_NS, ending)
    return asyncio.run(performed(requester_on(transport, spec_for(**target))))


def without_times(row: Row) -> Row:
    return dataclasses.replace(row, **dict.fromkeys(TIMES, None))


def token_reads(row: Row) -> list[int]:
    """The number of the read that each token time names; the end of the body is the one after the last."""
    assert all(later > earlier for earlier, later in zip(row.token_ns, row.token_ns[1:], strict=False))
    return [stamp // STEP_NS - 1 for stamp in row.token_ns]


def completing_reads(reads: Sequence[bytes], ends: Sequence[int]) -> list[int]:
    """The number of the read that brought the byte before each offset; one past the last read where none did."""
    totals, total = [], 0
    for read in reads:
        total += len(read)
        totals.append(total)
    return [next((number for number, reached in enumerate(totals) if reached >= end), len(reads)) for end in ends]


@dataclass(frozen=True, slots=True)
class Expected:
    """`tokens`: the numbers (from 0) of the events that bear output."""

    tokens: Sequence[int]
    output: int | None = None
    prompt: int | None = None
    finish: str | None = "stop"
    kind: str | None = None
    said: str | None = None
    api: str = "chat"
    content: int | None = None  # index into tokens of the first that is content
    more: Sequence[tuple[str, int]] = ()


GOLDEN = {
    "answered": Expected(range(1, 3), 2, 6),
    "azure-filters": Expected([2, 3, 4], 3, 9),
    "named-error": Expected([1, 2], finish=None, kind="error_event", said="Capacity reached"),
    "error-then-done": Expected([1], finish=None, kind="error_event", said="unexpected stop token"),
    "utf8-and-u2028": Expected(range(1, 7), 6, 7),
    "eof-no-newline": Expected([1, 2, 3], 3, 12),
    "whitespace": Expected(range(1, 17), 16, 5, "length"),
    "llamacpp_chat_usage": Expected(range(1, 5), 6, 11, "length", more=[("cached_tokens", 0)]),
    "llamacpp_completions": Expected(range(4), 4, 3, "length", api="completion", more=[("cached_tokens", 1)]),
    "vllm_chat_reasoning_then_content": Expected(
        range(1, 10), 40, 11, "length", content=6, more=[("reasoning_tokens", 0)]
    ),
    "vllm_completions_usage": Expected(range(6), 6, 3, "length", api="completion"),
    "vllm_chat_usage": Expected([], 8, 19, "length"),
    "vllm_chat_nousage": Expected([], None, None, "length", kind="empty_output"),
}


def stream(name: str) -> bytes:
    return (STREAMS / f"{name}.sse").read_bytes()


def event_ends(body: bytes) -> list[int]:
    """Offsets at which each LF-delimited event is complete; one past the body where the blank line is missing."""
    ends, at = [], 0
    for event in body.split(b"\n\n"):
        at += len(event) + 2
        ends.append(min(at, len(body) + 1))
    return ends


def test_every_stream_is_expected_to_be_something() -> None:
    assert {path.stem for path in STREAMS.glob("*.sse")} == set(GOLDEN)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_stream(name: str) -> None:
    expected, body = GOLDEN[name], stream(name)
    row = row_of(pieces(body, "event"), api=expected.api)
    assert (row.status, row.error_kind) == ("ok" if expected.kind is None else "failed", expected.kind)
    assert (row.http_status, row.malformed_events, row.events) == (200, 0, len(expected.tokens))
    assert (row.output_tokens, row.prompt_tokens) == (expected.output, expected.prompt)
    assert row.finish_reason == expected.finish
    assert (expected.said or "") in (row.error_message or "")
    for field, value in expected.more:
        assert getattr(row, field) == value
    assert token_reads(row) == list(expected.tokens)
    if expected.tokens:
        content = row.token_ns[expected.content or 0]
        assert (row.first_token_ns, row.first_content_token_ns, row.last_token_ns) == (
            row.token_ns[0],
            content,
            row.token_ns[-1],
        )
    else:
        assert row.first_token_ns is row.last_token_ns is row.first_content_token_ns is None


@pytest.mark.parametrize("name", GOLDEN)
def test_its_record_does_not_depend_on_the_cuts_and_its_times_do(name: str) -> None:
    expected, body = GOLDEN[name], stream(name)
    ends = event_ends(body)
    plain = without_times(row_of([body], api=expected.api))
    for chunk in ("line", "event", "byte", 3, 1400):
        reads = pieces(body, chunk)
        row = row_of(reads, api=expected.api)
        assert without_times(row) == plain, chunk
        assert token_reads(row) == completing_reads(reads, [ends[number] for number in expected.tokens]), chunk


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(GOLDEN)), st.lists(st.integers(0, 4000), max_size=30))
def test_nor_on_any_other_cuts(name: str, cuts: list[int]) -> None:
    expected, body = GOLDEN[name], stream(name)
    at = sorted({cut % len(body) for cut in cuts})
    reads = [body[start:end] for start, end in zip([0, *at], [*at, len(body)], strict=True) if start < end]
    row = row_of(reads, api=expected.api)
    assert without_times(row) == without_times(row_of([body], api=expected.api))
    ends = event_ends(body)
    assert token_reads(row) == completing_reads(reads, [ends[number] for number in expected.tokens])


@pytest.mark.parametrize("name", sorted(set(GOLDEN) - {"vllm_chat_nousage"}))
def test_cut_off_anywhere_before_its_end_it_is_not_ok_and_keeps_its_times(name: str) -> None:
    expected, body = GOLDEN[name], stream(name)
    ends = event_ends(body)
    verdicts = (b'"finish_reason":"', b"rror")
    last = next(number for number, event in enumerate(body.split(b"\n\n")) if any(word in event for word in verdicts))
    for at in range(0, ends[last - 1], 13):
        lost, ended = row_of([body[:at]], "lost", api=expected.api), row_of([body[:at]], api=expected.api)
        assert (lost.status, lost.error_kind) == ("failed", "connection_lost")
        assert (ended.status, ended.error_kind) == ("failed", "truncated")
        assert len(lost.token_ns) == sum(ends[number] <= at for number in expected.tokens)
        # A clean end also ends the event that only lacks its blank line.
        assert len(ended.token_ns) == sum(ends[number] - 2 <= at for number in expected.tokens)


def test_the_text_of_split_characters_is_whole_where_it_must_be_kept() -> None:
    events = [event for event in pieces(stream("utf8-and-u2028"), "event") if b'"usage"' not in event]
    for chunk in ("whole", "line", "byte"):
        row = row_of(pieces(b"".join(events), chunk))
        assert row.output_tokens is None and row.output_text is not None
        assert len(row.output_text) == 28
        assert hashlib.sha256(row.output_text.encode()).hexdigest().startswith("dfbfe8d81b8258c7")


def test_text_is_not_kept_where_the_server_counted() -> None:
    assert row_of([stream("answered")]).output_text is None


def test_one_line_of_a_megabyte() -> None:
    thought = json.dumps({"choices": [{"index": 0, "delta": {"reasoning_content": "step " * 200_000}}]}).encode()
    rest = stream("answered")
    body = b"data: " + thought + b"\n\n" + rest
    row = row_of(pieces(body, 1400))
    assert (row.status, row.events, row.output_tokens) == ("ok", 3, 2)
    assert row.first_token_ns is not None and row.first_content_token_ns is not None
    assert row.first_content_token_ns > row.first_token_ns


# Streams of the same kinds, composed at random.


def chunk(**choice: Any) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "finish_reason": None, **choice}]}


WORDS = st.sampled_from([" ", "\n", "a", "潮", "é", "\u2028", "\u0085", "👩‍🚀", '"', "\\", "data: x", "[DONE]"])
QUIET = st.sampled_from(
    [
        b": keep-alive",
        b":",
        b"event: ping\ndata: {}",
        b"id: 7\nretry: 10",
        b'data: {"choices":[],"prompt_filter_results":[{"prompt_index":0}]}',
        b'data: {"choices":[{"index":0,"finish_reason":null,"content_filter_offsets":{}}]}',
        b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}',
        b'data: {"choices":[{"index":0,"delta":{"content":null,"tool_calls":[]},"finish_reason":""}],"usage":null}',
    ]
)
WRITTEN = st.sampled_from(["data: {}", "data:{}", "id: 1\ndata: {}", "event: message\ndata: {}", ": x\ndata: {}"])


@st.composite
def token(draw: st.DrawFn) -> bytes:
    said = draw(st.sampled_from(["content", "reasoning", "reasoning_content", "refusal"]))
    payload = json.dumps(chunk(delta={said: draw(WORDS)}), ensure_ascii=draw(st.booleans()))
    return draw(WRITTEN).replace("{}", payload).encode()


FINISH = b"data: " + json.dumps(chunk(delta={}, finish_reason="stop")).encode()
ENDINGS = {
    "done": ([FINISH, b'data: {"choices":[],"usage":{"completion_tokens":99}}', b"data: [DONE]"], None),
    "no done": ([FINISH], None),
    "only done": ([b"data: [DONE]"], None),
    "error": ([b'data: {"error":{"message":"overloaded"}}', b"data: [DONE]"], "error_event"),
    "named error": ([b"event: error\ndata: overloaded", FINISH], "error_event"),
    "none": ([], "truncated"),
}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(QUIET, max_size=3),
    st.lists(st.tuples(token(), st.lists(QUIET, max_size=2)), min_size=1, max_size=8),
    st.sampled_from(sorted(ENDINGS)),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.booleans(),
    st.lists(st.integers(0, 5000), max_size=20),
)
def test_a_composed_stream(
    first: list[bytes],
    tokens: list[tuple[bytes, list[bytes]]],
    ending: str,
    newline: bytes,
    last_newline: bool,
    cuts: list[int],
) -> None:
    events = [*first, *(event for said, quiet in tokens for event in (said, *quiet)), *ENDINGS[ending][0]]
    body, ends, at = b"", [], len(first)
    for event in events:
        body += (event + b"\n\n").replace(b"\n", newline)
        # A CRLF's line is complete with its CR.
        ends.append(len(body) - (newline == b"\r\n"))
    if not last_newline:
        body = body[: -2 * len(newline)]
        ends[-1] = len(body) + 1
    bearing = []
    for _, quiet in tokens:
        bearing.append(ends[at])
        at += 1 + len(quiet)
    where = sorted({cut % len(body) for cut in cuts})
    reads = [body[start:end] for start, end in zip([0, *where], [*where, len(body)], strict=True) if start < end]
    row = row_of(reads)
    assert row.error_kind == ENDINGS[ending][1], row
    assert (row.malformed_events, row.output_tokens) == (0, 99 if ending == "done" else None)
    assert token_reads(row) == completing_reads(reads, bearing)
