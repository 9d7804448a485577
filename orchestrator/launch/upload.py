"""Puts a planned run into its folder, everything by `create`. plan.json comes first: whoever creates it has the run id.

Control comes last, so a folder with a control has all that its workers read.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Control
from function.contract.errors import StoreError, UsageError
from function.store.owned import create_or_read
from function.store.port import ObjectStore

if TYPE_CHECKING:  # it brings numpy in
    from orchestrator.plan.build import Built

THREADS = 8


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The control that was created, and its version: what the lease begins with."""

    control: Control
    version: str


def upload(store: ObjectStore, built: Built) -> Uploaded:
    """`store` is the run's folder. Raises UsageError (`run_exists`) when the run id is taken."""
    if create_or_read(store, keys.PLAN, built.plan_bytes).body != built.plan_bytes:
        raise run_exists(built.plan.run_id)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="upload") as pool:
        for _ in pool.map(lambda item: _create(store, *item), _objects(built)):
            pass
    control = Control(
        state="wait",
        epoch=0,
        beat=0,
        granted=(),
        lease_s=built.plan.coordination.lease_s,
        writer=secrets.token_hex(16),
    )
    return Uploaded(control, _create(store, keys.CONTROL, encode(control)))


def run_exists(run_id: str) -> UsageError:
    return UsageError(
        f"there is a run {run_id} already",
        path="--run-id",
        hint="choose another id, or leave --run-id out",
        code="run_exists",
    )


def _objects(built: Built) -> Iterator[tuple[str, bytes]]:
    yield keys.CONFIG, built.config_redacted.encode()
    for digest, body in built.texts.items():
        yield keys.text(digest), body
    for shard in built.shards:
        yield keys.workload(shard.shard), shard.workload_bytes
        yield keys.spec(shard.shard), shard.spec_bytes


def _create(store: ObjectStore, key: str, body: bytes) -> str:
    """The version of what is there. Somebody else's object under our own plan is refused."""
    found = create_or_read(store, key, body)
    if found.body != body:
        raise StoreError(f"{key} is there already, with other content", code="store_foreign")
    return found.stored.version
