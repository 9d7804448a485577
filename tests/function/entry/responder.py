"""A chat endpoint in a thread of the test: streams three tokens and writes down when it was asked for what."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
END = (
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":3}}\n\ndata: [DONE]\n\n'
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Responder:
    """`asked` lists (unix ns of arrival, X-Request-ID, body), `lines` request lines, `headers` all in lower case."""

    def __init__(self, itl_s: float) -> None:
        self.asked: list[tuple[int, str, bytes]] = []
        self.lines: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""
        self._itl_s = itl_s
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def ids(self) -> list[str]:
        return [name for _, name, _ in self.asked]

    def since(self, unix_ns: int) -> list[float]:
        """Seconds after `unix_ns` of each request that came later."""
        return [(at - unix_ns) / 1e9 for at, _, _ in self.asked if at > unix_ns]

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        async def begin() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self._ready.set()

        self._loop.run_until_complete(begin())
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                at = time.time_ns()
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                self.lines.append(head.partition("\r\n")[0])
                self.headers.append(fields)
                self.asked.append((at, fields.get("x-request-id", ""), body))
                writer.write(HEAD)
                for piece in (CHUNK, CHUNK, CHUNK, END):
                    await asyncio.sleep(self._itl_s)
                    writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                writer.write(b"0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client is done
        finally:
            writer.close()


@contextmanager
def responding(itl_s: float = 0.01) -> Iterator[Responder]:
    responder = Responder(itl_s)
    try:
        yield responder
    finally:
        responder.stop()
