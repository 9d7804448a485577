"""The values that tests of the request path need: a spec, an arrival, a requester."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from function.arrival import Arrival, Piece, Row
from function.clock import SystemClock
from function.contract.spec import ShardSpec, StageWindow, Target
from function.request import Requester
from function.transport.port import Transport

TEXTS = [b"hello there"]


def spec_for(root: str = "http://127.0.0.1:9", **target: Any) -> ShardSpec:
    fields = {"root": root, "api": "chat", "streaming": True, **target}
    return ShardSpec(
        run_id="run-7",
        shard="0-0-0",
        phase=0,
        lane=0,
        slice=0,
        lanes=1,
        plan_hash="",
        code_version="",
        kind="open",
        requests=1,
        workload_sha256="",
        texts=(),
        models=("mock",),
        target=Target(**fields),
        stages=(StageWindow(0, 0, None),),
        slice_start_ns=0,
        slice_end_ns=None,
    )


def arrival_of(index: int = 0, tokens: int | None = 16) -> Arrival:
    return Arrival(index, index, 0, 1_000, 1_000, tokens, 0, None, (Piece(1, 0, 0, 5),))


def requester_on(transport: Transport, spec: ShardSpec, secrets: Mapping[str, str] | None = None) -> Requester:
    return Requester(spec, TEXTS, secrets or {}, transport, SystemClock())


async def perform(
    requester: Requester,
    arrival: Arrival,
    body: bytes,
    permit: Callable[[], str | None] = lambda: None,
    cancel_kind: str = "user",
) -> Row:
    """Begins a request and waits for its row; being cancelled cancels the request."""
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    request = requester.begin(arrival, body, permit, lambda _: None if ended.done() else ended.set_result(None))
    try:
        await ended
    except asyncio.CancelledError:
        request.cancel(cancel_kind)
    return request.row()


async def performed(requester: Requester, index: int = 0, tokens: int | None = 16) -> Row:
    arrival = arrival_of(index, tokens)
    return await perform(requester, arrival, requester.prepare(arrival))
