"""What launching needs of a platform that runs the function. Each provider is one adapter of about this size.

A provider starts invocations and says which have provably ended. What a worker does, it and the orchestrator learn
from the store alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from function.contract.control import Payload


@dataclass(frozen=True, slots=True)
class Ended:
    """One invocation that can do nothing any more. `exit_code` is negative for a signal, None where the platform gives
    none; `tail`: its last words, or the platform's. `began` False: it never came as far as to claim its attempt, and
    another delivery of the same event may hold it.
    """

    shard: str
    attempt: int
    exit_code: int | None
    tail: str = ""
    began: bool = True


class Provider(Protocol):
    @property
    def poll_s(self) -> float:
        """How often the orchestrator looks into the store while it waits for somebody to become ready."""
        ...

    def warm(self, count: int) -> None:
        """So many invocations will be asked for soon; the last word counts. May do nothing."""
        ...

    def invoke(self, payload: Payload) -> None:
        """Start one invocation and return at once. Raises ProviderError."""
        ...

    def ended(self) -> list[Ended]:
        """Those that ended since the last call."""
        ...

    def stop_all(self, grace_s: float) -> list[Ended]:
        """Wait that long for all of them to end by themselves, then end them; nothing runs afterwards. Where a platform
        cannot end what runs, control has: nothing is started any more. May be called again."""
        ...

    def recorded(self) -> None:
        """All that was told to have ended is stored: the platform need not keep it. Raises ProviderError."""
        ...

    def leave(self) -> None:
        """Let them run on without us."""
        ...
