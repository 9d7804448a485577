"""Abort: a plain put by anyone, read back until nobody can have undone it.

A renewal loses to it, being a `replace`. One exception: a writer that was stopped between its compare and its rename
(a directory's lock cannot outlive that) lands later; so the abort is read back after each of two beats and put again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from function.contract import keys
from function.contract.codec import decode, encode
from function.contract.control import Control
from function.contract.errors import StoreError
from function.store.port import ObjectStore
from orchestrator.launch.tenure import abort_of


def read_control(store: ObjectStore) -> Control:
    """Raises NotFound before upload, StoreError when the store does not answer."""
    return decode(Control, store.get(keys.CONTROL).body, keys.CONTROL)


def put_abort(store: ObjectStore, reason: str, known: Control | None = None) -> Control:
    """Put abort over whatever control says, and return it. `known` stands in where control cannot be read.

    A run that is done or aborted already stays as it is: nobody sends there any more.
    """
    try:
        current = read_control(store)
    except StoreError:
        if known is None:
            raise
        current = known
    if current.state in ("abort", "done"):
        return current
    wanted = abort_of(current, reason, secrets.token_hex(16))
    store.put(keys.CONTROL, encode(wanted))
    return wanted


def hold_abort(
    store: ObjectStore,
    wanted: Control,
    beat_s: float,
    silent: Callable[[], bool],
    wait: Callable[[float], None] = time.sleep,
) -> int:
    """Read the abort back after each of two beats, put it again where it was undone, and return how often it was.

    Ends early once `silent()`: every granted shard has committed, and nobody is left to be misled.
    """
    undone = 0
    for _ in range(2):
        left_s = beat_s
        while left_s > 0 and not silent():
            step_s = min(0.2, left_s)
            wait(step_s)
            left_s -= step_s
        if read_control(store).state not in ("abort", "done"):
            undone += 1
            put_abort(store, wanted.reason or "user", wanted)
    return undone
