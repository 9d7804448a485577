"""One rule for what a base URL means, however it was written.

People paste `http://host:8000`, with a slash, with `/v1`, behind a path, or the whole route. Routes are always made as
`endpoint_root(base_url) + "/v1/chat/completions"`, so none of these becomes `/v1/v1`.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from orchestrator.config.quantity import wrong

_ROUTE = re.compile(r"/v1(/(chat/completions|completions|models|messages))?$")


def endpoint_root(base_url: str) -> str:
    """The URL that `/v1/...` is appended to: no trailing slash, no `/v1`, path prefix kept.

    >>> endpoint_root("http://127.0.0.1:8100/proxy/team-a/v1/")
    'http://127.0.0.1:8100/proxy/team-a'
    """
    scheme, separator, rest = base_url.strip().partition("://")
    host, _, path = rest.partition("/")
    return scheme + separator + host + _ROUTE.sub("", f"/{path}".rstrip("/")).rstrip("/")


def _bare_host(value: str) -> bool:
    return re.fullmatch(r"[\w.-]+(:\d+)?(/[\w./-]*)?", value) is not None


def checked_base_url(value: str) -> str:
    """`value` as it stands if requests can be sent there; PydanticCustomError otherwise (never quoting a password)."""
    example = "for example http://127.0.0.1:8000"
    value = value.strip()
    shown = "the value" if "@" in value else repr(value)
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong("is not a URL", example) from None
    if "@" in parts.netloc:
        raise wrong("holds credentials", "use server.api_key, or a reference in api.headers")
    if parts.scheme not in ("http", "https"):
        raise wrong(f"{shown} is not an http or https URL", f"http://{value}" if _bare_host(value) else example)
    if not host or port == 0 or any(character.isspace() for character in value):
        raise wrong(f"{shown} names no host and port to call", example)
    if parts.query or parts.fragment:
        raise wrong(f"{shown} has a query or a fragment", "only scheme, host, port and path")
    return value
