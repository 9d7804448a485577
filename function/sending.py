"""The granted part of a shard: everything it owns is sent at its time, answered or given up, and handed to the parts.

Wires supply, window, loop, flight and recorder, and decides nothing but the order of the end: stop sending, cancel what
is in the air, account for what was due, flush.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from function.arrival import Row
from function.closed_loop import ClosedLoop
from function.contract.receipt import Health, StopReason
from function.contract.spec import ShardSpec
from function.flight import Flight, Performer
from function.gate import Gate, Stop
from function.health import HealthProbe
from function.open_loop import OpenLoop, limits
from function.progress import State
from function.recorder import PartWriter, Recorder
from function.rim import Rim
from function.sessions import Sessions
from function.tally import Tally
from function.timeline import Timeline
from function.vigil import Vigil
from function.window import Window
from function.workload import Reuse, Supply


@dataclass(frozen=True, slots=True)
class Ending:
    """How the sending ended. `stopped_ns` (since the run's t0): before everything owned was sent. `error`: ours."""

    reason: StopReason
    stopped_ns: int | None
    detail: str | None
    health: Health
    error: Exception | None = None


class Sending:
    """Made before go, so that the workload is decoded ahead; `run` once it has come; `stop` in any case."""

    def __init__(
        self, spec: ShardSpec, workload: bytes, performer: Performer, gate: Gate, writer: PartWriter, rim: Rim
    ) -> None:
        self.state: State = "waiting"
        self.drained_ns = 0  # when the drain would be over, on the worker's clock; 0 before it began
        self.tally = Tally()
        self.flight = Flight(performer, gate, self._record, self.tally, rim)
        self.recorder = Recorder(writer, self.flight.sent)
        self._spec = spec
        self._performer = performer
        self._rim = rim
        self._sessions: Sessions | None = None
        self._supply = Supply(workload, _reuse(spec))
        self._supply.start(rim.spawn, rim.fuse)
        self.recorder.start(rim.spawn, rim.fuse)

    @property
    def in_flight(self) -> int:
        return self.flight.count

    def stop(self) -> None:
        """Ends the threads; blocks until they have."""
        self._supply.stop()
        self.recorder.stop()

    async def run(self, timeline: Timeline, vigil: Vigil, cold_start_ns: int) -> Ending:
        """Raises nothing that would keep the rows so far from being stored: it is in the ending."""
        self._performer.origin_ns = self.flight.origin_ns = timeline.origin_ns
        self._supply.phase_ns = timeline.phase_ns
        probe = HealthProbe(self._rim, cold_start_ns, lambda: (self.flight.count, self.tally.sent_count))
        probe.start(timeline.origin_ns)
        flusher = asyncio.create_task(self._flush_regularly())
        loop, error = self._loop(timeline), None
        stop: Stop | None = None
        try:
            stop = await self._send(loop, timeline, vigil)
        except Exception as raised:  # noqa: BLE001 - raised again by the caller, once what was measured is stored
            error = raised
            await self.flight.cut("lease")
        finally:
            flusher.cancel()
            await asyncio.wait({flusher})
        self.state = "ended"
        self.recorder.flush(last=True)
        return _ending(stop, error, loop, timeline, probe.close(self._performer.stamping))

    async def _send(self, loop: OpenLoop | ClosedLoop, timeline: Timeline, vigil: Vigil) -> Stop | None:
        self.state = "sending"
        stop = await vigil.unless_stopped(loop.run())
        if stop is None:
            self.state = "draining"
            if loop.out_of_time:
                await loop.leave("missed", "no_time_left")
            self.drained_ns = self._rim.clock.now_ns() + int(self._spec.drain_s * 1e9)
            stop = await vigil.unless_stopped(self.flight.drain(self.drained_ns))
        if stop is not None:
            await self.flight.cut(stop.kind)
            await loop.leave("aborted", stop.kind, timeline.since_t0(stop.at_ns))
        return stop

    def _loop(self, timeline: Timeline) -> OpenLoop | ClosedLoop:
        users = self._spec.users or 0
        if self._spec.history is not None:
            sessions = self._sessions = Sessions(self._supply, self._performer, self._rim.fuse)
            return ClosedLoop(users, timeline, sessions, self.flight, self._rim)
        window = Window(self._supply, self._performer.prepare, self._rim.fuse)
        if self._spec.kind == "open":
            return OpenLoop(limits(self._spec, timeline), window, self.flight, self._rim)
        return ClosedLoop(users, timeline, window, self.flight, self._rim)

    async def _flush_regularly(self) -> None:
        flush = self._rim.fuse.guard(self.recorder.flush)
        while True:
            await asyncio.sleep(self._spec.flush_s)
            flush()

    def _record(self, row: Row) -> None:
        self.recorder.record(row)
        if self._sessions is not None:
            self._sessions.heard(row)


def _reuse(spec: ShardSpec) -> Reuse | None:
    if spec.kind != "closed_time" or spec.index_limit is None:
        return None
    return Reuse(spec.next_index, spec.index_stride, spec.index_limit)


def _ending(
    stop: Stop | None, error: Exception | None, loop: OpenLoop | ClosedLoop, timeline: Timeline, health: Health
) -> Ending:
    if error is not None:
        return Ending("failed", None, f"{type(error).__name__}: {error}", health, error)
    if stop is not None:
        return Ending(stop.reason, timeline.since_t0(stop.at_ns), stop.detail, health)
    if loop.out_of_time:
        return Ending("time", timeline.send_until_ns, "the invocation's time was up", health)
    return Ending("complete", None, None, health)
