"""Every way in which an endpoint can fail a request is a row with a kind."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import pytest

from function.arrival import Row
from function.clock import SystemClock
from function.request import Requester
from function.transport.opening import open_transport
from tests.emulators.played_transport import PlayedTransport
from tests.emulators.scripted_server import End, ScriptedServer, Send, Step, Wait, answer, cut
from tests.function.made import performed, requester_on, spec_for
from tests.function.played import DONE, GOOD, ROLE, STOP, A, B, event, in_order, row_of, with_server


class TestFailures:
    @pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
    def test_a_status_is_its_kind_and_its_body_the_message(self, status: int) -> None:
        body = b'{"error":{"message":"queue is full"}}'
        row = row_of(answer(body, status=status, te="length", ctype="application/json"))
        assert (row.status, row.error_kind, row.http_status) == ("failed", f"http_{status}", status)
        assert row.error_message == "queue is full"
        assert row.first_byte_ns is not None and row.first_token_ns is None and row.token_ns == ()

    def test_redirects_are_failures_that_say_where_to(self) -> None:
        row = row_of(answer(b"", status=307, te="length", headers=["Location: https://else.test/v1"]))
        assert (row.error_kind, row.error_message) == ("http_307", "to https://else.test/v1")

    def test_an_error_body_that_never_ends_is_not_waited_for(self) -> None:
        start = time.monotonic()
        row = row_of(answer(b"overloaded", status=503, hold=5))
        assert (row.error_kind, row.error_message) == ("http_503", "overloaded")
        assert time.monotonic() - start < 3

    @pytest.mark.parametrize(
        ("script", "kind"),
        [
            (answer([A, STOP], headers=["Content-Encoding: gzip"]), "protocol"),
            (answer(b"<html><title>Sign in</title></html>", ctype="text/html"), "protocol"),
            ([Send(b"SSH-2.0-x\r\n"), Wait(0.05), End()], "protocol"),
            (answer([A, b"data: {bad\n\n", B]), "malformed_event"),
            (answer([A, B]), "truncated"),
            (answer(b"", te="length"), "truncated"),
            (answer(b": nothing\n\n"), "truncated"),
            (cut(answer([A, B, STOP], te="length"), 250), "connection_lost"),
            (cut(answer([A, B, STOP]), 250, "reset"), "connection_lost"),
            (cut(answer(GOOD), 0), "connection_lost"),
            (answer([A, event({"error": {"message": "oops"}}), DONE]), "error_event"),
            (answer(b'{"error":{"message":"oops"}}', ctype="application/json"), "error_event"),
            (answer([ROLE, STOP, DONE]), "empty_output"),
        ],
    )
    def test_every_other_way_to_fail_has_its_kind(self, script: Sequence[Step], kind: str) -> None:
        row = row_of(script)
        assert (row.status, row.error_kind) == ("failed", kind)
        assert row.error_message and row.sent_ns is not None and in_order(row)

    def test_an_answer_of_the_other_form_is_still_an_answer(self) -> None:
        whole = json.dumps({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}).encode()
        row = row_of(answer(whole, ctype="application/json"))
        assert (row.status, row.token_ns, row.first_token_ns) == ("ok", (), None)
        row = row_of(answer(GOOD), streaming=False)
        assert (row.status, len(row.token_ns), row.output_tokens) == ("ok", 2, 2)

    @pytest.mark.parametrize("ctype", ["text/event-stream; charset=utf-8", "application/json", "text/plain", "x/y"])
    def test_a_stream_is_one_whatever_it_is_labelled(self, ctype: str) -> None:
        assert row_of(answer(GOOD, ctype=ctype, chunk="byte")).events == 2

    def test_a_target_not_allowed_is_not_called(self) -> None:
        async def doing(requester: Requester, server: ScriptedServer) -> Any:
            return await performed(requester), await requester.warm(), server.accepted

        row, warm, accepted = with_server(answer(GOOD), doing, allowed=("127.0.0.1:1",))
        assert (row.status, row.error_kind, row.sent_ns, accepted) == ("failed", "target_refused", None, 0)
        assert warm.failure.kind == "target_refused"

    def test_nobody_there(self) -> None:
        async def go() -> Row:
            spec = spec_for("http://127.0.0.1:9")
            requester = requester_on(open_transport(spec.target, SystemClock()), spec)
            row = await performed(requester)
            await requester.close()
            return row

        row = asyncio.run(go())
        assert (row.status, row.error_kind, row.http_status) == ("failed", "connect", None)
        assert row.sent_ns is not None and row.end_ns is not None and in_order(row)

    def test_a_fault_of_ours_is_a_row_too(self) -> None:
        class Broken(PlayedTransport):
            def at_hand(self) -> None:
                return

            async def acquire(self) -> Any:
                raise ZeroDivisionError("ours")

        row = asyncio.run(performed(requester_on(Broken([], 0), spec_for())))
        assert (row.status, row.error_kind) == ("failed", "protocol")
        assert "ZeroDivisionError" in str(row.error_message)
