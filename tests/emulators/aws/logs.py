"""Ships what sandboxes print to the upstream's CloudWatch Logs, in the form Lambda gives it."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from tests.emulators.aws.control_plane import ControlPlane, FunctionVersion


class LogStream:
    """Of one sandbox. Lines are buffered, and shipped when an invocation ends."""

    def __init__(self, plane: ControlPlane, version: FunctionVersion, sandbox_id: str) -> None:
        self.group = version.log_group
        self.name = time.strftime("%Y/%m/%d/", time.gmtime()) + f"[{version.key[2]}]{sandbox_id}"
        self._plane = plane
        self._region = version.key[0]
        self._lines: list[tuple[int, str]] = []
        self._kept: list[str] = []
        self._made = False
        self._json = version.configuration.get("LoggingConfig", {}).get("LogFormat") == "JSON"
        self._memory_mb = int(version.configuration.get("MemorySize", 128))
        self._version = version.key[2]

    def invocation_began(self, request_id: str) -> None:
        self._platform(
            f"START RequestId: {request_id} Version: {self._version}",
            "start",
            {"requestId": request_id, "version": self._version},
        )

    def invocation_ended(self, request_id: str, took_s: float, failure: str) -> None:
        """`failure`: empty, or what became of it in the platform's words."""
        if failure and not self._json:
            self.add(f"{request_id} {failure}".encode())
        metrics = {"durationMs": round(took_s * 1e3, 3), "memorySizeMB": self._memory_mb}
        record = {"requestId": request_id, "metrics": metrics, "status": "failure" if failure else "success"}
        self._platform(
            f"END RequestId: {request_id}\nREPORT RequestId: {request_id}\tDuration: {took_s * 1e3:.2f} ms"
            f"\tMemory Size: {self._memory_mb} MB",
            "report",
            record | ({"errorType": failure} if failure else {}),
        )

    def add(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\n")
        self._lines.append((int(time.time() * 1000), text))
        self._kept.append(text)

    def tail(self) -> bytes:
        """The last 4 KB, as an invocation with LogType Tail gets them."""
        return "\n".join(self._kept).encode()[-4096:]

    def _platform(self, text: str, kind: str, record: dict[str, Any]) -> None:
        if self._json:
            at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            text = json.dumps({"time": at, "type": f"platform.{kind}", "record": record})
        for line in text.split("\n"):
            self.add(line.encode())

    async def ship(self) -> None:
        lines, self._lines = self._lines, []
        if not lines:
            return
        client: Any = await self._plane.client("logs", self._region)
        if not self._made:
            with suppress(ClientError):  # it is there, or its group is not: then nothing is kept, as on AWS
                await client.create_log_stream(logGroupName=self.group, logStreamName=self.name)
            self._made = True
        events = [{"timestamp": at, "message": text or " "} for at, text in lines]
        with suppress(ClientError):
            await client.put_log_events(logGroupName=self.group, logStreamName=self.name, logEvents=events)
