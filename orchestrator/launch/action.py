"""What the fleet asks its caller to do. Plain values: nothing here acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from function.contract.control import Go


@dataclass(frozen=True, slots=True)
class Invoke:
    """Start one invocation; past `not_after_unix_ns` it would exit without load."""

    shard: str
    attempt: int
    not_after_unix_ns: int


@dataclass(frozen=True, slots=True)
class CreateGo:
    """Create the group's go object, or read whose is there already; tell the fleet (`go_settled`, `go_failed`)."""

    group: str
    go: Go


@dataclass(frozen=True, slots=True)
class Grant:
    """List the group in control: its go exists."""

    group: str


@dataclass(frozen=True, slots=True)
class Abort:
    """Put abort. `reason` is a word for control, `message` what people are told."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is left to wait for. `overdue` names shards that neither committed nor are known to have ended."""

    overdue: tuple[str, ...]


Action: TypeAlias = Invoke | CreateGo | Grant | Abort | Finish
