"""Objects of a run as JSON bytes, and back. Strict on types, lenient on unknown fields."""

from __future__ import annotations

import hashlib
from typing import TypeVar

import msgspec

from function.contract.errors import ContractError

SCHEMA_VERSION = 1

DAMAGED = "it is damaged, or another version wrote it: take the run's folder from a copy"

T = TypeVar("T")

_encoder = msgspec.json.Encoder(order="deterministic")


def encode(value: object) -> bytes:
    try:
        return _encoder.encode(value)
    except TypeError:  # the encoder orders dicts with str keys only; others become str here, and come back by type
        return _encoder.encode(msgspec.to_builtins(value, str_keys=True))


def decode(kind: type[T], body: bytes, key: str = "") -> T:
    """Raises ContractError naming `key` when the body is not a `kind`."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise ContractError(f"{key or kind.__name__} cannot be read: {error}", path=key, hint=DAMAGED) from error


def digest(body: bytes) -> str:
    """sha256, hex: the content address of texts, plans, workloads and parts."""
    return hashlib.sha256(body).hexdigest()
