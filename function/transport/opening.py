"""Which transport a spec's word stands for. Each is imported when it is opened: one of them costs 0.1 s of a start."""

from __future__ import annotations

from collections.abc import Callable

from function.clock import Clock
from function.contract.errors import UsageError
from function.contract.spec import Target
from function.transport.head import parse_endpoint
from function.transport.port import Transport


def _native(target: Target, clock: Clock) -> Transport:
    from function.transport.native import NativeTransport

    return NativeTransport(target, clock)


def _aiohttp(target: Target, clock: Clock) -> Transport:
    from function.transport.aiohttp_client import AiohttpTransport

    return AiohttpTransport(target, clock)


def _auto(target: Target, clock: Clock) -> Transport:
    """The native one, which costs less and stamps better, wherever it serves."""
    from function.transport.native import why_not_native

    return (_aiohttp if why_not_native(parse_endpoint(target.root)) else _native)(target, clock)


TRANSPORTS: dict[str, Callable[[Target, Clock], Transport]] = {"auto": _auto, "native": _native, "aiohttp": _aiohttp}


def open_transport(target: Target, clock: Clock) -> Transport:
    """Call it inside the running loop. Raises UsageError for a transport, URL or certificate file it cannot use."""
    if target.transport not in TRANSPORTS:
        raise UsageError(
            f"this build has no transport {target.transport!r}",
            path="server.transport",
            hint=" or ".join(sorted(TRANSPORTS)),
        )
    return TRANSPORTS[target.transport](target, clock)
