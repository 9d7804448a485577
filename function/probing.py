"""A worker looks around for whoever plans a launch: its code, its limits, its secrets, the way to the target.

It goes the way that requests go (the same guard, transport and secrets) and sends at most one `GET /v1/models`. What
goes wrong is an answer, never an error; no answer holds a secret.
"""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Iterator, Mapping

from function.clock import Clock
from function.contract.errors import UsageError
from function.contract.probe import Answer, Probe, SecretAnswer, TargetAnswer
from function.contract.spec import SecretRef, Target
from function.contract.version import code_version
from function.error_text import shorten
from function.guard import Guard
from function.secret import Resolver, resolve_headers
from function.transport.head import parse_endpoint
from function.transport.opening import open_transport
from function.transport.port import Failure, Transport, TransportError

_ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64"}
_LIMITS_S = (1.0, 60.0)


async def answer_probe(probe: Probe, guard: Guard, sources: Mapping[str, Resolver], clock: Clock) -> Answer:
    """Raises nothing foreseeable."""
    limit_s = min(max(probe.limit_s, _LIMITS_S[0]), _LIMITS_S[1])
    references = dict.fromkeys((reference.source, reference.name) for reference in _references(probe))
    secrets = await asyncio.gather(*(asyncio.to_thread(_look, *one, sources) for one in references))
    target = None
    if probe.target is not None:
        target = await _try(probe.target, probe.models, limit_s, guard, sources, clock)
    return Answer(
        code_version=code_version(),
        python=platform.python_version(),
        architecture=_ARCHITECTURES.get(platform.machine(), platform.machine()),
        wall_ns=time.time_ns(),
        guard=guard.answer(),
        secrets=tuple(secrets),
        target=target,
    )


def _references(probe: Probe) -> Iterator[SecretRef]:
    if probe.target is not None:
        yield from probe.target.secret_headers.values()
        yield from probe.target.secret_body.values()
    yield from probe.secrets


def _look(source: str, name: str, sources: Mapping[str, Resolver]) -> SecretAnswer:
    resolver = sources.get(source)
    if resolver is None:
        return SecretAnswer(
            source, name, False, "secret_source", f"this worker cannot read secrets of the kind {source}"
        )
    try:
        resolver(name)
    except UsageError as error:
        return SecretAnswer(source, name, False, error.code, error.message)
    return SecretAnswer(source, name, True)


async def _try(
    target: Target, models: bool, limit_s: float, guard: Guard, sources: Mapping[str, Resolver], clock: Clock
) -> TargetAnswer:
    try:
        guard.check_target(target)
        transport = open_transport(target, clock, guard.why_refused)
    except UsageError as error:
        return TargetAnswer(target.root, error.code != "target_refused", kind=error.code, message=error.message)
    try:
        async with asyncio.timeout(limit_s):
            warmed = await transport.warm(1)
            steps = (warmed.dns_ns, warmed.connect_ns, warmed.tls_ns)
            if warmed.failure is not None:
                return TargetAnswer(target.root, True, False, *steps, None, *warmed.failure)
            if not models:
                return TargetAnswer(target.root, True, True, *steps)
            status = await _models(target, transport, sources)
            if isinstance(status, Failure):
                return TargetAnswer(target.root, True, True, *steps, None, *status)
            return TargetAnswer(target.root, True, True, *steps, status)
    except TimeoutError:
        return TargetAnswer(target.root, True, kind="total_timeout", message=f"no answer within {limit_s:g} s")
    finally:
        await transport.close()


async def _models(target: Target, transport: Transport, sources: Mapping[str, Resolver]) -> int | Failure:
    """The status of `GET /v1/models`."""
    try:
        secrets = await asyncio.to_thread(resolve_headers, target.secret_headers, sources)
        request = _get(target, {**target.headers, **secrets})
        channel = await transport.acquire()
    except UsageError as error:
        return Failure(error.code, error.message)
    except TransportError as error:
        return error.failure
    listener = _Listener()
    channel.send(request, listener)
    try:
        return await listener.heard
    finally:
        channel.close()


def _get(target: Target, headers: Mapping[str, str]) -> bytes:
    """Raises UsageError for a header that would break the request; it never holds the value."""
    endpoint = parse_endpoint(target.root)
    lines = [f"GET {endpoint.prefix}/v1/models HTTP/1.1", f"Host: {endpoint.authority}", "User-Agent: benchctl"]
    for name, value in headers.items():
        if any(sign < " " or sign == "\x7f" for sign in name + value):
            message = f"the value of header {shorten(name)} holds a line break or a control character"
            hint = "a secret read from a file often ends with a newline"
            raise UsageError(message, code="secret_form", path="api.headers", hint=hint)
        lines.append(f"{name}: {value}")
    return "\r\n".join([*lines, "Accept: application/json", "Connection: close", "", ""]).encode()


class _Listener:
    """function.transport.port.Sink that wants a status and nothing else."""

    def __init__(self) -> None:
        self.heard: asyncio.Future[int | Failure] = asyncio.get_running_loop().create_future()

    def head(self, stamp_ns: int, status: int, headers: Mapping[str, str]) -> None:
        self._hear(status)

    def feed(self, stamp_ns: int, data: bytes) -> None:
        """The list of models is the orchestrator's to read."""

    def end(self, stamp_ns: int) -> None:
        """The head was told before."""

    def fail(self, stamp_ns: int, failure: Failure) -> None:
        self._hear(failure)

    def _hear(self, said: int | Failure) -> None:
        if not self.heard.done():
            self.heard.set_result(said)
