"""A plain client on a library everybody uses, as benchmarks/beside.py measures it: the way most load generators do it.

    libraries.py {aiohttp,httpx} PORT OUT < SCHEDULE

Each request is a task that iterates over the answer's lines and notes the time when it gets one: what a program sees
that reads a stream with `async for`. Sends by the loop's own timer. On uvloop, with no limit on connections.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

TOKENS, PROMPT, EVENT = 128, "word " * 64, b'"content":'
BODY = {
    "model": "m",
    "messages": [{"role": "user", "content": PROMPT}],
    "stream": True,
    "stream_options": {"include_usage": True},
    "max_tokens": TOKENS,
}
Stream = Callable[[int], AsyncIterator[bytes]]


def now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


async def by_aiohttp(port: int, stack: AsyncExitStack) -> Stream:
    import aiohttp

    connector = aiohttp.TCPConnector(limit=0)
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))

    async def stream(index: int) -> AsyncIterator[bytes]:
        url, headers = f"http://127.0.0.1:{port}/v1/chat/completions", {"X-Request-ID": f"r-{index}"}
        async with session.post(url, json=BODY, headers=headers) as answer:
            async for line in answer.content:
                yield line

    return stream


async def by_httpx(port: int, stack: AsyncExitStack) -> Stream:
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    client = await stack.enter_async_context(httpx.AsyncClient(limits=limits, timeout=60))

    async def stream(index: int) -> AsyncIterator[bytes]:
        url, headers = f"http://127.0.0.1:{port}/v1/chat/completions", {"X-Request-ID": f"r-{index}"}
        async with client.stream("POST", url, json=BODY, headers=headers) as answer:
            async for line in answer.aiter_lines():
                yield line.encode()

    return stream


LIBRARIES: dict[str, Callable[[int, AsyncExitStack], Awaitable[Stream]]] = {"aiohttp": by_aiohttp, "httpx": by_httpx}


async def drive(library: str, port: int, due: list[int], out: Path) -> None:
    async with AsyncExitStack() as stack:
        stream = await LIBRARIES[library](port, stack)
        results: list[tuple[int, int, list[int]]] = []

        async def one(index: int) -> None:
            sent_ns, stamps = now_ns(), []
            async for line in stream(index):
                if EVENT in line:
                    stamps.append(now_ns())
            results.append((index, sent_ns, stamps))

        gc.freeze()
        cpu_s, begun = time.process_time(), now_ns() + 50_000_000
        tasks = []
        for index, at_ns in enumerate(due):
            wait_s = (begun + at_ns - now_ns()) / 1e9
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            tasks.append(asyncio.ensure_future(one(index)))
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks)
        cpu_s = time.process_time() - cpu_s
    out.write_text(json.dumps({"start_ns": begun, "cpu_s": cpu_s, "results": results}))


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(drive(sys.argv[1], int(sys.argv[2]), json.load(sys.stdin), Path(sys.argv[3])))


if __name__ == "__main__":
    main()
