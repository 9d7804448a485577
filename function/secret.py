"""Turns references to secrets into header values, in the worker, at the last moment. Values go nowhere else.

Which sources exist depends on where the worker runs; the entry says so. No error names a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from function.contract.errors import UsageError
from function.contract.spec import SecretRef

Resolver = Callable[[str], str]  # a source's name of a secret -> its value


def from_environment(environment: Mapping[str, str]) -> Resolver:
    def resolve(name: str) -> str:
        value = environment.get(name)
        if not value:
            raise UsageError(
                f"the environment variable {name} is not set where the worker runs",
                code="secret_missing",
                path="server.api_key",
                hint=f"export {name} before launching",
            )
        return value

    return resolve


def resolve_headers(secret_headers: Mapping[str, SecretRef], sources: Mapping[str, Resolver]) -> dict[str, str]:
    """Header name -> prefix + secret. Raises UsageError for a source this worker does not have, or no such secret."""
    resolved = {}
    for header, reference in secret_headers.items():
        source = sources.get(reference.source)
        if source is None:
            raise UsageError(
                f"this worker cannot read secrets of the kind {reference.source} (header {header})",
                code="secret_source",
                path="server.api_key",
                hint=f"use one of: {', '.join(sorted(sources))}",
            )
        resolved[header] = reference.prefix + source(reference.name)
    return resolved
