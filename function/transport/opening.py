"""Which transport a spec's word stands for."""

from __future__ import annotations

from collections.abc import Callable

from function.clock import Clock
from function.contract.errors import UsageError
from function.contract.spec import Target
from function.transport.aiohttp_client import AiohttpTransport
from function.transport.port import Transport

TRANSPORTS: dict[str, Callable[[Target, Clock], Transport]] = {"auto": AiohttpTransport, "aiohttp": AiohttpTransport}


def open_transport(target: Target, clock: Clock) -> Transport:
    """Call it inside the running loop. Raises UsageError for a transport, URL or certificate file it cannot use."""
    if target.transport not in TRANSPORTS:
        raise UsageError(
            f"this build has no transport {target.transport!r}",
            path="server.transport",
            hint=" or ".join(sorted(TRANSPORTS)),
        )
    return TRANSPORTS[target.transport](target, clock)
