"""What every transport does, over real sockets. Each test runs for each transport, on asyncio's loop and uvloop's."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from function.clock import SystemClock
from function.contract.spec import Target
from function.transport.opening import TRANSPORTS
from function.transport.port import Channel, Failure, Transport, TransportError
from tests.emulators.certificates import Authority
from tests.emulators.scripted_server import End, Request, ScriptedServer, Send, Step, Wait, answer, cut, in_turn

LIMIT_S = 15.0
BODY = b'data: {"a":1}\n\ndata: {"b":"' + b"x" * 300 + b'"}\n\ndata: [DONE]\n\n'
clock = SystemClock()


class Heard:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}
        self.pieces: list[tuple[int, bytes]] = []
        self.ended_ns: int | None = None
        self.failure: Failure | None = None
        self.over = asyncio.get_running_loop().create_future()
        self.lags: list[int] = []

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.pieces)

    def head(self, stamp_ns: int, status: int, headers: Mapping[str, str]) -> None:
        assert self.status is None and not self.over.done()
        self.status, self.headers = status, headers

    def feed(self, stamp_ns: int, data: bytes) -> None:
        assert self.status is not None and not self.over.done() and data
        self.lags.append(clock.now_ns() - stamp_ns)
        self.pieces.append((stamp_ns, data))

    def end(self, stamp_ns: int) -> None:
        self.ended_ns = stamp_ns
        self.over.set_result(None)

    def fail(self, stamp_ns: int, failure: Failure) -> None:
        self.failure = failure
        self.over.set_result(None)

    async def until_over(self) -> Heard:
        await asyncio.wait_for(asyncio.shield(self.over), LIMIT_S)
        return self


def post(body: bytes = b"{}", path: str = "/v1/chat/completions") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (path.encode(), len(body), body)


async def exchange(transport: Transport, request: bytes = post()) -> tuple[Heard, Channel]:
    channel = await asyncio.wait_for(transport.acquire(), LIMIT_S)
    heard = Heard()
    channel.send(request, heard)
    return await heard.until_over(), channel


Opener = Callable[..., Any]


@pytest.fixture(params=[name for name in TRANSPORTS if name != "auto"])
def opened(request: pytest.FixtureRequest) -> Opener:
    """An asynchronous context: `async with opened(url, **target) as transport`."""

    @asynccontextmanager
    async def open_it(root: str, **target: Any) -> AsyncIterator[Transport]:
        fields = {"api": "chat", "streaming": True, **target}
        transport = TRANSPORTS[request.param](Target(root=root, **fields), clock)
        try:
            yield transport
        finally:
            await transport.close()

    return open_it


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    return asyncio.run if request.param == "asyncio" else uvloop.run


Run = Callable[[Awaitable[Any]], Any]


def one(run: Run, opened: Opener, steps: Sequence[Step], request: bytes = post()) -> Heard:
    """The outcome of one exchange with a server that plays these steps."""

    async def go(url: str) -> Heard:
        async with opened(url) as transport:
            return (await exchange(transport, request))[0]

    with ScriptedServer(in_turn(steps)) as server:
        return run(go(server.url))


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


class TestReuse:
    def serve(self, run: Run, opened: Opener, script: Any, count: int, pause: float = 0.0) -> tuple[Any, list[Any]]:
        async def go(url: str) -> list[Any]:
            async with opened(url) as transport:
                found = []
                for _ in range(count):
                    heard, channel = await exchange(transport)
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
                return [(await exchange(transport))[0] for _ in range(2)]

        with ScriptedServer(in_turn(answer(BODY, te="length"), [End()])) as server:
            first, second = run(go(server.url))
            assert first.failure is None
            assert second.failure is not None and second.failure.kind == "connection_lost"
            time.sleep(0.05)
            assert (len(server.requests), server.accepted) == (2, 1)

    def test_an_idle_one_is_had_without_yielding_to_the_loop(self, run: Run, opened: Opener) -> None:
        async def go(url: str) -> None:
            async with opened(url) as transport:
                await exchange(transport)
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
                assert not (await transport.acquire()).reused

        with ScriptedServer(in_turn(answer(BODY, hold=0.5))) as server:
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


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def open_sockets() -> int:
    gc.collect()
    links = (Path("/proc/self/fd", number) for number in os.listdir("/proc/self/fd"))
    return sum(link.is_symlink() and os.readlink(link).startswith("socket:") for link in links)


class TestConnecting:
    def refused(self, run: Run, opened: Opener, url: str, **target: Any) -> Failure:
        async def go() -> Failure:
            async with opened(url, **target) as transport:
                with pytest.raises(TransportError) as refusal:
                    await asyncio.wait_for(transport.acquire(), LIMIT_S)
                assert (await transport.warm(2)).failure is not None
                return refusal.value.failure

        failure = run(go())
        assert isinstance(failure, Failure) and failure.message
        return failure

    def test_nobody_listens(self, run: Run, opened: Opener) -> None:
        assert self.refused(run, opened, f"http://127.0.0.1:{free_port()}").kind == "connect"

    def test_no_such_name(self, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", fails)  # uvloop has a resolver of its own
        assert self.refused(asyncio.run, opened, "http://model.invalid").kind == "dns"

    def test_no_file_descriptors_left(self, run: Run, opened: Opener) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

        async def go(url: str) -> Failure:
            async with opened(url) as transport:
                await exchange(transport)
                held = [await transport.acquire()]
                free = next(number for number in range(hard) if not os.path.exists(f"/proc/self/fd/{number}"))
                resource.setrlimit(resource.RLIMIT_NOFILE, (free + 4, hard))
                try:
                    with pytest.raises(TransportError) as refusal:
                        for _ in range(200):
                            held.append(await transport.acquire())
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                for channel in held:
                    channel.close()
                return refusal.value.failure

        with ScriptedServer(in_turn(answer(BODY))) as server:
            failure = run(go(server.url))
        assert failure.kind == "connect" and "ulimit" in failure.message

    def test_ipv6(self, run: Run, opened: Opener) -> None:
        if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
            pytest.skip("this machine has no IPv6")

        async def go(url: str) -> Heard:
            async with opened(url) as transport:
                return (await exchange(transport))[0]

        with ScriptedServer(in_turn(answer(BODY)), host="::1") as server:
            assert run(go(server.url)).body == BODY

    def test_warming_opens_and_sends_nothing(self, run: Run, opened: Opener) -> None:
        async def go(server: ScriptedServer) -> None:
            async with opened(server.url) as transport:
                warm = await transport.warm(3)
                assert (warm.connections, warm.failure, warm.dns_ns, warm.tls_ns) == (3, None, None, None)
                assert warm.connect_ns is not None and 0 < warm.connect_ns < 5_000_000_000
                assert server.wait_for(lambda: server.accepted == 3)
                _, channel = await exchange(transport)
                assert channel.reused
                assert (await transport.warm(3)).connections == 3
                assert (server.accepted, len(server.requests)) == (3, 1)

        with ScriptedServer(in_turn(answer(BODY))) as server:
            run(go(server))

    def test_cancelling_and_closing_leave_no_socket(self, run: Run, opened: Opener) -> None:
        async def go(url: str, deaf: str) -> None:
            before = open_sockets()
            async with opened(url) as transport:
                waiting = [asyncio.create_task(exchange(transport)) for _ in range(5)]
                heard = Heard()
                channel = await transport.acquire()
                channel.send(post(), heard)
                await asyncio.sleep(0.05)
                for task in waiting[:3]:
                    task.cancel()
                channel.close()
            ended = await asyncio.gather(*waiting, return_exceptions=True)
            assert [isinstance(one, asyncio.CancelledError) for one in ended] == [True] * 3 + [False] * 2
            told = [one[0].failure for one in ended if isinstance(one, tuple)]
            assert [failure.kind for failure in told] == ["connection_lost"] * 2
            async with opened(deaf) as transport:
                for _ in range(3):
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(transport.acquire(), 0.05)
            await asyncio.sleep(0.1)
            assert open_sockets() <= before

        with ScriptedServer(in_turn([])) as server, deaf_listener() as port:
            run(go(server.url, f"http://127.0.0.1:{port}"))


class deaf_listener:
    """A port whose queue of connections is full: connecting to it takes for ever."""

    def __enter__(self) -> int:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self._fill = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self._listener.getsockname())
            self._fill.append(filler)
        time.sleep(0.02)
        return int(self._listener.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        for one in (*self._fill, self._listener):
            one.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


class TestTls:
    def reached(self, run: Run, opened: Opener, url: str, **target: Any) -> Heard:
        async def go() -> Heard:
            async with opened(url, **target) as transport:
                warm = await transport.warm(1)
                assert warm.failure is None and warm.tls_ns is not None and warm.tls_ns > 0
                return (await exchange(transport))[0]

        heard: Heard = run(go())
        return heard

    def test_a_ca_file_is_believed(self, run: Run, opened: Opener, authority: Authority) -> None:
        with ScriptedServer(in_turn(answer(BODY)), tls=authority.sign("127.0.0.1").server_context()) as server:
            assert self.reached(run, opened, server.url, ca_file=str(authority.file)).body == BODY

    def test_a_body_that_ends_with_the_connection(self, run: Run, opened: Opener, authority: Authority) -> None:
        with ScriptedServer(
            in_turn(answer(BODY, te="close")), tls=authority.sign("127.0.0.1").server_context()
        ) as server:
            assert self.reached(run, opened, server.url, ca_file=str(authority.file)).body == BODY

    def test_what_cannot_be_believed_is_a_tls_failure(self, run: Run, opened: Opener, authority: Authority) -> None:
        connecting = TestConnecting()
        with ScriptedServer(in_turn(answer(BODY)), tls=authority.sign("127.0.0.1").server_context()) as server:
            assert connecting.refused(run, opened, server.url).kind == "tls"
        with ScriptedServer(in_turn(answer(BODY)), tls=authority.sign("other.test").server_context()) as server:
            assert connecting.refused(run, opened, server.url, ca_file=str(authority.file)).kind == "tls"

    @pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
    def test_a_server_that_speaks_no_tls_is_a_tls_failure(self, run: Run, opened: Opener, reply: bytes) -> None:
        def hang_up(listener: socket.socket) -> None:
            for _ in range(3):
                connection, _ = listener.accept()
                connection.recv(100)
                connection.sendall(reply)
                connection.close()

        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=hang_up, args=(listener,), daemon=True).start()
            url = f"https://127.0.0.1:{listener.getsockname()[1]}"
            assert TestConnecting().refused(run, opened, url).kind == "tls"

    def test_a_client_certificate_is_shown(self, run: Run, opened: Opener, authority: Authority) -> None:
        mine = authority.sign("worker.test")
        context = authority.sign("127.0.0.1").server_context(clients=authority.file)
        with ScriptedServer(in_turn(answer(BODY)), tls=context) as server:
            files = {"ca_file": str(authority.file), "cert_path": str(mine.cert), "key_path": str(mine.key)}
            assert self.reached(run, opened, server.url, **files).body == BODY


class TestProxies:
    @pytest.fixture(autouse=True)
    def no_proxies(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)

    def test_plain_http_is_asked_of_the_proxy_by_its_whole_address(
        self, run: Run, opened: Opener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def go() -> tuple[str, Mapping[str, str], Heard]:
            async with opened("http://model.test:8000/team") as transport:
                heard = (await exchange(transport, post(path=transport.absolute_form + "/team/v1")))[0]
                return transport.absolute_form, transport.proxy_headers, heard

        with ScriptedServer(in_turn(answer(BODY))) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("http://", "http://user:pass@"))
            form, headers, heard = run(go())
            assert (form, headers) == ("http://model.test:8000", {"Proxy-Authorization": "Basic dXNlcjpwYXNz"})
            assert heard.body == BODY
            assert proxy.requests[0].line == "POST http://model.test:8000/team/v1 HTTP/1.1"

    def test_https_goes_through_a_tunnel(
        self, run: Run, opened: Opener, authority: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def go() -> tuple[Heard, bool]:
            async with opened("https://model.test", ca_file=str(authority.file)) as transport:
                assert transport.absolute_form == "" and not transport.proxy_headers
                await exchange(transport)
                heard, channel = await exchange(transport)
                return heard, channel.reused

        tls = authority.sign("model.test").server_context()
        with ScriptedServer(in_turn(answer(BODY)), tls=tls) as server, tunnel_to(server.port) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            heard, reused = run(go())
            assert (heard.body, reused) == (BODY, True)
            assert proxy.asked == [b"CONNECT model.test:443 HTTP/1.1"]

    def test_loopback_and_exceptions_are_asked_directly(
        self, run: Run, opened: Opener, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def go(url: str) -> Heard:
            async with opened(url) as transport:
                assert transport.absolute_form == ""
                return (await exchange(transport))[0]

        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
        with ScriptedServer(in_turn(answer(BODY))) as server:
            assert run(go(server.url)).body == BODY


class tunnel_to:
    """A proxy that knows CONNECT alone, and one way to go."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.asked: list[bytes] = []

    def __enter__(self) -> tunnel_to:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        near, _ = self._listener.accept()
        self.asked.append(near.recv(4096).split(b"\r\n")[0])
        far = socket.create_connection(("127.0.0.1", self._to))
        near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=self._pump, args=(far, near), daemon=True).start()
        self._pump(near, far)

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one side has gone
