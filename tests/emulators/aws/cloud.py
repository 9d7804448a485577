"""An AWS account on loopback for tests: ministack, our Lambda before it, and a plan of what goes wrong.

    with running_cloud() as cloud:
        environment = cloud.environment()      # for Terraform, boto3 and benchctl
        cloud.plan.add(InvocationFault("kill", of_shard("0-1-0"), seconds=2))

The event loop runs in a thread of the test's process; `call` runs a coroutine there.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from aiohttp import web

from tests.emulators.aws.control_plane import ControlPlane
from tests.emulators.aws.event_queue import EventQueue
from tests.emulators.aws.faults import FaultPlan
from tests.emulators.aws.front import ACCEPT_PATH, Front
from tests.emulators.aws.lambda_service import LambdaService, Settings
from tests.emulators.aws.runtime import Runtime, find_runtime
from tests.emulators.ministack import ACCOUNT, free_port, root_environment, running_ministack

T = TypeVar("T")
_PATIENCE_S = 60.0
_MOST_BODY = 1 << 28  # a function's zip comes through here


@dataclass(slots=True)
class Cloud:
    """`url` is what callers use; `upstream` is ministack itself, without TLS and without faults."""

    url: str
    upstream: str
    plan: FaultPlan
    settings: Settings
    service: LambdaService
    queue: EventQueue
    loop: asyncio.AbstractEventLoop

    def environment(self) -> dict[str, str]:
        return root_environment(self.url)

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_PATIENCE_S)


@contextmanager
def running_cloud(functions: tuple[str, ...], settings: Settings | None = None) -> Iterator[Cloud]:
    """`functions`: the names that may be invoked; ministack must know them from its start.

    Raises MinistackUnavailable and RuntimeUnavailable.
    """
    runtime = find_runtime()
    port = free_port()
    chosen = settings or Settings()
    chosen.endpoint = f"http://127.0.0.1:{port}"
    # ministack checks an invocation's signature and rights, and then hands it to us instead of running it.
    proxied = {f"MINISTACK_LAMBDA_PROXY_{name}": chosen.endpoint + ACCEPT_PATH for name in functions}
    with running_ministack(extra=proxied) as upstream, tempfile.TemporaryDirectory(prefix="lambda-") as home:
        with _served(port, upstream.url, runtime, chosen, Path(home)) as cloud:
            yield cloud


@contextmanager
def _served(port: int, upstream: str, runtime: Runtime, settings: Settings, home: Path) -> Iterator[Cloud]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="emulated-aws", daemon=True)
    thread.start()

    def call(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(_PATIENCE_S)

    stack = AsyncExitStack()
    try:
        front = call(_build(stack, upstream, runtime, settings, home))
        call(_listen(stack, front, port))
        yield Cloud(settings.endpoint, upstream, front.plan, settings, front.service, front.queue, loop)
    finally:
        call(stack.aclose())
        call(_settled())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE_S)
        loop.close()


async def _build(stack: AsyncExitStack, upstream: str, runtime: Runtime, settings: Settings, home: Path) -> Front:
    plan = FaultPlan()
    plane = ControlPlane(upstream, ACCOUNT, home)
    stack.push_async_callback(plane.close)
    connector = aiohttp.TCPConnector(limit=200)
    http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, auto_decompress=False))
    service = LambdaService(plane, runtime, settings, plan, home)
    stack.push_async_callback(service.close)
    queue = EventQueue(service, plane, plan, upstream)
    stack.push_async_callback(queue.close)
    return Front(upstream, plane, service, queue, plan, http)


async def _listen(stack: AsyncExitStack, front: Front, port: int) -> None:
    application = web.Application(client_max_size=_MOST_BODY)
    application.router.add_route("*", "/{path:.*}", front.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0, auto_decompress=False)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()


async def _settled() -> None:
    """Whatever is still under way on the loop is cancelled, and over."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
