"""What can be asked: an entry of a data set, and how its entries are to be used. Values, and what fills them in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator.datasets.port import Int64
from orchestrator.datasets.turns import Turn

JOINT = "\n\n"  # between the messages of a prompt on completions


@dataclass(frozen=True, slots=True)
class Entry:
    """What can be asked. -1: the entry does not say how long the answer shall be; the prompt is not counted (yet)."""

    messages: tuple[Turn, ...]
    answer: str | None = None
    output_tokens: int = -1
    prompt_tokens: int = -1


class Measure(Protocol):
    """Fills in the tokens of entries; asked only about those that will be used."""

    def __call__(self, entries: Sequence[Entry]) -> Sequence[Entry]: ...


class OutputLengths(Protocol):
    """Output lengths where entries give none."""

    def draw(self, ks: Int64) -> Int64: ...


@dataclass(frozen=True, slots=True)
class Use:
    """How entries are used. `limit`: no k is ever that large, so what only later ks would use is not even packed."""

    seed: int
    chat: bool
    unique: bool = True
    limit: int | None = None
