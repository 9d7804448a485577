"""A session's turns through the real requester: what is sent, and what is remembered of what came."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from function.arrival import Arrival, Piece, Row
from function.contract.workload import ROLES
from function.request import Requester
from tests.emulators.played_transport import PlayedTransport
from tests.function.made import arrival_of, perform, requester_on, spec_for
from tests.function.played import DONE, STOP, event

SYSTEM, USER, ASSISTANT = (ROLES.index(role) for role in ("system", "user", "assistant"))
REASONED = {"choices": [{"index": 0, "delta": {"reasoning": "hm"}}]}
SPOKEN = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in ('say "a', '"\n', "é")]


def turn(*pieces: Piece) -> Arrival:
    return replace(arrival_of(3), session="5", pieces=pieces)


FIRST = turn(Piece(SYSTEM, 0, 0, 5), Piece(USER, 0, 6, 5))
SECOND = turn(Piece(USER, 0, 0, 5))


def made(history: str | None, *events: Any, **target: Any) -> tuple[Requester, PlayedTransport]:
    body = b"".join(one if isinstance(one, bytes) else event(json.dumps(one).encode()) for one in events)
    transport = PlayedTransport([(5_000, body)], 6_000)
    return requester_on(transport, msgspec.structs.replace(spec_for(**target), history=history)), transport


def play(requester: Requester) -> tuple[Row, bytes]:
    """The first turn's row, and the second turn's body."""

    async def main() -> tuple[Row, bytes]:
        row = await perform(requester, FIRST, requester.prepare(FIRST))
        return row, requester.prepare(SECOND, requester.remember(FIRST, b"", row))

    return asyncio.run(main())


def messages(body: bytes) -> list[tuple[str, str]]:
    return [(one["role"], one["content"]) for one in json.loads(body)["messages"]]


BEFORE = [("system", "hello"), ("user", "there")]


def test_the_next_turn_quotes_what_was_answered_without_its_reasoning() -> None:
    requester, transport = made("received", REASONED, *SPOKEN, STOP, DONE)
    row, body = play(requester)
    assert row.status == "ok"
    assert messages(body) == [*BEFORE, ("assistant", 'say "a"\né'), ("user", "hello")]
    sent = transport.requests[0].partition(b"\r\n\r\n")[2]
    assert body.startswith(sent[: sent.index(b"],")]), "byte for byte what was sent before"


@pytest.mark.parametrize(
    "events", [(*SPOKEN,), ({"error": {"message": "no"}},), (STOP, DONE)], ids=["cut", "error", "empty"]
)
def test_an_exchange_that_failed_never_was_but_for_the_instructions(events: tuple[Any, ...]) -> None:
    row, body = play(made("received", *events)[0])
    assert row.status == "failed"
    assert messages(body) == [BEFORE[0], ("user", "hello")]


@pytest.mark.parametrize("events", [(*SPOKEN, STOP, DONE), ()], ids=["ok", "failed"])
def test_recorded_turns_follow_on_each_other_whatever_came(events: tuple[Any, ...]) -> None:
    row, body = play(made("recorded", *events)[0])
    assert row.content == ""
    assert messages(body) == [*BEFORE, ("user", "hello")]


def test_only_reasoning_is_an_empty_answer() -> None:
    row, body = play(made("received", REASONED, STOP, DONE)[0])
    assert row.status == "ok" and messages(body)[2:] == [("assistant", ""), ("user", "hello")]


@pytest.mark.parametrize(("name", "session", "found"), [("X-S", "5", True), ("X-S", None, False), (None, "5", False)])
def test_the_session_is_named_in_a_header_where_one_is_asked_for(
    name: str | None, session: str | None, found: bool
) -> None:
    requester, transport = made("received", *SPOKEN, STOP, DONE, session_header=name)
    arrival = replace(FIRST, session=session)
    asyncio.run(perform(requester, arrival, requester.prepare(arrival)))
    assert (b"\r\nX-S: run-7-5\r\n" in transport.requests[0]) == found
    assert b"\r\nX-Request-ID: run-7-3\r\n" in transport.requests[0]
