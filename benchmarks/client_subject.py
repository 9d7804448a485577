"""The client that benchmarks/client_speed.py measures, as a process of its own: sends each request at its time, waits
for all, and writes what they cost and when everything happened, for the parent to hold against the server's log.

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


class Load:
    """Sends requests at their times, ns after `begin`, and keeps (index, sent, token stamps) of each."""

    def __init__(self, target: Target, due: Sequence[int], bare: bool) -> None:
        self.clock = SystemClock()
        self.transport = open_transport(target, self.clock)
        self.requester = Requester(_spec(target, len(due)), [PROMPT], {}, self.transport, self.clock)
        pieces = (Piece(1, 0, 0, len(PROMPT)),)
        self._arrivals = [Arrival(index, index, 0, at, at, TOKENS, 0, None, pieces) for index, at in enumerate(due)]
        self._bodies = [self.requester.prepare(arrival) for arrival in self._arrivals]
        self._perform = self._alone if bare else self._whole
        self._due = due
        self._position = 0
        self._tasks: set[asyncio.Future[None]] = set()
        self.results: list[tuple[int, int, list[int]]] = []
        self.failed = 0
        self.over = asyncio.get_running_loop().create_future()
        self.alarm = open_alarm(self.clock, self._ring)

    def begin(self) -> None:
        self.start_ns = self.clock.now_ns() + 50_000_000
        self.alarm.set(self.start_ns + self._due[0])

    def _ring(self) -> None:
        while self._position < len(self._due) and self.start_ns + self._due[self._position] <= self.clock.now_ns():
            task = asyncio.ensure_future(self._perform(self._position))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._position += 1
        if self._position < len(self._due):
            self.alarm.set(self.start_ns + self._due[self._position])

    async def _whole(self, index: int) -> None:
        row = await self.requester.perform(self._arrivals[index], self._bodies[index], lambda: None, lambda: "user")
        self._landed(index, row.sent_ns, row.token_ns, row.status == "ok")

    async def _alone(self, index: int) -> None:
        sent_ns, body = self.clock.now_ns(), self._bodies[index]
        channel = await self.transport.acquire()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Request-ID: r-%d\r\n" % index
        sink = KeepingSink(lambda sink: self._landed(index, sent_ns, sink.token_ns(), not sink.failed))
        channel.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body, sink)

    def _landed(self, index: int, sent_ns: int | None, tokens: Sequence[int], good: bool) -> None:
        self.failed += not good
        self.results.append((index, sent_ns or 0, list(tokens)))
        if len(self.results) == len(self._due):
            self.over.set_result(None)


def _spec(target: Target, requests: int) -> ShardSpec:
    window = (StageWindow(0, 0, None),)
    return ShardSpec("r", "0-0-0", 0, 0, 0, 1, "", "", "open", requests, "", (), ("m",), target, window, 0, None)


async def drive(word: str, bare: bool, port: int, due: Sequence[int], out: Path) -> None:
    """Waits for all, and writes what was measured."""
    lift_file_limit()
    load = Load(Target(f"http://127.0.0.1:{port}", "chat", True, transport=word), due, bare)  # type: ignore[arg-type]
    await load.requester.warm(64)
    with quiet():
        cpu_s, kernel_s, wall_s, waited_ns = time.process_time(), os.times().system, time.monotonic(), _waited_ns()
        load.begin()
        await asyncio.wait_for(load.over, due[-1] / 1e9 + 20)
        cpu_s, kernel_s = time.process_time() - cpu_s, os.times().system - kernel_s
        wall_s, waited_s = time.monotonic() - wall_s, (_waited_ns() - waited_ns) / 1e9
    load.alarm.close()
    took = {"cpu_s": cpu_s, "kernel_s": kernel_s, "wall_s": wall_s, "waited_s": waited_s}
    kept = {"start_ns": load.start_ns, "failed": load.failed, "results": load.results}
    out.write_text(json.dumps({**took, **kept, "kernel": load.transport.stamping.kernel}))
    await load.requester.close()


def _waited_ns() -> int:
    return int(Path("/proc/self/schedstat").read_text().split()[1])


def main() -> None:
    word, _, bare = sys.argv[1].partition("-")
    due = json.load(sys.stdin)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(drive(word, bool(bare), int(sys.argv[2]), due, Path(sys.argv[3])))


if __name__ == "__main__":
    main()
