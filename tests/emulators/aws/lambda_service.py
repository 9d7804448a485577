"""Lambda's data plane: sandboxes that are reused, limits on how many run at once, and what an invocation answers.

Limits and error forms: AWS Lambda's developer guide, "Lambda function scaling" and "Invoke". How events wait and are
delivered is in `event_queue`; who may invoke is checked before, by the front.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from tests.emulators.aws.control_plane import ControlPlane, FunctionVersion, event_of
from tests.emulators.aws.faults import Event, FaultPlan
from tests.emulators.aws.logs import LogStream
from tests.emulators.aws.runtime import Runtime
from tests.emulators.aws.sandbox import Ran, Sandbox

RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"
ACCOUNT = "ConcurrentInvocationLimitExceeded"
_MISSING_HANDLER = "no_such_module.handler"


@dataclass(slots=True)
class Settings:
    """`endpoint`: where sandboxes find AWS. `time_scale` shrinks Lambda's waits between retries, and events' ages."""

    endpoint: str = ""
    account_limit: int = 1000
    time_scale: float = 1.0
    freeze: bool = False
    init_limit_s: float = 10.0
    most_starting: int = 2  # inits at once: more would pass the limit on a small machine, not on AWS


@dataclass(frozen=True, slots=True)
class Delivery:
    """One invocation that ran. Times are time.monotonic()."""

    request_id: str
    event: Event
    sandbox: str
    cold: bool
    started: float
    ended: float
    outcome: str


@dataclass(slots=True)
class _Warm:
    sandbox: Sandbox
    log: LogStream
    access_key: str


class Throttled(Exception):
    """The reason, in Lambda's word."""


class LambdaService:
    """All methods but the attributes for tests belong to the event loop's thread."""

    def __init__(self, plane: ControlPlane, runtime: Runtime, settings: Settings, plan: FaultPlan, home: Path) -> None:
        self.settings = settings
        self.deliveries: list[Delivery] = []
        self.counts: Counter[str] = Counter()
        self.peak: Counter[tuple[str, str]] = Counter()  # most at once, by region and function
        self.shards: dict[str, str] = {}  # access key -> the shard whose invocation uses it
        self._plane = plane
        self._runtime = runtime
        self._plan = plan
        self._home = home
        self._idle: dict[tuple[str, str, str], list[_Warm]] = defaultdict(list)
        self._all: set[Sandbox] = set()
        self._busy: Counter[tuple[str, str]] = Counter()
        self._starting = asyncio.Semaphore(settings.most_starting)

    async def run(self, version: FunctionVersion, request_id: str, body: bytes) -> tuple[Ran, bytes]:
        """One invocation in a sandbox of its own for that long, and its log's tail. Raises Throttled."""
        function = version.key[:2]
        await self._check_limits(version)
        self._busy[function] += 1
        self.peak[function] = max(self.peak[function], self._busy[function])
        try:
            return await self._run(version, request_id, body)
        finally:
            self._busy[function] -= 1

    async def retire(self) -> None:
        """No sandbox that is idle now is used again: code or configuration changed."""
        idle = [warm for pool in self._idle.values() for warm in pool]
        self._idle.clear()
        await asyncio.gather(*(self._discard(warm) for warm in idle))

    async def close(self) -> None:
        await asyncio.gather(*(sandbox.close() for sandbox in list(self._all)))

    async def _check_limits(self, version: FunctionVersion) -> None:
        region, name, _ = version.key
        busy = self._busy[region, name]
        if version.reserved is not None:
            if busy >= version.reserved:
                self.counts["throttled"] += 1
                raise Throttled(RESERVED)
            return
        in_region = sum(count for function, count in self._busy.items() if function[0] == region)
        if in_region >= self.settings.account_limit - self._plane.reserved_in(region):
            self.counts["throttled"] += 1
            raise Throttled(ACCOUNT)

    async def _run(self, version: FunctionVersion, request_id: str, body: bytes) -> tuple[Ran, bytes]:
        event = event_of(body)
        started = time.monotonic()
        warm = self._take(version)
        cold = warm is None
        failed = None
        if warm is None:
            warm, failed = await self._start(version, event)
        warm.log.invocation_began(request_id)
        ran = failed or await self._invoke(warm, version, request_id, body)
        failure = "" if ran.ok else str(event_of(ran.body).get("errorMessage", ran.kind))
        warm.log.invocation_ended(request_id, time.monotonic() - started, failure)
        await warm.log.ship()
        self.counts[ran.kind] += 1
        self.deliveries.append(Delivery(request_id, event, warm.sandbox.id, cold, started, time.monotonic(), ran.kind))
        if warm.sandbox.alive and not failed:
            self._idle[version.key].append(warm)
        else:
            await self._discard(warm)
        return ran, warm.log.tail()

    def _take(self, version: FunctionVersion) -> _Warm | None:
        pool = self._idle[version.key]
        while pool:
            warm = pool.pop()
            if warm.sandbox.alive:
                return warm
        return None

    async def _start(self, version: FunctionVersion, event: Event) -> tuple[_Warm, Ran | None]:
        """A new sandbox, and how its init failed if it did."""
        handler = str(version.configuration["Handler"])
        if self._plan.strike("init", event) is not None:
            handler = _MISSING_HANDLER
        credentials = await self._plane.credentials(str(version.configuration["Role"]), version.key[1])
        log: list[LogStream] = []
        name = f"sandbox-{len(self.deliveries)}-{time.monotonic_ns()}"
        sandbox = Sandbox(self._home / name, self.settings.freeze, lambda line: log[0].add(line))
        log.append(LogStream(self._plane, version, sandbox.id))
        self._all.add(sandbox)
        environment = self._environment(version, handler, log[0]) | credentials | version.variables
        async with self._starting:
            await sandbox.start(self._runtime.command(handler), environment, version.root)
            failed = await sandbox.initialised(self.settings.init_limit_s)
        return _Warm(sandbox, log[0], credentials["AWS_ACCESS_KEY_ID"]), failed

    async def _invoke(self, warm: _Warm, version: FunctionVersion, request_id: str, body: bytes) -> Ran:
        event = event_of(body)
        self.shards[warm.access_key] = str(event.get("shard", ""))
        shorter = self._plan.strike("timeout", event)
        kill = self._plan.strike("kill", event)
        killer = asyncio.create_task(_kill_after(warm.sandbox, kill.seconds)) if kill is not None else None
        try:
            limit_s = shorter.seconds if shorter is not None else version.timeout_s
            return await warm.sandbox.invoke(request_id, body, version.arn, version.timeout_s, limit_s)
        finally:
            if killer is not None:
                killer.cancel()

    async def _discard(self, warm: _Warm) -> None:
        await warm.sandbox.close()
        await warm.log.ship()
        self._all.discard(warm.sandbox)

    def _environment(self, version: FunctionVersion, handler: str, log: LogStream) -> dict[str, str]:
        region, name, number = version.key
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": str(self._runtime.packages),
            "LAMBDA_TASK_ROOT": str(version.root),
            "LAMBDA_RUNTIME_DIR": str(self._runtime.packages),
            "_HANDLER": handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{version.configuration.get('Runtime', 'python3.13')}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.configuration.get("MemorySize", 128)),
            "AWS_LAMBDA_FUNCTION_VERSION": number,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": log.group,
            "AWS_LAMBDA_LOG_STREAM_NAME": log.name,
            "AWS_LAMBDA_LOG_FORMAT": str(version.configuration.get("LoggingConfig", {}).get("LogFormat", "Text")),
            "AWS_LAMBDA_LOG_LEVEL": "INFO",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": self.settings.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


async def _kill_after(sandbox: Sandbox, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await sandbox.kill()
