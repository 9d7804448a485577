"""Where the endpoint lies, and the request head as bytes: the same on every transport.

Pure. Header values may be secrets: no message of an error here holds one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from function.contract.errors import UsageError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
# Ours alone: another value would break the framing, the join with the server's log, or the stamps.
RESERVED = ("content-length", "transfer-encoding", "accept-encoding", "expect", "x-request-id")
DEFAULT_PORTS = {"http": 80, "https": 443}


class Endpoint(NamedTuple):
    """`host` as it is resolved (no brackets), `authority` as a Host header has it, `prefix` the path before /v1."""

    scheme: str
    host: str
    port: int
    authority: str
    prefix: str

    @property
    def host_port(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def allowed_by(self, allowed: tuple[str, ...]) -> bool:
        """Whether an allow-list of host:port names it; an empty list allows all."""
        return not allowed or self.host_port in {entry.strip().lower() for entry in allowed}


def parse_endpoint(root: str) -> Endpoint:
    """`root` as a target has it: scheme, host, perhaps a port and a path. Raises UsageError naming server.base_url."""
    try:
        url = urlsplit(root)
        host, port = _host(url), url.port
    except ValueError as error:
        raise _unusable(f"{root!r} is no URL: {error}") from error
    if url.scheme not in DEFAULT_PORTS or not host:
        raise _unusable(f"{root!r} is no http:// or https:// URL with a host")
    if "@" in url.netloc or url.query or url.fragment or re.search(r"[\x00-\x20\x7f]", url.path):
        raise _unusable(
            "the URL holds a user, a query, a fragment or a space: only scheme, host, port and path can be used"
        )
    bracketed = f"[{host}]" if ":" in host else host
    default = DEFAULT_PORTS[url.scheme]
    authority = bracketed if port in (None, default) else f"{bracketed}:{port}"
    prefix = quote(url.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
    return Endpoint(url.scheme, host, default if port is None else port, authority, prefix)


def _host(url: SplitResult) -> str:
    """Raises UnicodeError, a ValueError, for names that no resolver takes: empty and overlong labels."""
    host = (url.hostname or "").lower()
    return host if ":" in host else host.encode("idna").decode("ascii")


def _unusable(message: str) -> UsageError:
    return UsageError(message, path="server.base_url", hint="http://host:port, with a path prefix where there is one")


class RequestHead:
    """Renders the head of a POST; all but the request id, the session and the length are fixed."""

    def __init__(self, endpoint: Endpoint, path: str, headers: Mapping[str, str], absolute_form: str = "") -> None:
        """`headers`: the target's, its secrets' and a proxy's; they replace ours of that name. Raises UsageError."""
        fields = {
            "host": ("Host", endpoint.authority),
            "user-agent": ("User-Agent", "benchctl"),
            "accept": ("Accept", "text/event-stream, application/json"),
            "accept-encoding": ("Accept-Encoding", "identity"),
            "content-type": ("Content-Type", "application/json"),
        }
        for name, value in headers.items():
            _check(name, value)
            fields[name.lower()] = (name, value)
        lines = [f"POST {absolute_form}{endpoint.prefix}{path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields.values()]
        self._fixed = "\r\n".join(lines).encode("utf-8") + b"\r\nX-Request-ID: "

    def render(self, request_id: str, length: int, more: bytes = b"") -> bytes:
        """`more`: from `field`."""
        return b"%b%b%b\r\nContent-Length: %d\r\n\r\n" % (self._fixed, request_id.encode("ascii"), more, length)


def field(name: str, value: str) -> bytes:
    """One more header for one request. Raises UsageError."""
    _check(name, value)
    return f"\r\n{name}: {value}".encode()


def _check(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise UsageError(f"{name!r} is no header name", path="api.headers")
    if name.lower() in RESERVED:
        raise UsageError(f"the header {name} is set by benchctl itself", path=f"api.headers.{name}", hint="remove it")
    if not _VALUE.fullmatch(value):
        raise UsageError(
            f"the value of header {name} holds a line break or a control character",
            path=f"api.headers.{name}",
            hint="a secret read from a file often ends with a newline",
        )
