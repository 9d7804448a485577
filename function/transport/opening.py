"""Which transport a spec's word stands for. Each is imported when it is opened: one of them costs 0.1 s of a start."""

from __future__ import annotations

from collections.abc import Callable

from function.clock import Clock
from function.contract.errors import UsageError
from function.contract.spec import Target
from function.transport.allowing import AddressRule
from function.transport.head import parse_endpoint
from function.transport.port import Transport
from function.transport.proxy import environment_proxy


def _native(target: Target, clock: Clock, rule: AddressRule | None = None) -> Transport:
    from function.transport.native import NativeTransport

    return NativeTransport(target, clock, rule)


def _aiohttp(target: Target, clock: Clock, rule: AddressRule | None = None) -> Transport:
    from function.transport.aiohttp_client import AiohttpTransport

    return AiohttpTransport(target, clock, rule)


def _auto(target: Target, clock: Clock, rule: AddressRule | None = None) -> Transport:
    """The native one, which costs less and stamps better, wherever it serves."""
    from function.transport.native import why_not_native

    return (_aiohttp if why_not_native(parse_endpoint(target.root)) else _native)(target, clock, rule)


Open = Callable[..., Transport]  # (target, clock, rule=None)
TRANSPORTS: dict[str, Open] = {"auto": _auto, "native": _native, "aiohttp": _aiohttp}


def open_transport(target: Target, clock: Clock, rule: AddressRule | None = None) -> Transport:
    """Call it inside the running loop. Raises UsageError for a transport, URL or certificate file it cannot use, and
    for a proxy where there is a rule: only the proxy would know where it connects to."""
    if target.transport not in TRANSPORTS:
        raise UsageError(
            f"this build has no transport {target.transport!r}",
            path="server.transport",
            hint=" or ".join(sorted(TRANSPORTS)),
        )
    if rule is not None and environment_proxy(parse_endpoint(target.root)) is not None:
        message = "a proxy stands before the endpoint: this worker could not see which address it calls"
        raise UsageError(message, code="target_refused", path="HTTPS_PROXY", hint="call the endpoint without one")
    return TRANSPORTS[target.transport](target, clock, rule)
