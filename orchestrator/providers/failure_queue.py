"""Reads a run's failures off a queue that all runs of a deployment share: others' messages are left where they are.

A message received is only hidden from other readers for some seconds. Ours are removed when whoever was told has
stored what they say; until then they come back, and are told once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any

from orchestrator.providers.amazon import Amazon, CallFailed
from orchestrator.providers.lambda_failure import Failure, read_failure

HIDDEN_S = 10  # another run's launch waits so long for what we have looked at
BATCH = 10  # the most there is
WAIT_S = 5
AGAIN_S = 5.0  # after a call that failed
MOST_ROUNDS = 20  # of one look: other runs' messages may lie before ours


class FailureQueue:
    """One region's queue, seen by the run whose folder's URI is `run`. `trouble`: why it could not be read, if so."""

    def __init__(self, amazon: Amazon, region: str, url: str, run: str) -> None:
        self._amazon = amazon
        self._region = region
        self._url = url
        self._run = run
        self._found: deque[Failure] = deque()
        self._told: set[tuple[str, int, str]] = set()
        self._handles: dict[str, str] = {}  # by message id: the last one is the valid one
        self.trouble: str | None = None

    async def watch(self) -> None:
        """Look for ever; ends by being cancelled."""
        while True:
            if await self._receive(WAIT_S) is None:
                await asyncio.sleep(AGAIN_S)

    async def look(self) -> None:
        """Everything that is there now."""
        for _ in range(MOST_ROUNDS):
            if not await self._receive(0):
                return

    def taken(self) -> list[Failure]:
        """What was found since the last call, each failure once."""
        found = []
        while self._found:
            found.append(self._found.popleft())
        return found

    async def forget(self) -> None:
        """Remove this run's messages: what they say is stored elsewhere. Raises CallFailed."""
        handles, self._handles = list(self._handles.values()), {}
        for start in range(0, len(handles), BATCH):
            batch = enumerate(handles[start : start + BATCH])
            entries = [{"Id": str(place), "ReceiptHandle": handle} for place, handle in batch]
            await self._amazon.ask(self._region, "sqs", "delete_message_batch", QueueUrl=self._url, Entries=entries)

    async def _receive(self, wait_s: int) -> int | None:
        """How many messages came, anybody's; None when the queue did not answer."""
        try:
            answer = await self._amazon.ask(
                self._region,
                "sqs",
                "receive_message",
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH,
                VisibilityTimeout=HIDDEN_S,
                WaitTimeSeconds=wait_s,
                MessageAttributeNames=["All"],
            )
        except CallFailed as error:
            self.trouble = error.message
            return None
        self.trouble = None
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        for message in messages:
            self._take(message)
        return len(messages)

    def _take(self, message: Mapping[str, Any]) -> None:
        given = message.get("MessageAttributes", {}).items()
        attributes = {name: str(value.get("StringValue", "")) for name, value in given}
        failure = read_failure(message["Body"], attributes)
        if failure is None or failure.run != self._run:
            return
        self._handles[message["MessageId"]] = message["ReceiptHandle"]
        # A dead-letter message and a destination's record tell of the same event: they share the request's id.
        name = (failure.shard, failure.attempt, failure.request_id)
        if name not in self._told:
            self._told.add(name)
            self._found.append(failure)
