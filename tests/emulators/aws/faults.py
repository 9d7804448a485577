"""What goes wrong at the emulated cloud, planned by a test and taken once for each time it strikes. Plain values.

A fault names whom it strikes by a predicate, so a plan reads as in "the receipt of shard 0-1-0 is refused twice".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Event = Mapping[str, Any]
InvocationKind = Literal[
    "throttle",  # the invoke API answers 429 with `reason`
    "refuse",  # the invoke API answers 500
    "lose",  # the event is accepted and never delivered
    "duplicate",  # the event is delivered again, `seconds` later
    "delay",  # the event is delivered `seconds` later
    "init",  # the sandbox's init fails: its handler is not there
    "kill",  # the sandbox gets SIGKILL `seconds` after its invocation began
    "timeout",  # the limit strikes after `seconds`, whatever the function was told: as if it hung until then
]


@dataclass(slots=True)
class InvocationFault:
    """`times` None: whenever it matches."""

    kind: InvocationKind
    matches: Callable[[Event], bool]
    times: int | None = 1
    seconds: float = 0.0
    reason: str = "CallerRateLimitExceeded"
    struck: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a service but Lambda's invoke. `shard`: whose sandbox signed it, if a sandbox did."""

    service: str
    method: str
    path: str
    shard: str | None


@dataclass(slots=True)
class ServiceFault:
    """`after`: the service has carried the request out before the answer is replaced. `status` 0: the line is cut."""

    matches: Callable[[Call], bool]
    status: int = 503
    code: str = "SlowDown"
    times: int | None = 1
    after: bool = False
    struck: int = 0


F = TypeVar("F", InvocationFault, ServiceFault)


class FaultPlan:
    """Holds what is planned; asked by the service, changed by the test, each in its own thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._invocations: list[InvocationFault] = []
        self._services: list[ServiceFault] = []

    def add(self, fault: InvocationFault | ServiceFault) -> None:
        with self._lock:
            if isinstance(fault, InvocationFault):
                self._invocations.append(fault)
            else:
                self._services.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._invocations.clear()
            self._services.clear()

    def strike(self, kind: InvocationKind, event: Event) -> InvocationFault | None:
        """The first planned fault of that kind that matches, counted as struck."""
        with self._lock:
            return _first(
                [fault for fault in self._invocations if fault.kind == kind], lambda fault: fault.matches(event)
            )

    def strike_service(self, call: Call) -> ServiceFault | None:
        with self._lock:
            return _first(self._services, lambda fault: fault.matches(call))


def _first(faults: list[F], matches: Callable[[F], bool]) -> F | None:
    for fault in faults:
        if (fault.times is None or fault.struck < fault.times) and matches(fault):
            fault.struck += 1
            return fault
    return None


def of_shard(shard: str, attempt: int | None = None) -> Callable[[Event], bool]:
    """Matches the events of that shard, of one attempt or of all."""
    return lambda event: event.get("shard") == shard and attempt in (None, event.get("attempt"))
