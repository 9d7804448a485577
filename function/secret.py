"""Turns references to secrets into what is sent, in the worker, at the last moment. Values go nowhere else.

Which sources exist depends on where the worker runs; the entry says so. No error names a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from function.contract.errors import UsageError
from function.contract.spec import SecretRef, Target

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
    return {
        header: reference.prefix + _resolved(reference, sources, f"header {header}")
        for header, reference in secret_headers.items()
    }


def with_secret_body(target: Target, sources: Mapping[str, Resolver]) -> Target:
    """`target` with the members of `secret_body` in its `extra_body`. Raises UsageError as for headers."""
    if not target.secret_body:
        return target
    members = {
        name: _value(_resolved(reference, sources, f"member {name} of the body"), name)
        for name, reference in target.secret_body.items()
    }
    return msgspec.structs.replace(target, extra_body={**target.extra_body, **members})


def secret_texts(target: Target) -> Iterator[str]:
    """The texts among the secret members of a target made by `with_secret_body`: a server may repeat them."""
    for name in target.secret_body:
        yield from _texts(target.extra_body.get(name))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _value(text: str, name: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        # Without its cause: the decoder may quote what it read.
        raise UsageError(
            f"the secret for {name} of the body is not JSON", code="secret_form", path=f"api.extra_body.{name}"
        ) from None


def _resolved(reference: SecretRef, sources: Mapping[str, Resolver], where: str) -> str:
    source = sources.get(reference.source)
    if source is None:
        raise UsageError(
            f"this worker cannot read secrets of the kind {reference.source} ({where})",
            code="secret_source",
            path="server.api_key",
            hint=f"use one of: {', '.join(sorted(sources))}",
        )
    return source(reference.name)
