"""A requester that holds to a ceiling on its own rate, whatever a plan says: the worker's part of a deployment's cap.

Counted is what is really sent, so it holds for closed loops too, whose rate no plan knows. It never slows a run down,
for that would be another load than was planned: the run ends, and says why.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from function.arrival import Arrival
from function.clock import Clock
from function.contract.errors import UsageError
from function.contract.spec import ShardSpec
from function.fuse import Fuse
from function.request import Request, Requester
from function.transport.port import Transport

WINDOW_S = 10.0
_STEPS = 20
_STEP_NS = int(WINDOW_S * 1e9) // _STEPS


class Ceiling:
    """At most `most` of them within any WINDOW_S, to a twentieth of it."""

    def __init__(self, most: float) -> None:
        self.most = most
        self._steps: deque[tuple[int, int]] = deque()  # number of the step, and how many fell into it
        self._count = 0

    def allows(self, now_ns: int) -> bool:
        """Counts one more, unless it would be one too many."""
        step = now_ns // _STEP_NS
        while self._steps and self._steps[0][0] <= step - _STEPS:
            self._count -= self._steps.popleft()[1]
        if self._count + 1 > self.most:
            return False
        self._count += 1
        if self._steps and self._steps[-1][0] == step:
            self._steps[-1] = step, self._steps[-1][1] + 1
        else:
            self._steps.append((step, 1))
        return True


class CappedRequester(Requester):
    """A request too many is not sent, and blows the fuse."""

    def __init__(
        self,
        spec: ShardSpec,
        texts: Sequence[bytes],
        secrets: Mapping[str, str],
        transport: Transport,
        clock: Clock,
        ceiling: Ceiling,
        fuse: Fuse,
    ) -> None:
        super().__init__(spec, texts, secrets, transport, clock)
        self._now_ns = clock.now_ns
        self._ceiling = ceiling
        self._fuse = fuse

    def begin(
        self, arrival: Arrival, body: bytes, permit: Callable[[], str | None], ended: Callable[[Request], None]
    ) -> Request:
        counted = False

        def permit_below() -> str | None:
            nonlocal counted  # asked again where a connection had to be opened first
            kind = permit()
            if kind is not None or counted or self._ceiling.allows(self._now_ns()):
                counted = True
                return kind
            self._fuse.blow(
                UsageError(
                    f"over {self._ceiling.most:.0f} requests within {WINDOW_S:g} s would pass the deployment's cap",
                    code="cap_exceeded",
                    path="BENCHCTL_MAX_REQUESTS_PER_S",
                    hint="raise max_requests_per_s: benchctl infra up",
                )
            )
            return "breaker"

        return super().begin(arrival, body, permit_below, ended)
