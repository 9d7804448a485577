"""A worker's one door to AWS: clients of its services on an event loop in a thread of its own.

What is called from other threads blocks there, never the loop that times requests. The SDK repeats nothing by itself:
who calls decides what may be asked again. Knows no service; what an answer means is its caller's.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore import exceptions
from botocore.loaders import create_loader

T = TypeVar("T")

CONNECTIONS = 16
# What becomes of a call that gets no answer, or a damaged one. A body's errors may be aiohttp's own.
NO_ANSWER = (
    exceptions.HTTPClientError,
    exceptions.ConnectionError,
    exceptions.FlexibleChecksumError,
    exceptions.ChecksumError,
    aiohttp.ClientError,
    OSError,
)
NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
)


class Amazon:
    """The thread begins with the first call. It is shared: each `hold` is matched by a `release`, and the last of them
    ends it. Safe to use from several threads; never call it from its own loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._clients = AsyncExitStack()
        self._session = get_session()
        self._session.register_component("data_loader", _descriptions())

    def hold(self) -> None:
        with self._lock:
            self._held += 1

    def release(self) -> None:
        with self._lock:
            self._held -= 1
            last = not self._held
        if last:
            self.close()

    def close(self) -> None:
        """Ends thread and connections, whoever still holds it. Harmless where they have ended."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._clients.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs `work` on the loop and waits for it. Raises what it raises."""
        future = asyncio.run_coroutine_threadsafe(work, self._running())
        try:
            return future.result()
        except CancelledError as error:
            raise RuntimeError("the door to AWS was closed in the middle of a call") from error
        except BaseException:  # interrupted, too
            future.cancel()
            raise

    async def client(self, service: str, region: str | None, config: AioConfig) -> Any:
        """A client of its own connections, closed with this door if not before. Call it on the loop."""
        return await self._clients.enter_async_context(
            self._session.create_client(service, region_name=region, config=config)
        )

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_turn, args=(self._loop,), name="benchctl-aws", daemon=True)
                self._thread.start()
            return self._loop


def client_config(connect_s: float, read_s: float, **more: Any) -> AioConfig:
    """`read_s`: the longest silence of an answer. One try: whoever calls says what is repeated."""
    return AioConfig(
        connect_timeout=connect_s,
        read_timeout=read_s,
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": 1},
        user_agent_extra="benchctl",
        **more,
    )


@functools.cache
def _descriptions() -> Any:
    """Of the services, read and parsed once for all sessions of this process."""
    return create_loader()


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        for task in (left := asyncio.all_tasks(loop)):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
