"""Creates an object of this attempt's own, with patience, and learns the store's clock from it.

Trying again is safe: the body carries the nonce, and `create_or_read` tells this attempt's object from another's.
"""

from __future__ import annotations

import asyncio

from function.clock import Clock
from function.contract.errors import StoreDenied, StoreError
from function.store.owned import create_or_read
from function.store.port import ObjectStore
from function.store_clock import StoreClock

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0


class Commits:
    """What a worker creates outside its thread of parts: claim, ready, receipt."""

    def __init__(self, store: ObjectStore, clock: Clock, store_clock: StoreClock) -> None:
        self._store = store
        self._clock = clock
        self.store_clock = store_clock

    async def create(self, key: str, body: bytes, patience_s: float) -> bool:
        """Whether the object under `key` is `body`. Raises StoreError when that stayed unknown for `patience_s`."""
        give_up_ns = self._clock.now_ns() + int(patience_s * 1e9)
        pause_s = _FIRST_PAUSE_S
        before_ns = self._clock.wall_ns()  # of the first try: any of them may be the one that landed
        while True:
            try:
                found = await asyncio.to_thread(create_or_read, self._store, key, body)
                break
            except StoreDenied:
                raise
            except StoreError:
                if self._clock.now_ns() + int(pause_s * 1e9) >= give_up_ns:
                    raise
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        if found.body != body:
            return False
        self.store_clock.observe(before_ns, found.stored, self._clock.wall_ns())
        return True
