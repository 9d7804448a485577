"""Which connections serve again, and that a request is sent once. For each transport and loop."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from function.transport.keeping import PROOF_S
from tests.emulators.scripted_server import End, ScriptedServer, Send, Step, Wait, answer, in_turn
from tests.suites.transports import (
    BODY,
    Heard,
    Opener,
    Run,
    exchange,
    post,
    proven,
)


class TestReuse:
    def serve(self, run: Run, opened: Opener, script: Any, count: int, pause: float = 0.0) -> tuple[Any, list[Any]]:
        async def go(url: str) -> list[Any]:
            async with opened(url) as transport:
                found = []
                for turn in range(count):
                    heard, channel = await (exchange if turn else proven)(transport)
                    found.append((heard, channel.reused, channel.connect_ns))
                    await asyncio.sleep(pause)
                return found

        with ScriptedServer(script) as server:
            found = run(go(server.url))
            return server, found

    @pytest.mark.parametrize("te", ["chunked", "length"])
    def test_a_connection_serves_again(self, run: Run, opened: Opener, te: Any) -> None:
        server, found = self.serve(run, opened, in_turn(answer(BODY, te=te)), 3)
        assert server.accepted == 1
        assert [reused for _, reused, _ in found] == [False, True, True]
        assert [connect_ns is None for *_, connect_ns in found] == [False, True, True]
        assert all(heard.body == BODY for heard, *_ in found)

    @pytest.mark.parametrize(
        "steps",
        [
            answer(BODY, te="close"),
            answer(BODY, headers=["Connection: close"]),
            [*answer(BODY, te="length"), End("half")],
            [*answer(BODY, te="length"), End()],
            [*answer(BODY, te="length"), End("reset")],
            [Send(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi")],
        ],
    )
    def test_one_that_the_server_ends_does_not(self, run: Run, opened: Opener, steps: list[Step]) -> None:
        server, found = self.serve(run, opened, in_turn(steps), 3, pause=0.03)
        assert server.accepted == 3
        assert all(heard.failure is None for heard, *_ in found)

    @pytest.mark.parametrize("stray", [b"garbage", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"])
    def test_bytes_that_nobody_asked_for_never_become_an_answer(self, run: Run, opened: Opener, stray: bytes) -> None:
        steps = [*answer(BODY, te="length"), Wait(0.02), Send(stray)]
        server, found = self.serve(run, opened, in_turn(steps), 3, pause=0.06)
        assert [heard.body for heard, *_ in found] == [BODY] * 3
        assert server.accepted == 3

    def test_an_answer_and_stray_bytes_in_one_read(self, run: Run, opened: Opener) -> None:
        head, body = (step.data for step in answer(b"whole", te="length") if isinstance(step, Send))
        stray = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"
        server, found = self.serve(run, opened, in_turn([Send(head + body + stray)]), 2, pause=0.03)
        assert [heard.body for heard, *_ in found] == [b"whole"] * 2
        assert server.accepted == 2

    def test_one_that_ended_while_the_loop_looked_away_is_not_used(self, run: Run, opened: Opener) -> None:
        async def go(server: ScriptedServer) -> Heard:
            async with opened(server.url) as transport:
                await exchange(transport)
                await asyncio.sleep(0)
                # The server hangs up now, and the loop has no chance to hear of it before the next request.
                assert server.wait_for(lambda: server.open_connections == 0)
                return (await exchange(transport))[0]

        with ScriptedServer(in_turn([*answer(BODY, te="length"), Wait(0.05), End()])) as server:
            heard = run(go(server))
            assert (heard.failure, heard.body, len(server.requests)) == (None, BODY, 2)

    def test_a_request_is_sent_once_even_where_a_used_connection_dies_under_it(self, run: Run, opened: Opener) -> None:
        async def go(url: str) -> list[Heard]:
            async with opened(url) as transport:
                return [(await proven(transport))[0], (await exchange(transport))[0]]

        with ScriptedServer(in_turn(answer(BODY, te="length"), [End()])) as server:
            first, second = run(go(server.url))
            assert first.failure is None
            assert second.failure is not None and second.failure.kind == "connection_lost"
            time.sleep(0.05)
            assert (len(server.requests), server.accepted) == (2, 1)

    def test_an_idle_one_is_had_without_yielding_to_the_loop(self, run: Run, opened: Opener) -> None:
        async def go(url: str) -> None:
            async with opened(url) as transport:
                await proven(transport)
                taking = transport.acquire()
                with pytest.raises(StopIteration) as had:
                    taking.send(None)
                had.value.value.close()

        with ScriptedServer(in_turn(answer(BODY))) as server:
            run(go(server.url))

    def test_requests_at_once_have_a_connection_each(self, run: Run, opened: Opener) -> None:
        async def go(url: str) -> list[Heard]:
            async with opened(url) as transport:
                return [heard for heard, _ in await asyncio.gather(*(exchange(transport) for _ in range(40)))]

        with ScriptedServer(in_turn(answer(BODY, chunk="event", gap=0.05))) as server:
            heard = run(go(server.url))
            assert all(one.body == BODY for one in heard)
            assert server.accepted == 40

    def test_a_connection_left_open_after_the_answer_can_be_given_up(self, run: Run, opened: Opener) -> None:
        async def go(server: ScriptedServer) -> None:
            async with opened(server.url) as transport:
                channel = await transport.acquire()
                heard = Heard()
                channel.send(post(), heard)
                while heard.body != BODY:
                    await asyncio.sleep(0.005)
                channel.close()
                channel.close()
                await asyncio.sleep(0.05)
                assert not heard.over.done(), "after close nothing is told"
                another = await transport.acquire()
                assert not another.reused
                another.close()

        with ScriptedServer(in_turn(answer(BODY, hold=0.5))) as server:
            run(go(server))


class TestProof:
    """No connection serves again before the server has shown that it keeps them."""

    @pytest.mark.parametrize("gap_s", [0.0, 0.0005, 0.003, PROOF_S / 2])
    def test_a_server_that_hangs_up_behind_each_answer_costs_no_request(
        self, run: Run, opened: Opener, gap_s: float
    ) -> None:
        """Its headers promise to go on, and the next request comes at once."""

        async def go(url: str) -> list[Heard]:
            async with opened(url) as transport:
                return [(await exchange(transport))[0] for _ in range(40)]

        with ScriptedServer(in_turn([*answer(BODY), Wait(gap_s), End()])) as server:
            assert [heard.failure for heard in run(go(server.url))] == [None] * 40
            assert (len(server.requests), server.accepted) == (40, 40)

    def test_until_then_there_are_as_many_connections_as_requests_in_that_time(self, run: Run, opened: Opener) -> None:
        count, rate = 120, 300

        async def go(server: ScriptedServer) -> list[int]:
            async with opened(server.url) as transport:
                tasks, accepted = [], []
                for turn in range(count):
                    await asyncio.sleep(1 / rate)  # never two at once to make up for lost time
                    tasks.append(asyncio.create_task(exchange(transport)))
                    if turn == count // 2:
                        await asyncio.gather(*tasks)  # a slow machine gets round to what it has been asked
                        await asyncio.sleep(2 * PROOF_S)
                        accepted.append(server.accepted)
                assert all(heard.failure is None for heard, _ in await asyncio.gather(*tasks))
                return [*accepted, server.accepted]

        with ScriptedServer(in_turn(answer(BODY))) as server:
            before, after = run(go(server))
            assert len(server.requests) == count
        assert before < count // 3, "of the half that was sent by then"
        assert after <= before + 5, "what was opened before is enough"

    def test_once_proven_one_connection_serves_whoever_asks_at_once(self, run: Run, opened: Opener) -> None:
        async def go(url: str) -> list[bool]:
            async with opened(url) as transport:
                await proven(transport)
                return [(await exchange(transport))[1].reused for _ in range(100)]

        with ScriptedServer(in_turn(answer(BODY))) as server:
            assert run(go(server.url)) == [True] * 100
            assert (server.accepted, len(server.requests)) == (1, 101)

    def test_what_waits_for_its_proof_is_closed_with_the_transport(self, run: Run, opened: Opener) -> None:
        async def go(server: ScriptedServer) -> None:
            async with opened(server.url) as transport:
                await asyncio.gather(*(exchange(transport) for _ in range(5)))
                assert server.open_connections == 5
            assert server.wait_for(lambda: server.open_connections == 0, 2.0)
            await asyncio.sleep(2 * PROOF_S)

        with ScriptedServer(in_turn(answer(BODY, chunk="event", gap=0.01))) as server:
            run(go(server))


class TestOnce:
    def test_the_bytes_arrive_as_they_were_given(self, run: Run, opened: Opener) -> None:
        names = ["Zulu: 1", "host: x", "alpha: 2", "Content-Length: 3"]
        request = ("POST /p?q=1 HTTP/1.1\r\n" + "\r\n".join(names) + "\r\n\r\nabc").encode()

        async def go(url: str) -> None:
            async with opened(url) as transport:
                await exchange(transport, request)

        with ScriptedServer(in_turn(answer(BODY))) as server:
            run(go(server.url))
            (seen,) = server.requests
        assert seen.head + b"\r\n\r\n" + seen.body == request

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 401, 429, 503])
    def test_no_status_makes_it_ask_again(self, run: Run, opened: Opener, status: int) -> None:
        async def go(url: str) -> Heard:
            async with opened(url) as transport:
                return (await exchange(transport))[0]

        headers = ["Location: /elsewhere", "Retry-After: 0", "WWW-Authenticate: Basic"]
        with ScriptedServer(in_turn(answer(b"no", te="length", status=status, headers=headers))) as server:
            heard = run(go(server.url))
            time.sleep(0.03)
            assert (heard.status, heard.body, heard.headers["location"]) == (status, b"no", "/elsewhere")
            assert len(server.requests) == 1

    def test_cookies_are_not_kept(self, run: Run, opened: Opener) -> None:
        async def go(url: str) -> None:
            async with opened(url) as transport:
                for _ in range(2):
                    await exchange(transport)

        with ScriptedServer(in_turn(answer(BODY, headers=["Set-Cookie: a=b; Path=/"]))) as server:
            run(go(server.url))
            assert all(request.header("cookie") is None for request in server.requests)
