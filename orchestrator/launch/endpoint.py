"""Asks the endpoint one thing before a run: `GET /v1/models`. Nothing is ever posted here.

The one file of the orchestrator that speaks HTTP to the target, with the standard library: no proxy is used, as the
workers use none.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from function.contract.errors import UsageError

TIMEOUT_S = 10.0
MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """`models` is None where the server has no list of them."""

    status: int
    models: tuple[str, ...] | None
    location: str | None = None


def ask_models(root: str, headers: Mapping[str, str], tls: ssl.SSLContext | None = None) -> Answer:
    """Raises UsageError: `endpoint_unreachable`, or `endpoint_tls` where only the certificate is in the way."""
    parts = urlsplit(root)
    host, url = parts.hostname or "", f"{root}/v1/models"
    connection = _connection(parts.scheme, host, parts.port, tls)
    try:
        connection.request("GET", f"{parts.path}/v1/models", headers={"Accept": "application/json", **headers})
        response = connection.getresponse()
        body = response.read(MOST_BYTES)
        return Answer(response.status, _models(body), response.getheader("Location"))
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or str(error)
        raise UsageError(
            f"TLS with {host} failed: {reason}",
            path="server.base_url",
            hint="server.ca_file names the certificate authority to trust; http:// instead of https:// goes without",
            code="endpoint_tls",
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise UsageError(
            f"{url} cannot be reached: {_words(error)}",
            path="server.base_url",
            hint="start the server, or correct host and port",
            code="endpoint_unreachable",
        ) from error
    finally:
        connection.close()


def tls_context(ca_file: str | None, cert_path: str | None, key_path: str | None) -> ssl.SSLContext:
    """Raises UsageError (`tls_files`) for files that are no PEM."""
    context = ssl.create_default_context()
    path = "server.ca_file"
    try:
        if ca_file is not None:
            context.load_verify_locations(ca_file)
        path = "server.cert_path"
        if cert_path is not None:
            context.load_cert_chain(cert_path, key_path)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"cannot be used: {error}", path=path, hint="a PEM file", code="tls_files") from error
    return context


def _connection(scheme: str, host: str, port: int | None, tls: ssl.SSLContext | None) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=tls)
    return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)


def _models(body: bytes) -> tuple[str, ...] | None:
    try:
        listed = json.loads(body)["data"]
        return tuple(str(model["id"]) for model in listed)
    except (ValueError, KeyError, TypeError):
        return None


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT_S:g} s"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error) or type(error).__name__
