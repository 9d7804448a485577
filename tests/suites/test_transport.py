"""What every transport does with an answer, over real sockets. For each transport, on asyncio's loop and uvloop's."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from tests.emulators.scripted_server import End, Request, ScriptedServer, Send, Step, Wait, answer, cut, in_turn
from tests.suites.transports import (
    BODY,
    Heard,
    Opener,
    Run,
    exchange,
    one,
    post,
)


class TestBodies:
    @pytest.mark.parametrize("te", ["chunked", "length", "close"])
    @pytest.mark.parametrize("chunk", ["whole", "event", "byte"])
    def test_every_framing_and_cut_gives_the_body(self, run: Run, opened: Opener, te: Any, chunk: str) -> None:
        heard = one(run, opened, answer(BODY, te=te, chunk=chunk))
        assert (heard.status, heard.body, heard.failure) == (200, BODY, None)
        stamps = [stamp for stamp, _ in heard.pieces]
        assert stamps == sorted(stamps)
        assert heard.ended_ns is not None and heard.ended_ns >= stamps[-1]

    @pytest.mark.parametrize("te", ["chunked", "length", "close"])
    def test_a_large_body_is_whole(self, run: Run, opened: Opener, te: Any) -> None:
        body = os.urandom(3 << 20)
        assert one(run, opened, answer(body, te=te, chunk=70_001)).body == body

    @pytest.mark.parametrize("te", ["chunked", "length", "close"])
    def test_an_empty_body_ends(self, run: Run, opened: Opener, te: Any) -> None:
        heard = one(run, opened, answer(b"", te=te))
        assert (heard.body, heard.failure, heard.ended_ns is not None) == (b"", None, True)

    def test_no_content_ends_at_its_head(self, run: Run, opened: Opener) -> None:
        heard = one(run, opened, [Send(b"HTTP/1.1 204 No Content\r\n\r\n")])
        assert (heard.status, heard.body, heard.failure) == (204, b"", None)

    def test_a_head_may_come_in_pieces_and_headers_match_without_case(self, run: Run, opened: Opener) -> None:
        head = b"HTTP/1.1 200 OK\r\nCONTENT-TYPE: text/x\r\nTransfer-Encoding: chunked\r\n\r\n"
        steps = [Send(head[at : at + 1]) for at in range(len(head))] + [Send(b"2\r\nhi\r\n0\r\n\r\n")]
        heard = one(run, opened, steps)
        assert (heard.headers["content-type"], heard.body) == ("text/x", b"hi")

    def test_interim_answers_are_passed_over(self, run: Run, opened: Opener) -> None:
        interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        heard = one(run, opened, [Send(interim[:30]), Wait(0.01), Send(interim[30:]), *answer(BODY, gap=0.01)])
        assert (heard.status, heard.body) == (200, BODY)

    def test_chunk_extensions_and_trailers_are_passed_over(self, run: Run, opened: Opener) -> None:
        body = b"2;name=value\r\nhi\r\n0\r\nX-Trailer: 1\r\n\r\n"
        heard = one(run, opened, [Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Send(body)])
        assert (heard.body, heard.failure) == (b"hi", None)

    def test_nothing_is_decompressed(self, run: Run, opened: Opener) -> None:
        heard = one(run, opened, answer(b"\x1f\x8b not really gzip", headers=["Content-Encoding: gzip"]))
        assert (heard.headers["content-encoding"], heard.body) == ("gzip", b"\x1f\x8b not really gzip")

    def test_large_headers_are_taken_and_endless_ones_refused(self, run: Run, opened: Opener) -> None:
        assert one(run, opened, answer(BODY, headers=["X-Trace: " + "t" * 40_000])).body == BODY
        refused = one(run, opened, answer(BODY, headers=["X-Trace: " + "t" * 300_000]))
        assert refused.failure is not None and refused.failure.kind == "protocol"


class TestStamps:
    def test_a_stamp_is_the_instant_of_the_read(self, run: Run, opened: Opener) -> None:
        requests: list[Request] = []

        def script(request: Request) -> Sequence[Step]:
            requests.append(request)
            return answer(BODY, chunk="event", gap=0.02)

        async def go(url: str) -> Heard:
            async with opened(url) as transport:
                return (await exchange(transport))[0]

        with ScriptedServer(script) as server:
            heard = run(go(server.url))
        written = [at for at, _ in requests[0].writes][1:4]
        assert len(heard.pieces) == len(written) == 3
        late = sorted(stamp - at for (stamp, _), at in zip(heard.pieces, written, strict=True))
        assert late[0] > 0, "not before the server wrote it"
        assert late[1] < 10_000_000
        assert all(0 <= lag < 5_000_000 for lag in sorted(heard.lags)[:2]), "the sink is told in the read's own call"

    def test_what_waits_while_the_loop_is_busy_is_told_in_order(self, run: Run, opened: Opener) -> None:
        async def go(url: str) -> Heard:
            async with opened(url) as transport:
                heard = Heard()
                (await transport.acquire()).send(post(), heard)
                for _ in range(5):
                    time.sleep(0.02)
                    await asyncio.sleep(0)
                return await heard.until_over()

        with ScriptedServer(in_turn(answer(BODY, chunk=20, gap=0.003))) as server:
            assert run(go(server.url)).body == BODY


class TestBreaks:
    @pytest.mark.parametrize("te", ["chunked", "length"])
    @pytest.mark.parametrize("how", ["close", "half", "reset"])
    def test_a_connection_that_ends_in_mid_answer_is_lost(self, run: Run, opened: Opener, te: Any, how: Any) -> None:
        steps = answer([b"first ", b"second"], te=te, gap=0.05)
        kept = [step for step in steps if isinstance(step, Send)][:2]
        heard = one(run, opened, [*kept, Wait(0.05), End(how)])
        assert heard.failure is not None and heard.failure.kind == "connection_lost"
        assert (heard.status, heard.body) == (200, b"first ")

    @pytest.mark.parametrize("at", [0, 9, 40])
    @pytest.mark.parametrize("how", ["close", "reset"])
    def test_a_connection_that_ends_before_the_head_is_lost(self, run: Run, opened: Opener, at: int, how: Any) -> None:
        heard = one(run, opened, cut(answer(BODY), at, how))
        assert (heard.status, heard.body) == (None, b"")
        assert heard.failure is not None and heard.failure.kind == "connection_lost"

    def test_a_body_that_ends_with_the_connection_cannot_be_told_from_a_cut_one(self, run: Run, opened: Opener) -> None:
        assert one(run, opened, cut(answer(BODY, te="close"), 120)).failure is None

    @pytest.mark.parametrize(
        "noise", [b"HELO\r\n\r\n", b"\x16\x03\x01\x02\x00", b"HTTP/9 200\r\n\r\n", b"\r\n" * 10 + b"{}"]
    )
    def test_what_is_no_http_is_a_protocol_fault(self, run: Run, opened: Opener, noise: bytes) -> None:
        heard = one(run, opened, [Send(noise), Wait(0.05), End()])
        assert heard.failure is not None and heard.failure.kind == "protocol"

    def test_a_broken_chunk_is_a_protocol_fault_and_what_came_before_is_kept(self, run: Run, opened: Opener) -> None:
        steps = [*answer(BODY)[:2], Wait(0.05), Send(b"2\r\nok\r\nzz\r\n"), Wait(0.1)]
        heard = one(run, opened, steps)
        assert heard.failure is not None and heard.failure.kind == "protocol"
        assert heard.body == BODY + b"ok"

    def test_a_switch_of_protocols_is_a_fault(self, run: Run, opened: Opener) -> None:
        switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
        heard = one(run, opened, [Send(switch), Wait(0.05)])
        assert heard.failure is not None and heard.failure.kind == "protocol"

    def test_an_early_answer_to_a_large_request_is_heard(self, run: Run, opened: Opener) -> None:
        def refuse(listener: socket.socket) -> None:
            connection, _ = listener.accept()
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
            time.sleep(0.3)
            connection.close()

        async def go(url: str) -> Heard:
            async with opened(url) as transport:
                return (await exchange(transport, post(b"x" * (16 << 20))))[0]

        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=refuse, args=(listener,))
            thread.start()
            heard = run(go(f"http://127.0.0.1:{listener.getsockname()[1]}"))
            thread.join(5)
        assert (heard.status, heard.body) == (413, b"no")
