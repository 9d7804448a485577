"""Reads that wait and are folded together say what they would have said one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.answer import Answer
from function.dialects import DIALECTS
from function.plain import Runs, find_slot, plain
from function.stream import StreamFold

CHAT, COMPLETION = DIALECTS["chat"], DIALECTS["completion"]
TEXTS = [
    "a",
    " word",
    "",
    "\n",
    'say "hi"',
    "\\",
    "é",
    "日本",
    "assistant",
    "m",
    "null",
    "\x7f",
    "benchctl-probe",
    "\ud83d",
]


def read(payload: bytes) -> bytes:
    return b"data: " + payload + b"\n\n"


def chunk(text: str, key: str = "content", **around: Any) -> bytes:
    choice = {"index": 0, "delta": {key: text}, "logprobs": None, "finish_reason": None}
    return json.dumps({"id": "m", "created": 5, "model": "m", "choices": [choice | around]}, ensure_ascii=False).encode(
        "utf-8", "replace"
    )


EVENTS = st.one_of(
    st.builds(
        chunk, st.sampled_from(TEXTS), st.sampled_from(["content", "content", "content", "reasoning", "refusal"])
    ),
    st.builds(lambda text, index: chunk(text, index=index), st.sampled_from(TEXTS), st.sampled_from([0, 1, None])),
    st.builds(lambda text: chunk(text).replace(b'"created": 5', b'"created": 6'), st.sampled_from(TEXTS)),
    st.builds(lambda text: chunk(text)[:-1] + b',"usage":{"completion_tokens":3}}', st.sampled_from(TEXTS)),
    st.sampled_from(
        [
            chunk("x", finish_reason="stop"),
            chunk("x", finish_reason="error"),
            b'{"choices":[],"usage":{"completion_tokens":9,"prompt_tokens":1}}',
            b'{"error":{"message":"oops"}}',
            b'{"choices":[{"delta":{"content":"cut',
            b'{"choices":[{"index":0,"delta":{"content":"\xe6\x97"}}]}',
            b'{"choices":[{"index":0,"delta":{"content":"\xa5"}}]}',
            b'{"choices":[{"index":0,"delta":{"role":"a","content":"a"}}]}',
            b'{"choices":[{"index":0,"delta":{"tool_calls":[{"function":{"name":"f","arguments":{"a":"b"}}}]}}]}',
            b"[DONE]",
            b"nothing",
            b"",
        ]
    ),
)
READS = st.one_of(
    EVENTS.map(read),
    EVENTS.map(read),
    EVENTS.map(read),
    st.lists(EVENTS, min_size=2, max_size=3).map(lambda some: b"".join(map(read, some))),
    EVENTS.map(lambda event: b"data: " + event + b"\r\n\r\n"),
    EVENTS.map(lambda event: b"event: error\ndata: " + event + b"\n\n"),
    EVENTS.map(lambda event: b"data: a\n" + read(event)),
    st.sampled_from([b": hi\n\n", b"data: half", b"\n\n", b"\n", b"data: x\n\n\n", b"event: a\n"]),
)


def folded(reads: list[bytes], cuts: list[int], choices: int) -> tuple[Answer, Any]:
    """Fed in groups of so many, one by one where there are no cuts."""
    fold = StreamFold(CHAT, choices, True, keeps_content=True)
    stamps = [1_000 * (number + 1) for number in range(len(reads))]
    at = 0
    for size in cuts:
        fold.feed_all(stamps[at : at + size], reads[at : at + size])
        at += size
    for stamp_ns, data in zip(stamps[at:], reads[at:]):
        fold.feed(stamp_ns, data)
    fold.end(10**9)
    return fold.answer(), (fold.settled, fold.settled_ns, fold.complete, fold.last_data_ns, fold.waits_for_token)


@settings(max_examples=400, deadline=None)
@given(st.lists(READS, max_size=40), st.lists(st.integers(1, 30), max_size=6), st.sampled_from([1, 1, 2]))
def test_reads_fed_together_say_what_each_alone_would(reads: list[bytes], cuts: list[int], choices: int) -> None:
    assert folded(reads, cuts, choices) == folded(reads, [], choices)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=5), st.sampled_from(["content", "reasoning"])), min_size=3, max_size=60),
    st.integers(1, 9),
)
def test_however_a_stream_is_cut(said: list[tuple[str, str]], cut: int) -> None:
    body = b"".join(read(chunk(text, key)) for text, key in said) + read(b"[DONE]")
    whole = [read(chunk(text, key)) for text, key in said] + [read(b"[DONE]")]
    size = 1 + len(body) // cut
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    one, other = folded(whole, [len(whole)], 1)[0], folded(pieces, [len(pieces)], 1)[0]
    assert (one.text, one.content, one.events) == (other.text, other.content, other.events)
    assert one.events == sum(1 for text, _ in said if text)


@pytest.mark.parametrize(
    ("dialect", "payload", "reasoning", "index"),
    [
        (CHAT, chunk("assistant", role="assistant"), False, 0),
        (CHAT, b'{"x":"m","choices":[{"index":3,"delta":{"role":"m","content":"m"},"finish_reason":null}]}', False, 3),
        (CHAT, chunk("so", "reasoning_content"), True, 0),
        (CHAT, b'{"choices":[{"delta":{"content":"a"}}],"usage":null,"error":null}', False, 0),
        (COMPLETION, b'{"choices":[{"text":"a","index":1}]}', False, 1),
    ],
)
def test_a_slot_is_where_the_text_stands(dialect: Any, payload: bytes, reasoning: bool, index: int) -> None:
    slot = find_slot(payload, dialect.decode_chunk)
    assert slot is not None and (slot.reasoning, slot.choice) == (reasoning, index)
    again = dialect.decode_chunk((slot.begin + b"other" + slot.end)[6:-2]).choices[0]
    assert "other" in (again.content(), again.reasoning())


@pytest.mark.parametrize(
    "payload",
    [
        b'{"choices":[]}',
        b'{"choices":[{"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}',
        b'{"choices":[{"delta":{"content":"a"},"finish_reason":"a"}]}',
        b'{"choices":[{"delta":{"content":"a","reasoning":"b"}}]}',
        b'{"choices":[{"delta":{"content":"a"}}],"usage":{"completion_tokens":1}}',
        b'{"choices":[{"delta":{"content":"a\\n"}}]}',
        b'{"choices":[{"delta":{"content":[{"text":"a"},{"text":"b"}]}}]}',
    ],
)
def test_what_says_more_than_one_text_has_no_slot(payload: bytes) -> None:
    assert find_slot(payload, CHAT.decode_chunk) is None


def test_a_stream_whose_events_all_differ_is_not_searched_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []

    def decode(payload: bytes) -> Any:
        decoded.append(payload)
        return CHAT.decode_chunk(payload)

    runs = Runs(decode)
    for number in range(50):
        runs.first([read(chunk("a").replace(b'"created": 5', b'"created": %d' % number))])
    assert len(decoded) <= 8


@given(st.binary(max_size=6))
def test_plain_is_what_json_reads_as_itself(text: bytes) -> None:
    found = plain(text)
    if found is not None:
        assert found.encode() == text
        assert json.loads(b'"%b"' % text) == found != ""
