"""From warm to go: says `ready`, then waits until go names this attempt, names another, or does not come.

Waiting costs money on a cloud, so the gate's lease holds here too: a worker nobody renews for gives up by itself.
"""

from __future__ import annotations

import asyncio

from function.clock import Clock
from function.commit import Commits
from function.contract import keys
from function.contract.codec import encode
from function.contract.control import Claim, Ready
from function.contract.errors import StoreError
from function.contract.spec import ShardSpec
from function.contract.version import code_version
from function.gate import Gate
from function.store_clock import StoreClock

LOOK_S = 0.02
PATIENCE_S = 5.0


async def wait_for_first_word(gate: Gate) -> None:
    """Control is read at least once before anybody is told that this attempt is ready."""
    while not gate.heard_once:
        await asyncio.sleep(LOOK_S)


async def say_ready(
    commits: Commits, claim: Claim, store_clock: StoreClock, cold_start_ns: int, send_until_unix_ns: int | None
) -> None:
    """Raises StoreError when it could not be stored."""
    offset_ns, error_ns = store_clock.offset()
    ready = Ready(
        shard=claim.shard,
        attempt=claim.attempt,
        nonce=claim.nonce,
        clock_offset_ns=offset_ns,
        clock_error_ns=error_ns,
        cold_start_ns=cold_start_ns,
        code_version=code_version(),
        send_until_unix_ns=send_until_unix_ns,
    )
    key = keys.ready(keys.attempt_id(claim.shard, claim.attempt))
    if not await commits.create(key, encode(ready), PATIENCE_S):
        raise StoreError(f"{key} holds something that this attempt did not write")


async def wait_for_go(gate: Gate, spec: ShardSpec, clock: Clock) -> None:
    """Returns when the gate is open, when go names another attempt, or after `spec.ready_wait_s` without any go.

    A stop is for the caller to notice. Once named, only a stop ends the wait: the beat moves soon, or the lease lapses.
    """
    give_up_ns = clock.now_ns() + int(spec.ready_wait_s * 1e9)
    while not gate.open:
        if gate.go is None and clock.now_ns() >= give_up_ns:
            return
        if gate.go is not None and not gate.go_names_me:
            return
        await asyncio.sleep(LOOK_S)
