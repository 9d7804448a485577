"""One request against a server that plays a script, and the events such scripts are made of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from function.arrival import Row
from function.clock import SystemClock
from function.request import Requester
from function.transport.opening import open_transport
from tests.emulators.scripted_server import ScriptedServer, Step, in_turn
from tests.function.made import performed, requester_on, spec_for

MS = 1_000_000


def event(payload: Any) -> bytes:
    return b"data: " + (payload if isinstance(payload, bytes) else json.dumps(payload).encode()) + b"\n\n"


def delta(finish: str | None = None, **said: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": said, "finish_reason": finish}]})


ROLE, A, B, STOP = delta(role="assistant", content=""), delta(content="a"), delta(content="b"), delta("stop")
USAGE = event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
DONE = event(b"[DONE]")
GOOD = [ROLE, A, B, STOP, USAGE, DONE]
Doing = Callable[[Requester, ScriptedServer], Coroutine[Any, Any, Any]]


def with_server(
    script: Sequence[Step] | Callable[..., Any],
    doing: Doing,
    secrets: Mapping[str, str] | None = None,
    run: Callable[..., Any] = asyncio.run,
    **target: Any,
) -> Any:
    """What `doing` returns, given a requester aimed at a server that plays the script for every request."""

    async def go(server: ScriptedServer) -> Any:
        spec = spec_for(server.url + target.pop("prefix", ""), **target)
        requester = requester_on(open_transport(spec.target, SystemClock()), spec, secrets)
        try:
            return await doing(requester, server)
        finally:
            await requester.close()

    with ScriptedServer(script if callable(script) else in_turn(script)) as server:
        return run(go(server))


def row_of(script: Sequence[Step], tokens: int | None = 16, **target: Any) -> Row:
    row: Row = with_server(script, lambda requester, _: performed(requester, tokens=tokens), **target)
    return row


def in_order(row: Row) -> bool:
    times = [row.sent_ns, row.first_byte_ns, row.first_token_ns, *row.token_ns, row.last_token_ns, row.end_ns]
    known = [at for at in times if at is not None]
    return known == sorted(known)
