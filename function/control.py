"""Reads control, and the go object that it announces, and feeds the gate. One step is one poll; a thread calls it.

Each poll is stamped with the instant it was asked, before the read: however long the read hangs, the gate judges by
that instant. A failed read is not repeated before its time and feeds nothing. Go is read only once control lists the
group, so no poll ever asks for a key that may be missing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from function.clock import Clock
from function.contract import keys
from function.contract.codec import decode
from function.contract.control import Control, Go
from function.contract.errors import ContractError, StoreError
from function.contract.spec import ShardSpec
from function.gate import Gate
from function.store.port import ObjectStore

T = TypeVar("T")

JITTER = 0.2  # polls come up to this share early, so that a fleet started at once does not poll at once


class ControlWatch:
    """`store` is this watch's own handle: its calls must wait for nobody else's."""

    def __init__(
        self,
        store: ObjectStore,
        spec: ShardSpec,
        gate: Gate,
        clock: Clock,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._group = keys.group_id(spec.phase, spec.slice)
        self._spec = spec
        self._gate = gate
        self._clock = clock
        self._draw = draw

    def step(self) -> float | None:
        """One poll. Returns the seconds to wait before the next, or None after a stop."""
        asked_ns = self._clock.now_ns()
        control = self._read(keys.CONTROL, Control)
        if control is not None:
            self._gate.heard(asked_ns, control)
            if self._gate.go is None and control.state != "wait" and self._group in control.granted:
                go = self._read(keys.go(self._group), Go)
                if go is not None:
                    self._gate.named(go)
        if self._gate.stop() is not None:
            return None
        period_s = self._spec.poll_s if self._gate.open else self._spec.poll_wait_s
        period_s *= 1 - JITTER * self._draw()
        return max(0.0, period_s - (self._clock.now_ns() - asked_ns) / 1e9)

    def _read(self, key: str, kind: type[T]) -> T | None:
        try:
            return decode(kind, self._store.get(key).body, key)
        except (StoreError, ContractError):
            return None  # no good read: the lease runs on, and the next poll comes in its time
