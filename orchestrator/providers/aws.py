"""The AWS provider: one `Event` invocation of the function's alias per shard attempt, and what its queue says of them.

An accepted event runs once, or more often, or (rarely) never: the claim in the store makes repetitions harmless, so an
invocation is repeated while nothing ran yet. Refusals (throttles) are always repeated, with a pause that all keep; a
reply that was lost is repeated too, since both deliveries would be of the same attempt and one claims it. But only
where every try was refused is the attempt told to have ended: after a lost reply it may be running.

A running invocation cannot be stopped from outside: workers obey the store.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from function.contract.codec import encode
from function.contract.control import Payload
from function.contract.errors import ProviderError
from function.contract.keys import parse_shard
from function.contract.plan import RegionPlan
from orchestrator.providers.amazon import Amazon, CallFailed
from orchestrator.providers.failure_queue import FailureQueue
from orchestrator.providers.lambda_failure import Failure
from orchestrator.providers.pace import Pace
from orchestrator.providers.port import Ended

POLL_S = 1.0
AT_ONCE = 32  # invocations being asked for
LOST_TRIES = 3  # whose replies were lost: a network that takes three takes more
LAST_LOOK_S = 5.0


class AwsProvider:
    """`run` is the URI of the run's folder. Lane i is invoked in `regions[i % len(regions)]`.

    Raises ProviderError (`no_function`) where there is none.
    """

    def __init__(self, run: str, regions: Sequence[RegionPlan], amazon: Amazon | None = None) -> None:
        if not regions:
            raise ProviderError("the run's plan names no function to invoke", path="--provider", code="no_function")
        self._regions = tuple(regions)
        self._amazon = amazon or Amazon()
        self._queues = [
            FailureQueue(self._amazon, one.region, one.failure_queue, run) for one in regions if one.failure_queue
        ]
        self._paces = {one.function: Pace() for one in regions}
        self._slots: asyncio.Semaphore | None = None
        self._asked: set[Future[None]] = set()
        self._watching: list[Future[None]] = []
        self._refused: deque[Ended] = deque()

    @property
    def poll_s(self) -> float:
        return POLL_S

    def warm(self, count: int) -> None:
        """Functions start when they are invoked; what can be ready before is the connection."""
        for one in self._regions:
            self._watch_over(self._amazon.spawn(self._greet(one)))

    def invoke(self, payload: Payload) -> None:
        """Returns at once; what cannot be started is told by `ended`."""
        region = self._regions[parse_shard(payload.shard).lane % len(self._regions)]
        self._watch_over(self._amazon.spawn(self._deliver(payload, region)))

    def ended(self) -> list[Ended]:
        """Failures from the queues, and attempts that AWS refused to start."""
        if not self._watching:
            self._watching = [self._amazon.spawn(queue.watch()) for queue in self._queues]
        return self._drained()

    def stop_all(self, grace_s: float) -> list[Ended]:
        """Nothing more is asked for. Control says by now that the run is over: what starts yet reads it and leaves."""
        watching, self._watching = self._watching, []
        for asked in (*watching, *self._asked):
            asked.cancel()
        if grace_s and watching:
            look = self._amazon.spawn(self._look())
            with suppress(TimeoutError):
                look.result(max(grace_s, LAST_LOOK_S))
        self._amazon.close()
        self._slots = None
        return self._drained()

    def recorded(self) -> None:
        """Raises ProviderError where the queue keeps what it should have forgotten; nothing is lost by that."""
        try:
            for queue in self._queues:
                self._amazon.spawn(queue.forget()).result()
        finally:
            self._amazon.close()

    def leave(self) -> None:
        """Invocations that were accepted go on by themselves."""
        for queue in self._watching:
            queue.cancel()
        self._watching = []

    def _drained(self) -> list[Ended]:
        found = [_ended(failure) for queue in self._queues for failure in queue.taken()]
        while self._refused:
            found.append(self._refused.popleft())
        return found

    def _watch_over(self, asked: Future[None]) -> None:
        self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)

    async def _greet(self, region: RegionPlan) -> None:
        with suppress(CallFailed):  # the first invocation will say so
            await self._amazon.ask(
                region.region, "lambda", "invoke", FunctionName=region.function, InvocationType="DryRun"
            )

    async def _look(self) -> None:
        for queue in self._queues:
            await queue.look()

    async def _deliver(self, payload: Payload, region: RegionPlan) -> None:
        if self._slots is None:
            self._slots = asyncio.Semaphore(AT_ONCE)
        async with self._slots:
            await self._invoke(payload, region, self._paces[region.function])

    async def _invoke(self, payload: Payload, region: RegionPlan, pace: Pace) -> None:
        lost, last = 0, None
        while time.time() < payload.not_after:
            await asyncio.sleep(pace.wait_s(time.monotonic(), random.random()))
            try:
                await self._amazon.ask(region.region, "lambda", "invoke", **_event(payload, region))
            except CallFailed as error:
                last = error
                lost += error.lost
                if error.throttled:
                    pace.throttled(time.monotonic())
                elif not _repeatable(error) or lost >= LOST_TRIES:
                    break
                else:
                    await asyncio.sleep(random.random())
            else:
                pace.accepted()
                return
        if not lost:
            why = "its time was over before AWS took it" if last is None else last.message
            self._refused.append(Ended(payload.shard, payload.attempt, None, f"not invoked: {why}", began=False))


def stop_function(amazon: Amazon, region: RegionPlan) -> str:
    """No invocation of it is started any more, and waiting events are dropped; what runs is not touched. Returns the
    function's name. Raises CallFailed."""
    name = region.function.split(":")[6] if region.function.startswith("arn:") else region.function
    amazon.call(region.region, "lambda", "put_function_concurrency", FunctionName=name, ReservedConcurrentExecutions=0)
    return name


def _event(payload: Payload, region: RegionPlan) -> dict[str, Any]:
    return {"FunctionName": region.function, "InvocationType": "Event", "Payload": encode(payload)}


def _repeatable(error: CallFailed) -> bool:
    """Not where the same call is refused again: no permission, no function, no credentials."""
    return error.code in ("aws_unreachable", "aws_failed")


def _ended(failure: Failure) -> Ended:
    return Ended(failure.shard, failure.attempt, None, failure.words, began=failure.began)
