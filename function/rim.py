"""What a worker's run touches of the world besides the store and the network: clock, threads, alarms. Tests pass
simulated ones. One per invocation, since the fuse holds the invocation's first unawaited error.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from function.alarm import AlarmFactory, open_alarm
from function.clock import Clock, SystemClock
from function.fuse import Fuse
from function.ticker import Spawn, Ticker


@dataclass(frozen=True, slots=True)
class Rim:
    clock: Clock = field(default_factory=SystemClock)
    spawn: Spawn = Ticker
    open_alarm: AlarmFactory = open_alarm
    fuse: Fuse = field(default_factory=Fuse)
