"""A worker as an invocation of AWS Lambda: the payload is the event, what it may do is in the function's environment.

Each invocation has its own event loop, and every task, thread and connection of it has ended when it answers: a frozen
sandbox thaws inside another invocation, and must not go on with old load there. Nothing rests on SIGTERM, which Lambda
sends only where an extension runs; the time that is left is looked at instead. A failed invocation raises
WorkerFailed, one line that Lambda logs and sends to the failure queue; the answer of any other says how it ended.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import msgspec

from function.amazon_secrets import AmazonSecrets
from function.ceiling import WINDOW_S, CappedRequester, Ceiling
from function.clock import SystemClock
from function.contract.control import Payload
from function.contract.errors import BenchctlError, UsageError
from function.contract.probe import ProbePayload
from function.contract.spec import ShardSpec
from function.entry.local import new_loop
from function.guard import Guard, read_guard
from function.health import process_started_ns
from function.probing import answer_probe
from function.quiet import lift_file_limit
from function.rim import Rim
from function.shard import Invocation, MakePerformer, run_shard
from function.store.opening import open_store
from function.transport.opening import open_transport

LAST_S = 5.0  # with less left whatever still runs is ended, so that its receipt is written
_CLOCK = SystemClock()
_SECRETS = AmazonSecrets()  # of this sandbox
_SOURCES = {"aws_secret": _SECRETS}  # no `env`: the function's environment holds its role's keys
_fresh_since_ns: list[int] = [process_started_ns(_CLOCK)]  # until the first invocation
_import_ended_ns = _CLOCK.now_ns()


class WorkerFailed(Exception):
    """`error[code]: message (hint)`."""


def handler(event: Any, context: Any) -> dict[str, Any]:
    """`event`: a Payload or a ProbePayload as JSON. Returns {"shard", "attempt", "outcome", "detail"} (ShardEnd), or a
    probe's Answer. Raises WorkerFailed."""
    lift_file_limit()
    started_ns = _started_ns()
    try:
        guard = read_guard(os.environ)
        with asyncio.Runner(loop_factory=new_loop) as runner:
            if isinstance(event, Mapping) and "probe" in event:
                asked = _read(ProbePayload, event)
                return _plain(runner.run(answer_probe(asked.probe, guard, _SOURCES, _CLOCK)))
            return runner.run(_serve(_read(Payload, event), guard, started_ns, context.get_remaining_time_in_millis))
    except BenchctlError as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise WorkerFailed(f"error[{error.code}]: {error.message}{hint}") from None


async def _serve(payload: Payload, guard: Guard, started_ns: int, left_ms: Callable[[], int]) -> dict[str, Any]:
    guard.check_run(payload.run)
    rim = Rim(_CLOCK)
    invocation = Invocation(
        started_ns=started_ns,
        sources=_SOURCES,
        interrupted=lambda: "the invocation's time was up" if left_ms() < LAST_S * 1e3 else None,
        limit_unix_ns=_CLOCK.wall_ns() + left_ms() * 1_000_000,
        guard=guard,
    )
    with closing(open_store(payload.run)) as store:
        end = await run_shard(payload, store, _maker(guard, rim), invocation, rim)
    return {"shard": payload.shard, "attempt": payload.attempt, "outcome": end.outcome, "detail": end.detail}


def _maker(guard: Guard, rim: Rim) -> MakePerformer:
    def make(spec: ShardSpec, texts: Sequence[bytes], secrets: Mapping[str, str], clock: Any) -> CappedRequester:
        transport = open_transport(spec.target, clock, guard.why_refused)
        ceiling = Ceiling(guard.most(spec.lanes, WINDOW_S))
        return CappedRequester(spec, texts, secrets, transport, clock, ceiling, rim.fuse)

    return make


def _started_ns() -> int:
    """Of the sandbox for its first invocation, however long it was kept ready before; else of this invocation."""
    now_ns = _CLOCK.now_ns()
    return now_ns - (_import_ended_ns - _fresh_since_ns.pop()) if _fresh_since_ns else now_ns


def _read(kind: Any, event: Any) -> Any:
    try:
        return msgspec.convert(event, kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"the event is no {kind.__name__}: {error}", code="payload") from error


def _plain(answer: object) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(answer, str_keys=True)
    return plain
