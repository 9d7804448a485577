"""The client that benchmarks/client_speed.py measures, as a process of its own: sends each request at its time, waits for
all, and writes what they cost and when everything happened, for the parent to hold against the server's log.

    client_subject.py SUBJECT PORT OUT < SCHEDULE        SUBJECT: native, aiohttp, or either with -bare
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import uvloop  # noqa: E402  # after the path to the package

from function.alarm import open_alarm  # noqa: E402
from function.arrival import Arrival, Piece  # noqa: E402
from function.clock import SystemClock  # noqa: E402
from function.contract.spec import ShardSpec, StageWindow, Target  # noqa: E402
from function.quiet import lift_file_limit, quiet  # noqa: E402
from function.request import Requester  # noqa: E402
from function.transport.opening import open_transport  # noqa: E402

TOKENS, PROMPT = 128, b"word " * 64
EVENT = b'"delta":{"content"'


class KeepingSink:
    """Keeps stamps and bytes, and nothing else."""

    def __init__(self, done: Any) -> None:
        self.stamps: list[int] = []
        self.pieces: list[bytes] = []
        self.failed = False
        self._done = done

    def head(self, stamp_ns: int, status: int, headers: Mapping[str, str]) -> None:
        self.failed = status != 200

    def feed(self, stamp_ns: int, data: bytes) -> None:
        self.stamps.append(stamp_ns)
        self.pieces.append(data)

    def end(self, stamp_ns: int) -> None:
        self._done(self)

    def fail(self, stamp_ns: int, failure: Any) -> None:
        self.failed = True
        self._done(self)

    def token_ns(self) -> list[int]:
        return [stamp for stamp, piece in zip(self.stamps, self.pieces, strict=True) for _ in range(piece.count(EVENT))]


async def drive(word: str, bare: bool, port: int, due: Sequence[int], out: Path) -> None:
    """Sends each request at its time, waits for all, and writes what was measured."""

    lift_file_limit()
    clock = SystemClock()
    target = Target(f"http://127.0.0.1:{port}", "chat", True, transport=word)  # type: ignore[arg-type]
    window = (StageWindow(0, 0, None),)
    spec = ShardSpec(*("r", "0-0-0", 0, 0, 0, 1, "", "", "open", len(due), "", (), ("m",), target, window, 0, None))
    transport = open_transport(target, clock)
    requester = Requester(spec, [PROMPT], {}, transport, clock)
    await requester.warm(64)
    arrivals = [
        Arrival(index, index, 0, at, at, TOKENS, 0, None, (Piece(1, 0, 0, len(PROMPT)),))
        for index, at in enumerate(due)
    ]
    bodies = [requester.prepare(arrival) for arrival in arrivals]
    results: list[tuple[int, int, list[int]]] = []
    over = asyncio.get_running_loop().create_future()
    failed = 0

    def landed(index: int, sent_ns: int | None, tokens: Sequence[int], good: bool) -> None:
        nonlocal failed
        failed += not good
        results.append((index, sent_ns or 0, list(tokens)))
        if len(results) == len(due):
            over.set_result(None)

    async def whole(index: int) -> None:
        row = await requester.perform(arrivals[index], bodies[index], lambda: None, lambda: "user")
        landed(index, row.sent_ns, row.token_ns, row.status == "ok")

    async def alone(index: int) -> None:
        sent_ns = clock.now_ns()
        channel = await transport.acquire()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Request-ID: r-%d\r\n" % index
        sink = KeepingSink(lambda sink: landed(index, sent_ns, sink.token_ns(), not sink.failed))
        channel.send(head + b"Content-Length: %d\r\n\r\n" % len(bodies[index]) + bodies[index], sink)

    perform, tasks, position = alone if bare else whole, set(), 0

    def ring() -> None:
        nonlocal position
        while position < len(due) and start_ns + due[position] <= clock.now_ns():
            task = asyncio.ensure_future(perform(position))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            position += 1
        if position < len(due):
            alarm.set(start_ns + due[position])

    alarm = open_alarm(clock, ring)
    start_ns = clock.now_ns() + 50_000_000
    with quiet():
        cpu_s, kernel_s, wall_s, waited_ns = time.process_time(), os.times().system, time.monotonic(), _waited_ns()
        alarm.set(start_ns + due[0])
        await asyncio.wait_for(over, due[-1] / 1e9 + 20)
        cpu_s, kernel_s = time.process_time() - cpu_s, os.times().system - kernel_s
        wall_s = time.monotonic() - wall_s
        waited_ns = _waited_ns() - waited_ns
    alarm.close()
    stamping = transport.stamping
    await requester.close()
    took = {"cpu_s": cpu_s, "kernel_s": kernel_s, "wall_s": wall_s, "waited_s": waited_ns / 1e9}
    measured = {**took, "start_ns": start_ns, "failed": failed}
    out.write_text(json.dumps({**measured, "kernel": stamping.kernel, "results": results}))


def _waited_ns() -> int:
    return int(Path("/proc/self/schedstat").read_text().split()[1])


def main() -> None:
    word, _, bare = sys.argv[1].partition("-")
    due = json.load(sys.stdin)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(drive(word, bool(bare), int(sys.argv[2]), due, Path(sys.argv[3])))


if __name__ == "__main__":
    main()
