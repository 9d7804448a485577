"""The granted part of a shard: everything it owns is sent at its time, answered or given up, and handed to the parts.

Wires supply, window, loop, flight and recorder, and decides nothing but the order of the end: stop sending, cancel what
is in the air, account for what was due, flush.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from function.closed_loop import ClosedLoop
from function.contract.control import Claim
from function.contract.receipt import Health, StopReason
from function.contract.spec import ShardSpec
from function.flight import Flight, Performer
from function.gate import Gate, Stop
from function.health import HealthProbe
from function.open_loop import OpenLoop, limits
from function.progress import State, Tally
from function.recorder import PartWriter, Recorder
from function.rim import Rim
from function.store.port import ObjectStore
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
    """Made before go, so that the workload is decoded ahead; `run` once it has come. `close` in any case."""

    def __init__(
        self, spec: ShardSpec, claim: Claim, store: ObjectStore, workload: bytes, performer: Performer, gate: Gate
    ) -> None:
        self.state: State = "waiting"
        self.tally = Tally()
        self.writer = PartWriter(store, claim.shard, claim.attempt)
        self.recorder = Recorder(self.writer, self._sent)
        self._spec = spec
        self._performer = performer
        self._gate = gate
        self._supply = Supply(workload, _reuse(spec))
