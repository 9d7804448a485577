"""What aiohttp's connector raises, as the failure of a request. The client's other half."""

from __future__ import annotations

import errno

import aiohttp

from function.error_text import shorten
from function.transport.allowing import AddressRefused
from function.transport.port import Failure


def failure_of(error: Exception, secure: bool) -> Failure:
    cause = getattr(error, "os_error", error)
    number = getattr(cause, "errno", None)
    if (
        isinstance(cause, AddressRefused) or number == errno.EACCES
    ):  # of several refused addresses only the number stays
        return Failure("target_refused", shorten(getattr(cause, "strerror", None) or str(cause)))
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Failure("dns", line(error))
    if isinstance(error, aiohttp.ClientSSLError):
        return Failure("tls", line(error))
    if number in (errno.EMFILE, errno.ENFILE):
        return Failure("connect", "no file descriptor left for a connection (ulimit -n)")
    if number == errno.ETIMEDOUT:
        return Failure("connect_timeout", line(error))
    if secure and isinstance(cause, ConnectionResetError | ConnectionAbortedError):
        return Failure("tls", f"the server broke off the TLS handshake: {line(cause)}")
    return Failure("connect", line(error))


def line(error: BaseException) -> str:
    return shorten(str(error)) or type(error).__name__
