"""What one attempt needs for its shard: spec, texts, workload and secrets, fetched and checked before anything is sent.

A worker trusts digests, not names: what it sends is what was planned, byte for byte, by the code that was planned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from function.contract import keys
from function.contract.codec import decode, digest
from function.contract.control import Payload
from function.contract.errors import ContractError, UsageError
from function.contract.spec import ShardSpec, Target, TextRef
from function.contract.version import code_version
from function.secret import Resolver, resolve_headers, with_secret_body
from function.store.port import ObjectStore

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Assignment:
    """`texts[i]` is spec.texts[i]; `workload` the whole part, encoded; `secrets` header name -> value; `target` the
    spec's with the secret members of the body in its `extra_body`."""

    texts: tuple[bytes, ...]
    workload: bytes
    secrets: Mapping[str, str] = field(repr=False)
    target: Target = field(repr=False)


async def load_spec(store: ObjectStore, payload: Payload) -> ShardSpec:
    """Raises UsageError when this worker was started for another plan, or runs other code than was planned."""
    key = keys.spec(payload.shard)
    spec = decode(ShardSpec, (await asyncio.to_thread(store.get, key)).body, key)
    if (spec.plan_hash, spec.shard) != (payload.plan_hash, payload.shard):
        raise UsageError(
            f"{key} belongs to plan {spec.plan_hash[:16]}, this invocation to {payload.plan_hash[:16]}",
            code="plan_mismatch",
            hint="launch again under a new run id",
        )
    if spec.code_version != code_version():
        raise UsageError(
            f"the plan was made for worker code {spec.code_version}, this worker is {code_version()}",
            code="code_mismatch",
            hint="deploy the worker of this version of benchctl, then launch again",
        )
    return spec


async def load_assignment(store: ObjectStore, spec: ShardSpec, sources: Mapping[str, Resolver]) -> Assignment:
    """Raises StoreError, UsageError for a missing secret, ContractError when something is not what the spec names."""
    secrets = await asyncio.to_thread(resolve_headers, spec.target.secret_headers, sources)
    target = await asyncio.to_thread(with_secret_body, spec.target, sources)
    texts, workload = await asyncio.gather(
        asyncio.to_thread(_load_texts, store, spec.texts),
        asyncio.to_thread(_load, store, keys.workload(spec.shard), spec.workload_sha256),
    )
    return Assignment(texts, workload, secrets, target)


def _load_texts(store: ObjectStore, texts: tuple[TextRef, ...]) -> tuple[bytes, ...]:
    def load(text: TextRef) -> bytes:
        return _load(store, keys.text(text.sha256), text.sha256)

    if len(texts) < 2:
        return tuple(map(load, texts))
    with ThreadPoolExecutor(min(_AT_ONCE, len(texts)), thread_name_prefix="benchctl-texts") as pool:
        return tuple(pool.map(load, texts))


def _load(store: ObjectStore, key: str, sha256: str) -> bytes:
    body = store.get(key).body
    if digest(body) != sha256:
        raise ContractError(f"{key} is damaged: its digest is {digest(body)}, the spec names {sha256}")
    return body
