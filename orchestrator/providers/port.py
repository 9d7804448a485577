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
    """One invocation that can do nothing any more. `exit_code` is negative for a signal; `tail`: its last words."""

    shard: str
    attempt: int
    exit_code: int
    tail: str = ""


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
        """Wait that long for all of them to end by themselves, then end them; nothing runs afterwards."""
        ...

    def leave(self) -> None:
        """Let them run on without us."""
        ...
