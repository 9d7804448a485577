"""Bodies by joining bytes say exactly what the plain construction says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.arrival import Arrival, Piece
from function.contract.errors import ContractError
from function.contract.spec import Target
from function.contract.workload import CONTINUE, ROLES
from function.dialects import DIALECTS
from function.prompts import BodyTemplate, instructions


def arrival(pieces: tuple[Piece, ...], tokens: int | None = 8, model: int = 0) -> Arrival:
    return Arrival(0, 0, 0, 0, 0, tokens, model, None, pieces)


def template(texts: list[bytes], api: str = "chat", models: tuple[str, ...] = ("m",), **target: Any) -> BodyTemplate:
    return BodyTemplate(Target(**{"root": "", "api": api, "streaming": True, **target}), models, DIALECTS[api], texts)


def inside(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()[1:-1]


# Lone surrogates cannot be texts: a text is UTF-8.
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MESSAGES = st.lists(st.tuples(st.sampled_from(ROLES), st.lists(WORDS, min_size=1, max_size=4)), max_size=5)
EXTRA = st.dictionaries(
    st.sampled_from(
        ["temperature", "n", "model", "messages", "prompt", "max_tokens", "stream", "stream_options", "tag"]
    ),
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.just({"include_usage": False}),
    max_size=4,
)


def laid_out(messages: list[tuple[str, list[str]]]) -> tuple[list[bytes], tuple[Piece, ...]]:
    """All words in two texts, alternately, each piece a cut of one of them."""
    texts, pieces = [b"##", b""], []
    for role, words in messages:
        for number, word in enumerate(words):
            table = len(pieces) % 2
            piece = inside(word)
            pieces.append(Piece(CONTINUE if number else ROLES.index(role), table, len(texts[table]), len(piece)))
            texts[table] += piece + b"~"
    return texts, tuple(pieces)


def merged(plain: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (plain | extra).items() if value is not None}


@settings(max_examples=300, deadline=None)
@given(MESSAGES, st.none() | st.integers(0, 10**6), st.booleans(), st.booleans(), EXTRA)
def test_a_chat_body_is_the_plain_construction(
    messages: list[tuple[str, list[str]]], tokens: int | None, streaming: bool, ignore_eos: bool, extra: dict[str, Any]
) -> None:
    texts, pieces = laid_out(messages)
    body = template(texts, streaming=streaming, ignore_eos=ignore_eos, extra_body=extra).render(arrival(pieces, tokens))
    plain = {
        "model": "m",
        "messages": [{"role": role, "content": "".join(words)} for role, words in messages],
        "max_tokens": tokens,
        "stream": streaming,
        "stream_options": {"include_usage": True} if streaming else None,
        "ignore_eos": True if ignore_eos else None,
    }
    assert json.loads(body) == merged(plain, extra)
    assert b"~" not in body or "~" in json.dumps([messages, extra])


@settings(max_examples=100, deadline=None)
@given(MESSAGES, st.none() | st.integers(0, 10**6), EXTRA)
def test_a_completion_body_joins_all_pieces(
    messages: list[tuple[str, list[str]]], tokens: int | None, extra: dict[str, Any]
) -> None:
    texts, pieces = laid_out(messages)
    body = template(texts, "completion", streaming=False, ignore_eos=False, extra_body=extra).render(
        arrival(pieces, tokens)
    )
    prompt = "".join(word for _, words in messages for word in words)
    assert json.loads(body) == merged({"model": "m", "prompt": prompt, "max_tokens": tokens, "stream": False}, extra)


def test_the_model_is_the_arrivals() -> None:
    made = template([b""], models=('with "quotes"', "b"))
    models = [json.loads(made.render(arrival((), model=index)))["model"] for index in (0, 1, 0)]
    assert models == ['with "quotes"', "b", 'with "quotes"']


def test_every_member_can_be_removed() -> None:
    gone = dict.fromkeys(["model", "messages", "max_tokens", "stream", "stream_options", "ignore_eos"])
    assert template([b"x"], extra_body=gone).render(arrival((Piece(1, 0, 0, 1),))) == b"{}"


@pytest.mark.parametrize(
    ("extra", "streaming", "choices", "wants_usage"),
    [
        ({}, True, 1, True),
        ({"n": 3}, True, 3, True),
        ({"n": None}, True, 1, True),
        ({"stream": False}, False, 1, True),
        ({"stream_options": None}, True, 1, False),
        ({"stream_options": {"include_usage": False}}, True, 1, False),
    ],
)
def test_it_knows_what_the_finished_body_asks_for(
    extra: dict[str, Any], streaming: bool, choices: int, wants_usage: bool
) -> None:
    made = template([b""], extra_body=extra)
    assert (made.streaming, made.choices, made.wants_usage) == (streaming, choices, wants_usage)


@pytest.mark.parametrize(("extra", "asked"), [({}, 8), ({"max_tokens": 3}, 3), ({"max_tokens": None}, None)])
def test_it_knows_the_length_asked_for(extra: dict[str, Any], asked: int | None) -> None:
    assert template([b""], extra_body=extra).asked_tokens(arrival((), 8)) == asked


def test_a_message_that_was_never_opened_is_a_broken_workload() -> None:
    with pytest.raises(ContractError):
        template([b"x"]).render(arrival((Piece(CONTINUE, 0, 0, 1),)))


TALK = st.lists(
    st.tuples(st.lists(st.tuples(st.sampled_from(["system", "user"]), WORDS), min_size=1, max_size=3), st.text()),
    max_size=5,
)


@settings(max_examples=150, deadline=None)
@given(talk=TALK, api=st.sampled_from(["chat", "completion"]))
def test_a_later_turn_begins_with_the_bytes_of_the_one_before(
    talk: list[tuple[list[tuple[str, str]], str]], api: str
) -> None:
    said, messages, whole, last = b"", [], "", b""
    for asked, answer in talk:
        texts, pieces = laid_out([(role, [text]) for role, text in asked])
        made = template(texts, api)
        body = made.render(arrival(pieces), said)
        messages += [{"role": role, "content": text} for role, text in asked]
        whole += "".join(text for _, text in asked)
        assert json.loads(body)["messages" if api == "chat" else "prompt"] == (messages if api == "chat" else whole)
        assert body.startswith(last)
        said = made.said(pieces, said, answer)
        messages.append({"role": "assistant", "content": answer})
        whole += answer
        last = body[: body.index(b',"max_tokens"') - 1]


def test_instructions_are_what_stands_before_the_first_who_speaks() -> None:
    pieces = [
        Piece(ROLES.index(role) if role else CONTINUE, 0, at, 1)
        for at, role in enumerate(["system", None, "developer", "user", "system", "assistant"])
    ]
    assert list(instructions(pieces)) == pieces[:3]
    assert list(instructions(pieces[:2])) == pieces[:2] and list(instructions(pieces[3:])) == []
