"""A worker as a process of this machine: one shard attempt per process, the payload as JSON on standard input.

It obeys the store alone, so it outlives whoever started it by no more than the lease. Exit codes: 0 the protocol was
followed to its end (also when that meant sending nothing), 2 refused before any load, 1 anything else; errors are one
line on standard error, and nothing is ever printed on standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from types import FrameType

from function.clock import Clock, SystemClock
from function.contract.codec import decode
from function.contract.control import Payload
from function.contract.errors import BenchctlError
from function.contract.spec import ShardSpec
from function.health import process_started_ns
from function.quiet import lift_file_limit
from function.request import Requester
from function.rim import Rim
from function.secret import from_environment
from function.shard import Invocation, ShardEnd, run_shard
from function.store.opening import open_store
from function.transport.opening import open_transport


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m function.entry.local", description=__doc__)
    # Pretends that this machine's wall clock is off by so much: how tests see what a wrong clock does.
    parser.add_argument("--wall-offset-ns", type=int, default=0, help=argparse.SUPPRESS)
    clock = SystemClock(parser.parse_args().wall_offset_ns)
    told: list[str] = []

    def tell(number: int, frame: FrameType | None) -> None:
        told.append(f"the worker got {signal.Signals(number).name}")

    signal.signal(signal.SIGTERM, tell)
    signal.signal(signal.SIGINT, tell)
    lift_file_limit()
    invocation = Invocation(
        started_ns=process_started_ns(clock),
        sources={"env": from_environment(os.environ)},
        interrupted=lambda: told[0] if told else None,
    )
    try:
        payload = decode(Payload, sys.stdin.buffer.read(), "the payload on standard input")
        with asyncio.Runner(loop_factory=new_loop) as runner:
            end = runner.run(_run(payload, invocation, clock))
    except BenchctlError as error:
        print(f"error[{error.code}]: {error.message}" + (f" ({error.hint})" if error.hint else ""), file=sys.stderr)
        return error.exit_code
    if end.detail:
        print(f"{payload.shard}.{payload.attempt}: {end.detail}", file=sys.stderr)
    return 0


async def _run(payload: Payload, invocation: Invocation, clock: Clock) -> ShardEnd:
    with closing(open_store(payload.run)) as store:
        return await run_shard(payload, store, _requester, invocation, Rim(clock))


def _requester(spec: ShardSpec, texts: Sequence[bytes], secrets: Mapping[str, str], clock: Clock) -> Requester:
    return Requester(spec, texts, secrets, open_transport(spec.target, clock), clock)


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's, where there is one."""
    try:
        import uvloop
    except ImportError:  # not made for this platform
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


if __name__ == "__main__":
    sys.exit(main())
