"""The simulated engine all requests share: its timer, slots, prefix cache and counters.

It decides when a request's service starts, never what is written.
"""

from __future__ import annotations

from typing import Protocol

from orchestrator.mockserver.ask import Ask
from orchestrator.mockserver.clock import Pauses, boot_ns
from orchestrator.mockserver.config import MockConfig
from orchestrator.mockserver.metrics import Meter, Now
from orchestrator.mockserver.prefix import PrefixCache
from orchestrator.mockserver.slots import Slots
from orchestrator.mockserver.timer import Timer


class Served(Protocol):
    """A request in the engine."""

    ask: Ask

    def begin(self, start: int) -> None:
        """Service starts at this engine time."""

    def tokens_made(self) -> int: ...


class Engine:
    """One per server."""

    def __init__(self, config: MockConfig, timer: Timer, meter: Meter) -> None:
        self.config, self.timer, self.meter = config, timer, meter
        self._slots: Slots[Served] = Slots(config.slots)
        self._prefix = PrefixCache(config.prefix_block_words, config.prefix_blocks) if config.prefix_cache else None
        self._first_boot: int | None = None
        self._stopped = False

    def arrived(self, boot: int) -> None:
        """A completion request arrived; cold start, drift and pauses count from the first one."""
        if self._first_boot is None:
            self._first_boot = boot
            if self.config.pause is not None:
                self.timer.pause_by(Pauses(self.config.pause, boot))

    def since_first_s(self, boot: int) -> float:
        return 0.0 if self._first_boot is None else (boot - self._first_boot) / 1e9

    def enter(self, served: Served, ready: int) -> None:
        """Begins it at engine time `ready` if a slot is free, else when its turn comes."""
        if self._slots.enter(served):
            served.begin(ready)

    def leave(self, served: Served) -> None:
        """It needs its slot, or its place in the queue, no longer. Harmless when it has neither."""
        following = self._slots.leave(served)
        if following is not None and not self._stopped:
            following.begin(self.timer.engine(boot_ns()))

    def stop(self) -> None:
        """Whoever waits for a slot gets none any more."""
        self._stopped = True

    def compute_prompt(self, ask: Ask) -> int:
        """Takes a prompt in; returns how many of its tokens the prefix cache had."""
        cached = 0 if self._prefix is None else self._prefix.take(ask.prompt_words)
        self.meter.admitted(ask.prompt_tokens, cached, queried=self._prefix is not None)
        return cached

    def idle(self) -> bool:
        return not self._slots.running()

    def now(self) -> Now:
        running = self._slots.running()
        live = sum(served.tokens_made() for served in running)
        held = live + sum(served.ask.prompt_tokens for served in running)
        return Now(len(running), self._slots.waiting(), live, min(1.0, held / self.config.kv_tokens))
