"""The fold over a streamed answer, kind by kind: what real servers send between the first byte and the last."""

from __future__ import annotations

import json
from typing import Any

import pytest

from function.answer import Answer, Ending, Verdict, judge
from function.dialects import DIALECTS
from function.stream import StreamFold
from function.usage import Usage

LOST = Verdict("failed", "connection_lost", "broke")
DONE = b"[DONE]"
ROLE = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
USAGE = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}


def delta(index: int = 0, finish: str | None = None, **said: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": said, "finish_reason": finish}]}


def fold(*events: Any, choices: int = 1, wants_usage: bool = True, api: str = "chat") -> StreamFold:
    """Event k is stamped (k + 1) x 100. An event is a payload to encode, raw bytes, or (name, payload)."""
    folded = StreamFold(DIALECTS[api], choices, wants_usage)
    for number, event in enumerate(events):
        name, payload = event if isinstance(event, tuple) else (b"", event)
        folded.event((number + 1) * 100, payload if isinstance(payload, bytes) else json.dumps(payload).encode(), name)
    return folded


def verdict(folded: StreamFold, ending: Ending = "end") -> str | None:
    return judge(folded.answer(), ending, LOST, 16).kind


def times(answer: Answer) -> list[int]:
    return list(answer.token_ns)


def test_what_the_first_choice_answers_is_kept_for_the_next_turn_where_it_is_asked_for() -> None:
    events = (delta(reasoning="hm"), delta(content="a"), delta(1, content="x"), delta(reasoning="so", content=" b"))
    folded = StreamFold(DIALECTS["chat"], 2, keeps_content=True)
    for number, one in enumerate((*events, delta(finish="stop"))):
        folded.event(number, json.dumps(one).encode())
    assert folded.answer().content == "a b"
    assert fold(*events).answer().content == ""


def test_a_plain_answer() -> None:
    folded = fold(ROLE, delta(content="a"), delta(content=" b"), delta(finish="stop"), USAGE, DONE)
    answer = folded.answer()
    assert times(answer) == [200, 300]
    assert (answer.first_content_ns, answer.last_token_ns, answer.events) == (200, 300, 2)
    assert (answer.usage, answer.finish_reason, answer.text) == (Usage(5, 2), "stop", "a b")
    assert verdict(folded) is None and folded.complete


@pytest.mark.parametrize(
    "nothing",
    [
        ROLE,
        delta(),
        delta(content=None),
        delta(content=""),
        delta(content=[]),
        delta(tool_calls=[]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ""}}]),
        {"choices": []},
        {"choices": None},
        {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        {"choices": [{"index": 0, "finish_reason": None, "content_filter_offsets": {"start_offset": 0}}]},
        {"choices": [{"index": 0, "delta": None}]},
        {"choices": [{}]},
        {"choices": [], "usage": None},
        {"type": "ping"},
        (b"ping", {"type": "ping"}),
        (b"heartbeat", b"12:30:01"),
        b"",
    ],
)
def test_what_bears_no_output_is_no_token_and_moves_nothing(nothing: Any) -> None:
    folded = fold(nothing, delta(content="a"), nothing, delta(content="b"), nothing, delta(finish="stop"), DONE)
    answer = folded.answer()
    assert times(answer) == [200, 400]
    assert answer.malformed == 0
    assert verdict(folded) is None


@pytest.mark.parametrize(
    ("said", "content", "text"),
    [
        ({"content": " "}, True, " "),
        ({"content": "\n\n"}, True, "\n\n"),
        ({"content": [{"type": "text", "text": "part"}]}, True, "part"),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}, False, "hm"),
        ({"reasoning": "so"}, False, "so"),
        ({"reasoning_content": "so"}, False, "so"),
        ({"reasoning": "so", "reasoning_content": "so"}, False, "so"),
        ({"reasoning": "so", "content": "yes"}, True, "soyes"),
        ({"refusal": "I cannot"}, True, "I cannot"),
        ({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "look", "arguments": ""}}]}, True, "look"),
        ({"tool_calls": [{"index": 0, "function": {"arguments": '{"q":'}}]}, True, '{"q":'),
        ({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": {"q": 1}}}]}, True, 'f{"q":1}'),
        ({"content": None, "function_call": {"name": "look", "arguments": "{}"}}, True, "look{}"),
    ],
)
def test_every_kind_of_output_is_a_token(said: dict[str, Any], content: bool, text: str) -> None:
    answer = fold(ROLE, delta(**said), delta(finish="stop"), DONE).answer()
    assert times(answer) == [200]
    assert answer.first_content_ns == (200 if content else None)
    assert answer.text == text


def test_reasoning_then_content_are_told_apart() -> None:
    answer = fold(delta(reasoning="a"), delta(reasoning="b"), delta(content="c"), delta(finish="stop")).answer()
    assert (times(answer), answer.first_content_ns) == ([100, 200, 300], 300)


def test_output_and_finish_in_one_chunk_count_both() -> None:
    folded = fold(delta(content="a"), delta(content="b", finish="length"), DONE)
    assert times(folded.answer()) == [100, 200]
    assert (folded.answer().finish_reason, verdict(folded)) == ("length", None)


class TestEnd:
    def test_a_finish_reason_is_an_end_without_done(self) -> None:
        folded = fold(delta(content="a", finish="stop"))
        assert folded.settled and not folded.complete
        assert verdict(folded) is verdict(folded, "open") is verdict(folded, "lost") is None

    def test_done_is_an_end_without_a_finish_reason(self) -> None:
        folded = fold(delta(content="a"), DONE)
        assert folded.settled and verdict(folded) is None

    @pytest.mark.parametrize("finish", [None, ""])
    def test_null_and_empty_finish_reasons_are_none(self, finish: str | None) -> None:
        folded = fold(delta(content="a", finish=finish))
        assert not folded.settled
        assert (verdict(folded), verdict(folded, "lost")) == ("truncated", "connection_lost")

    def test_after_the_end_only_usage_is_taken(self) -> None:
        folded = fold(
            delta(content="a", finish="stop"), delta(content="late"), USAGE, DONE, b"{bad", delta(content="x")
        )
        answer = folded.answer()
        assert (times(answer), answer.text, answer.usage, answer.malformed) == ([100], "a", Usage(5, 2), 0)

    def test_an_error_after_the_end_is_too_late(self) -> None:
        assert verdict(fold(delta(content="a", finish="stop"), {"error": {"message": "oops"}}, DONE)) is None

    def test_usage_after_done_completes_it(self) -> None:
        before = fold(delta(content="a", finish="stop"), DONE)
        after = fold(delta(content="a", finish="stop"), DONE, USAGE)
        assert (before.complete, after.complete) == (False, True)
        assert after.answer().usage == Usage(5, 2)

    def test_where_no_usage_was_asked_done_completes_it(self) -> None:
        assert fold(delta(content="a", finish="stop"), DONE, wants_usage=False).complete


class TestChoices:
    def test_all_of_them_must_end(self) -> None:
        events = [delta(0, content="a"), delta(1, content="x"), delta(0, finish="stop"), delta(1, content="y")]
        assert not fold(*events, choices=2).settled
        assert verdict(fold(*events, choices=2)) == "truncated"
        folded = fold(*events, delta(1, finish="length"), choices=2)
        assert folded.settled and verdict(folded) is None
        assert (times(folded.answer()), folded.answer().text) == ([100, 200, 400], "axy")

    def test_one_chunk_may_bear_several_and_is_one_event(self) -> None:
        both = {"choices": [delta(0, content="a")["choices"][0], delta(1, content="x")["choices"][0]]}
        assert times(fold(both, choices=2).answer()) == [100]

    def test_done_ends_them_all(self) -> None:
        assert verdict(fold(delta(0, content="a", finish="stop"), DONE, choices=3)) is None


class TestUsage:
    def test_the_last_of_cumulative_usages_counts(self) -> None:
        def grown(count: int) -> dict[str, Any]:
            return {**delta(content="t"), "usage": {"prompt_tokens": 9, "completion_tokens": count}}

        folded = fold({**ROLE, "usage": {"prompt_tokens": 9, "completion_tokens": 0}}, grown(1), grown(6), grown(7))
        assert folded.answer().usage == Usage(9, 7)

    def test_null_does_not_take_it_back(self) -> None:
        assert fold(USAGE, {"choices": [], "usage": None}).answer().usage == Usage(5, 2)

    def test_llamacpp_timings_stand_in(self) -> None:
        timed = {**delta(finish="stop"), "timings": {"cache_n": 2, "prompt_n": 3, "predicted_n": 4}}
        assert fold(delta(content="a"), timed).answer().usage == Usage(5, 4, 2)

    def test_tokens_without_text_are_output(self) -> None:
        empty = [delta(content="") for _ in range(8)]
        counted = fold(ROLE, *empty, delta(finish="length"), {**USAGE, "usage": {"completion_tokens": 8}}, DONE)
        assert (verdict(counted), times(counted.answer())) == (None, [])
        assert verdict(fold(ROLE, *empty, delta(finish="length"), DONE)) == "empty_output"

    def test_a_count_of_zero_beside_output_is_no_count(self) -> None:
        usage = (
            fold(delta(content="a"), {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 0}})
            .answer()
            .usage
        )
        assert usage == Usage(5, None)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"error": {"message": "overloaded", "code": 503}}, "overloaded"),
        ({"error": "no memory left"}, "no memory left"),
        ({"object": "error", "message": "bad model", "code": 404}, "bad model"),
        ({"type": "error", "message": "went wrong"}, "went wrong"),
        ((b"error", {"type": "error", "error": {"message": "Capacity reached"}}), "Capacity reached"),
        ((b"error", b"plain words"), "plain words"),
        ((b"Error", b"plain words"), "plain words"),
        ((b"exception", {"message": "went wrong"}), "went wrong"),
        ((b"response.failed", {"message": "went wrong"}), "went wrong"),
        ({"detail": "no such model"}, "no such model"),
        ({"detail": [{"loc": ["body"], "msg": "field required"}]}, "field required"),
        ({"message": "queue full", "code": 50001}, "queue full"),
        ({"message": "queue full", "code": "QueueFull"}, "queue full"),
        ({"msg": "queue full", "status": 503}, "queue full"),
        ({"status": "error"}, "error"),
        ({"type": "rate_limit_error", "message": "slow down"}, "slow down"),
        ({"choices": [{"index": 0, "delta": {}, "finish_reason": None, "error": {"message": "boom"}}]}, "boom"),
        ({"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": {"message": "boom"}}]}, "boom"),
        ({"error": {"message": "late"}, "choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]}, "late"),
        (delta(finish="error"), "error"),
    ],
)
@pytest.mark.parametrize("before", [(), (ROLE, delta(content="a"), delta(content="b"))])
@pytest.mark.parametrize("after", [(), (DONE,), (delta(content="c", finish="stop"), USAGE, DONE)])
def test_an_error_inside_a_200_fails_the_answer_wherever_it_stands(
    error: Any, said: str, before: tuple[Any, ...], after: tuple[Any, ...]
) -> None:
    folded = fold(*before, error, *after)
    answer = folded.answer()
    assert verdict(folded) == verdict(folded, "lost") == "error_event"
    assert answer.error is not None and said in answer.error
    assert times(answer) == ([200, 300] if before else []), "what came before is kept, nothing after it counts"
    assert folded.settled


@pytest.mark.parametrize(
    "line",
    [
        b'error: {"code":500,"message":"boom"}',
        b'error:{"code":500,"message":"boom"}',
        b"error: boom",
        b'{"error":{"message":"boom"}}',
        b'{"error": "boom"}',
    ],
)
@pytest.mark.parametrize("blank", [b"\n", b"\n\n", b"\r\n\r\n"])
@pytest.mark.parametrize("cut", [1, 5, 1000])
def test_an_error_that_is_no_data_field(line: bytes, blank: bytes, cut: int) -> None:
    token = b"data: " + json.dumps(delta(content="a")).encode() + b"\n\n"
    sent = token + line + blank + b"data: [DONE]\n\n"
    folded = StreamFold(DIALECTS["chat"])
    for at in range(0, len(sent), cut):
        folded.feed(100, sent[at : at + cut])
    assert verdict(folded) == "error_event" and "boom" in str(folded.answer().error)
    assert len(times(folded.answer())) == 1


@pytest.mark.parametrize(
    "notice",
    [
        {"type": "ping"},
        {"status": "processing"},
        {"status": "ok", "message": "warm", "code": 0},
        {"message": "still thinking", "code": 200},
        {"message": "still thinking", "code": "OK"},
        {"type": "error_count", "value": 0},
        (b"status", {"message": "queued"}),
        (b"ping", b"{}"),
        b'{"choices":[],"prompt_filter_results":[]}',
    ],
)
def test_a_notice_is_no_error(notice: Any) -> None:
    folded = fold(delta(content="a"), notice, delta(content="b", finish="stop"), DONE)
    assert verdict(folded) is None and times(folded.answer())[0] == 100


def test_json_without_a_field_that_is_no_error_is_passed_over() -> None:
    folded = StreamFold(DIALECTS["chat"])
    folded.feed(100, b'{"note":1}\n\ndata: ' + json.dumps(delta(content="a", finish="stop")).encode() + b"\n\n")
    assert verdict(folded) is None and len(times(folded.answer())) == 1


@pytest.mark.parametrize("none", [None, "", {}, [], False])
def test_an_error_key_that_says_there_is_none(none: Any) -> None:
    assert verdict(fold({**delta(content="a", finish="stop"), "error": none}, DONE)) is None


class TestUnreadable:
    @pytest.mark.parametrize(
        "bad",
        [
            b'{"choices":[{"index":0,"delta":{"content":"cu',
            b"not json",
            b"[1,2]",
            b"null",
            b"3",
            b'{"choices":"none"}',
            b'{"choices":[null]}',
            b'{"choices":[{"delta":{"content":5}}]}',
            b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        ],
    )
    def test_it_is_skipped_and_counted(self, bad: bytes) -> None:
        folded = fold(delta(content="a"), bad, delta(content="b"), delta(finish="stop"), DONE)
        assert (folded.answer().malformed, times(folded.answer())) == (1, [100, 300])
        assert verdict(folded) is None
        assert verdict(fold(delta(content="a"), bad)) == "malformed_event"
        assert verdict(fold(bad, DONE)) == "malformed_event"

    @pytest.mark.parametrize(
        ("payload", "text"),
        [
            (b'{"choices":[{"delta":{"content":"\xf0\x9f"}}]}', "�"),
            (b'{"choices":[{"delta":{"content":"a\\ud83d"}}]}', "a?"),
            (b'{"choices":[{"delta":{"content":"a"},"logprobs":NaN}]}', "a"),
        ],
    )
    def test_half_characters_and_nan_are_mended(self, payload: bytes, text: str) -> None:
        answer = fold(payload, DONE).answer()
        assert (times(answer), answer.text, answer.malformed) == ([100], text, 0)

    def test_one_that_the_end_cut_off_is_a_truncated_answer(self) -> None:
        folded = StreamFold(DIALECTS["chat"])
        folded.feed(100, b"data: " + json.dumps(delta(content="a")).encode() + b'\n\ndata: {"choices":[{"de')
        folded.end(200)
        assert (verdict(folded), times(folded.answer())) == ("truncated", [100])

    def test_an_unreadable_usage_costs_no_token(self) -> None:
        answer = fold({**delta(content="a"), "usage": "lots"}, DONE).answer()
        assert (times(answer), answer.usage, answer.malformed) == ([100], None, 0)


def test_only_events_of_the_answer_count_against_idleness() -> None:
    folded = StreamFold(DIALECTS["chat"])
    folded.feed(100, b"data: " + json.dumps(delta(content="a")).encode() + b"\n\n")
    for stamp, alive in (
        (200, b": keep-alive\n\n"),
        (300, b'event: ping\ndata: {"type":"ping"}\n\n'),
        (400, b"data:\n\n"),
    ):
        folded.feed(stamp, alive)
        assert folded.last_data_ns == 100
    folded.feed(500, b"data: " + json.dumps(delta()).encode() + b"\n\n")
    assert folded.last_data_ns == 500


def test_events_of_one_read_share_its_instant_and_keep_their_order() -> None:
    folded = StreamFold(DIALECTS["chat"])
    events = [delta(reasoning="a"), delta(content="b"), delta(content="c")]
    folded.feed(1_000, b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events))
    assert times(folded.answer()) == [1_000, 1_001, 1_002]


def test_an_event_without_end_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("function.sse.HELD_LIMIT", 100)
    folded = StreamFold(DIALECTS["chat"])
    folded.feed(1, b"data: " + b"x" * 200)
    assert folded.settled and verdict(folded, "lost") == "protocol"


def test_completions_bear_text() -> None:
    chunks = [{"choices": [{"index": 0, "text": text, "finish_reason": None}]} for text in ("", "lo", " ", None)]
    end = {"choices": [{"index": 0, "text": "", "finish_reason": "length"}], "usage": {"completion_tokens": 2}}
    folded = fold(*chunks, end, DONE, api="completion")
    answer = folded.answer()
    assert (times(answer), answer.text, answer.usage, verdict(folded)) == ([200, 300], "lo ", Usage(None, 2), None)
