"""Asynchronous invocations: accepted at once, delivered at least once, retried, and in the end sent to a destination.

The rules: AWS Lambda's developer guide, "How Lambda handles errors and retries with asynchronous invocation". Lambda's
minutes are multiplied by the settings' time scale.
"""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import Any

from aiobotocore.session import get_session

from tests.emulators.aws.control_plane import ControlPlane, FunctionVersion, event_of
from tests.emulators.aws.faults import FaultPlan
from tests.emulators.aws.lambda_service import LambdaService, Throttled
from tests.emulators.aws.sandbox import Ran

RETRY_AFTER_S = 60.0  # then twice that
THROTTLED_FIRST_S, THROTTLED_MOST_S = 1.0, 300.0


class EventQueue:
    """`upstream`: where failed events are sent on, with the function's own role."""

    def __init__(self, service: LambdaService, plane: ControlPlane, plan: FaultPlan, upstream: str) -> None:
        self._service = service
        self._plane = plane
        self._plan = plan
        self._upstream = upstream
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, version: FunctionVersion, request_id: str, body: bytes) -> None:
        event = event_of(body)
        if self._plan.strike("lose", event) is not None:
            return
        delay = self._plan.strike("delay", event)
        self._spawn(version, request_id, body, delay.seconds if delay else 0.0)
        again = self._plan.strike("duplicate", event)
        if again is not None:
            self._spawn(version, request_id, body, again.seconds)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, version: FunctionVersion, request_id: str, body: bytes, after_s: float) -> None:
        task = asyncio.create_task(self._deliver(version, request_id, body, after_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, version: FunctionVersion, request_id: str, body: bytes, after_s: float) -> None:
        await asyncio.sleep(after_s)
        accepted = time.monotonic()  # a planned delay is the fault's, not the queue's
        scale = self._service.settings.time_scale
        pause, tries = THROTTLED_FIRST_S, 0
        while True:
            if time.monotonic() - accepted > version.most_age_s * scale:
                await self._give_up(version, request_id, body, "EventAgeExceeded", tries, None)
                return
            try:
                ran, _ = await self._service.run(version, request_id, body)
            except Throttled:
                await asyncio.sleep(pause * scale)
                pause = min(2 * pause, THROTTLED_MOST_S)
                continue
            tries += 1
            if ran.ok:
                return
            if tries > version.retries:
                await self._give_up(version, request_id, body, "RetriesExhausted", tries, ran)
                return
            await asyncio.sleep(RETRY_AFTER_S * tries * scale)

    async def _give_up(
        self, version: FunctionVersion, request_id: str, body: bytes, why: str, tries: int, ran: Ran | None
    ) -> None:
        self._service.counts["failed_events"] += 1
        if version.on_failure is None or ":sqs:" not in version.on_failure:
            return
        record: dict[str, Any] = {
            "version": "1.0",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "requestContext": {
                "requestId": request_id,
                "functionArn": version.arn,
                "condition": why,
                "approximateInvokeCount": tries,
            },
            "requestPayload": json.loads(body),
        }
        if ran is not None:
            context = {"statusCode": 200, "executedVersion": version.key[2], "functionError": "Unhandled"}
            record |= {"responseContext": context, "responsePayload": json.loads(ran.body or b"null")}
        await self._send(version, json.dumps(record))

    async def _send(self, version: FunctionVersion, message: str) -> None:
        """With the role's rights: a module that forgets sqs:SendMessage shows."""
        assert version.on_failure is not None
        role = await self._plane.credentials(str(version.configuration["Role"]), "destination")
        client = get_session().create_client(
            "sqs",
            region_name=version.key[0],
            endpoint_url=self._upstream,
            aws_access_key_id=role["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=role["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=role["AWS_SESSION_TOKEN"],
        )
        _, _, _, _, account, name = version.on_failure.split(":")
        async with client as sqs:
            await sqs.send_message(QueueUrl=f"{self._upstream}/{account}/{name}", MessageBody=message)
