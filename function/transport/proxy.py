"""The proxy the environment asks for, and never one between a worker and its own machine."""

from __future__ import annotations

import base64
import ipaddress
import urllib.request
from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from function.transport.head import Endpoint


class Proxy(NamedTuple):
    """`url` without credentials; `headers` carry them."""

    url: str
    headers: dict[str, str]


def environment_proxy(endpoint: Endpoint) -> Proxy | None:
    """From HTTP_PROXY, HTTPS_PROXY and NO_PROXY in their usual forms; None for loopback."""
    if is_loopback(endpoint.host) or urllib.request.proxy_bypass(endpoint.host):
        return None
    url = urllib.request.getproxies().get(endpoint.scheme)
    if not url:
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    headers = {}
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers["Proxy-Authorization"] = "Basic " + base64.b64encode(user).decode()
    return Proxy(urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")), headers)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
