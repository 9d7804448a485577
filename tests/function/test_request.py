"""One request, from permit to row, against a server that plays what real ones do."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from function.arrival import Row
from function.clock import SystemClock
from function.contract.errors import UsageError
from function.contract.record import ABORTED_KINDS, FAILED_KINDS, TIMED_OUT_KINDS
from function.contract.spec import SecretRef, ShardSpec
from function.request import Requester
from function.transport.keeping import PROOF_S
from function.transport.opening import open_transport
from function.transport.port import Sink
from tests.emulators.played_transport import PlayedChannel, PlayedTransport
from tests.emulators.scripted_server import ScriptedServer, Send, Step, Wait, answer
from tests.function.made import arrival_of, perform, performed, requester_on, spec_for
from tests.function.played import DONE, GOOD, MS, ROLE, STOP, USAGE, A, B, delta, event, in_order, row_of, with_server
from tests.suites.transports import deaf_listener


class TestOrdinary:
    @pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
    def test_its_row_and_what_the_server_saw(self, run: Any) -> None:
        async def doing(requester: Requester, server: ScriptedServer) -> tuple[Row, Row, Any]:
            requester.origin_ns = SystemClock().now_ns()
            first = await performed(requester, 41)
            await asyncio.sleep(2 * PROOF_S)
            return first, await performed(requester, 42), server.requests

        first, row, requests = with_server(
            answer(GOOD, gap=0.02),
            doing,
            run=run,
            secrets={"Authorization": "Bearer k"},
            headers={"X-Team": "blue"},
            prefix="/proxy/a",
        )
        assert (first.status, first.connection_reused) == ("ok", False)
        assert first.connect_ns is not None and 0 < first.connect_ns < 5_000 * MS
        assert (row.status, row.error_kind, row.error_message, row.http_status) == ("ok", None, None, 200)
        assert (row.request_index, row.row, row.scheduled_ns, row.eligible_ns) == (42, 42, 1_000, 1_000)
        assert (row.connection_reused, row.connect_ns, row.finish_reason) == (True, None, "stop")
        assert (row.prompt_tokens, row.output_tokens, row.asked_tokens, row.events) == (3, 2, 16, 2)
        assert (row.malformed_events, row.output_text, row.model) == (0, None, "mock")
        assert row.response_bytes == sum(map(len, GOOD)) and row.request_bytes == len(requests[1].body)
        assert in_order(row) and row.sent_ns is not None and 0 < row.sent_ns < 10_000 * MS
        assert (row.token_ns[0], row.token_ns[-1]) == (row.first_token_ns, row.last_token_ns)
        gaps = [at - row.sent_ns for at in row.token_ns]
        assert 35 * MS < gaps[0] < 300 * MS and 10 * MS < gaps[1] - gaps[0] < 200 * MS
        assert requests[1].line == "POST /proxy/a/v1/chat/completions HTTP/1.1"
        assert requests[1].header("x-request-id") == "run-7-42"
        assert (requests[1].header("authorization"), requests[1].header("x-team")) == ("Bearer k", "blue")
        assert json.loads(requests[1].body)["messages"] == [{"role": "user", "content": "hello"}]

    def test_unstreamed_its_end_is_its_last_token_and_it_has_no_first(self) -> None:
        body = json.dumps(
            {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "usage": None}
        ).encode()
        row = row_of(answer([body[:9], body[9:]], te="length", gap=0.03, ctype="application/json"), streaming=False)
        assert (row.status, row.output_text, row.output_tokens) == ("ok", "hi", None)
        assert row.first_token_ns is None and row.token_ns == () and row.events is None
        assert row.last_token_ns == row.end_ns and in_order(row)
        assert row.sent_ns is not None and row.end_ns is not None and row.end_ns - row.sent_ns > 50 * MS

    def test_completions_are_asked_at_their_own_path(self) -> None:
        async def doing(requester: Requester, server: ScriptedServer) -> Any:
            return await performed(requester), server.requests[0]

        chunk = event({"choices": [{"text": "hi", "finish_reason": "stop"}]})
        row, request = with_server(answer([chunk, DONE]), doing, api="completion")
        assert (row.status, request.line) == ("ok", "POST /v1/completions HTTP/1.1")
        assert json.loads(request.body)["prompt"] == "hello"

    def test_times_count_from_the_origin(self) -> None:
        def at_origin(origin_ns: int) -> Row:
            requester = requester_on(PlayedTransport([(5_000, b"".join(GOOD))], 6_000), spec_for())
            requester.origin_ns = origin_ns
            return asyncio.run(performed(requester))

        assert [at - later for at, later in zip(at_origin(0).token_ns, at_origin(300).token_ns, strict=True)] == [
            300
        ] * 2


class TestPermit:
    def test_refused_nothing_happens(self) -> None:
        async def doing(requester: Requester, server: ScriptedServer) -> tuple[Row, int]:
            arrival = arrival_of()
            row = await perform(requester, arrival, b"{}", lambda: "breaker")
            return row, server.accepted

        row, accepted = with_server(answer(GOOD), doing)
        assert (row.status, row.error_kind, row.sent_ns, row.end_ns, accepted) == ("aborted", "breaker", None, None, 0)

    def test_it_is_asked_again_once_a_connection_had_to_be_awaited(self) -> None:
        async def doing(requester: Requester, server: ScriptedServer) -> Any:
            words: Iterator[str | None] = iter([None, "lease", None, None, None])
            asked: list[int] = []

            def permit() -> str | None:
                asked.append(server.accepted)
                return next(words)

            rows = [await perform(requester, arrival_of(k), b"{}", permit) for k in range(2)]
            await asyncio.sleep(2 * PROOF_S)
            rows.append(await perform(requester, arrival_of(2), b"{}", permit))
            return rows, asked, len(server.requests)

        rows, asked, requests = with_server(answer(GOOD), doing)
        assert [(row.status, row.error_kind) for row in rows] == [("aborted", "lease"), ("ok", None), ("ok", None)]
        assert rows[0].sent_ns is None and rows[0].request_bytes is None
        assert len(asked) == 5, "twice where a connection was opened, once where one was at hand"
        assert requests == 2

    def test_on_an_idle_connection_permit_stamp_and_bytes_are_one_stretch(self) -> None:
        async def go() -> list[str]:
            order: list[str] = []

            class Watched(PlayedChannel):
                def send(self, request: bytes, sink: Sink) -> None:
                    order.append("bytes")
                    PlayedChannel.send(self, request, sink)

            class Watching(PlayedTransport):
                def at_hand(self) -> PlayedChannel:
                    return Watched(self.reads, self.end_ns, "end", 200, self.headers, [])

            requester = requester_on(Watching([(9, b"".join(GOOD))], 10), spec_for())

            def permit() -> None:
                order.append("permit")
                asyncio.get_running_loop().call_soon(order.append, "loop")

            await perform(requester, arrival_of(), b"{}", permit)
            await asyncio.sleep(0)
            return order

        assert asyncio.run(go()) == ["permit", "bytes", "loop"]


class TestCancelling:
    def cancelled(self, script: Sequence[Step], after_s: float, **target: Any) -> tuple[Row, bool]:
        async def doing(requester: Requester, server: ScriptedServer) -> tuple[Row, bool]:
            async def performing() -> Row:
                row = await performed(requester)
                await asyncio.sleep(0)
                return row

            task = asyncio.create_task(performing())
            await asyncio.sleep(after_s)
            task.cancel()
            row = await task
            return row, await asyncio.to_thread(server.wait_for, lambda: server.open_connections == 0)

        result: tuple[Row, bool] = with_server(script, doing, **target)
        return result

    def test_in_flight_it_keeps_what_was_seen_and_hangs_up(self) -> None:
        row, hung_up = self.cancelled([*answer([ROLE, A])[:-1], Wait(0.3), Send(b"x")], 0.1)
        assert (row.status, row.error_kind, len(row.token_ns)) == ("aborted", "user", 1)
        assert row.sent_ns is not None and row.first_token_ns is not None and row.end_ns is not None and in_order(row)
        assert hung_up

    def test_before_there_was_a_connection_nothing_was_sent(self) -> None:
        async def go(port: int) -> Row:
            spec = spec_for(f"http://127.0.0.1:{port}")
            requester = requester_on(open_transport(spec.target, SystemClock()), spec)
            task = asyncio.create_task(performed(requester))
            await asyncio.sleep(0.05)
            task.cancel()
            row = await task
            await requester.close()
            return row

        with deaf_listener() as port:
            row = asyncio.run(go(port))
        assert (row.status, row.error_kind, row.sent_ns) == ("aborted", "user", None)

    def test_an_answer_that_was_complete_stays_one(self) -> None:
        row, _ = self.cancelled([*answer([A, B, STOP, USAGE])[:-1], Wait(0.5)], 0.15)
        assert (row.status, row.output_tokens) == ("ok", 2)


class TestSecrets:
    def test_a_server_that_repeats_the_key_does_not_get_it_into_the_record(self) -> None:
        key = "sk-" + "very-secret" * 20
        said = answer(json.dumps({"error": f"{'x' * 270} bad key {key}"}).encode(), status=401)
        refs = {"Authorization": SecretRef("env", "KEY", prefix="Bearer ")}
        row = with_server(
            said,
            lambda requester, _: performed(requester),
            secrets={"Authorization": f"Bearer {key}"},
            secret_headers=refs,
        )
        assert row.error_kind == "http_401"
        assert "bad key ***" in str(row.error_message)
        assert key not in str(dataclasses.asdict(row)) and key[:20] not in str(row.error_message)

    @pytest.mark.parametrize("value", ["Bearer sk-SECRETKEY12345", "sk-SECRETKEY12345"])
    def test_nor_a_whole_header_that_holds_a_scheme_itself(self, value: str) -> None:
        said = answer(json.dumps({"error": "Incorrect API key provided: sk-SECRETKEY12345"}).encode(), status=403)
        refs = {"Authorization": SecretRef("env", "MYAUTH")}
        row = with_server(
            said,
            lambda requester, _: performed(requester),
            secrets={"Authorization": value},
            secret_headers=refs,
        )
        assert "provided: ***" in str(row.error_message) and "SECRETKEY" not in str(dataclasses.asdict(row))

    def test_nor_one_that_an_answer_repeats_where_the_text_is_kept(self) -> None:
        row = with_server(
            answer([delta(content="it is sk-SECRETKEY12345"), STOP, DONE]),
            lambda requester, _: performed(requester),
            secrets={"Authorization": "Bearer sk-SECRETKEY12345"},
            secret_headers={"Authorization": SecretRef("env", "MYAUTH")},
        )
        assert row.status == "ok" and row.output_text == "it is ***"

    def test_nor_one_of_the_body(self) -> None:
        said = answer(json.dumps({"error": "bad user s3cret-user"}).encode(), status=401)
        row = with_server(
            said,
            lambda requester, _: performed(requester),
            extra_body={"metadata": {"token": "s3cret-user"}},
            secret_body={"metadata": SecretRef("env", "KEY")},
        )
        assert "bad user ***" in str(row.error_message) and "s3cret-user" not in str(dataclasses.asdict(row))

    def test_a_key_that_would_break_the_head_is_refused_before_anything_is_sent(self) -> None:
        async def go() -> None:
            spec: ShardSpec = spec_for()
            with pytest.raises(UsageError) as refusal:
                requester_on(PlayedTransport([], 0), spec, {"Authorization": "Bearer s3cret\n"})
            assert "s3cret" not in str(refusal.value)

        asyncio.run(go())


KINDS = {"ok": (None,), "failed": FAILED_KINDS, "timed_out": TIMED_OUT_KINDS, "aborted": ABORTED_KINDS}
CUT = [line[:-5] for line in GOOD]
PIECES = st.one_of(st.binary(max_size=40), st.sampled_from([*GOOD, *CUT, b"\n", b"{", b"<"]))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(PIECES, max_size=8),
    st.sampled_from(["end", "lost"]),
    st.sampled_from([200, 200, 201, 204, 302, 500]),
    st.dictionaries(st.sampled_from(["content-type", "content-encoding", "location"]), st.text(max_size=8), max_size=2),
    st.booleans(),
)
def test_whatever_a_server_says_is_a_row_with_a_kind(
    pieces: list[bytes], ending: Any, status: int, headers: dict[str, str], streaming: bool
) -> None:
    async def go() -> Row:
        reads = [(SystemClock().now_ns() + (number + 1) * 1_000, piece) for number, piece in enumerate(pieces) if piece]
        end_ns = SystemClock().now_ns() + 100_000
        transport = PlayedTransport(reads, end_ns, ending, status, headers)
        return await performed(requester_on(transport, spec_for(streaming=streaming)))

    row = asyncio.run(go())
    if row.error_kind is not None and row.error_kind.startswith("http_"):
        assert (row.status, row.error_kind) == ("failed", f"http_{row.http_status}")
    else:
        assert row.error_kind in KINDS[row.status]
    assert row.http_status == status
    assert list(row.token_ns) == sorted(row.token_ns)
