"""Bounds on token counts: entries outside are skipped and counted, as inference-perf does with min and max."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.config.distribution import Distribution
from orchestrator.datasets.entry import JOINT, Entry
from orchestrator.datasets.measuring import BYTES_PER_TOKEN


@dataclass(frozen=True, slots=True)
class Bounds:
    least: int
    most: int

    @classmethod
    def of(cls, distribution: Distribution | None) -> Bounds | None:
        return None if distribution is None else cls(distribution.min, distribution.max)

    def side(self, tokens: int) -> str | None:
        """`short`, `long`, or None inside."""
        return "short" if tokens < self.least else "long" if tokens > self.most else None


def within(entries: Sequence[Entry], prompt: Bounds | None, output: Bounds | None, tally: Tally[str]) -> list[Entry]:
    """The entries inside both bounds; the others go into `tally` as prompt_too_short, output_too_long and so on."""
    kept = []
    for entry in entries:
        reason = outside(entry, prompt, output)
        if reason is None:
            kept.append(entry)
        else:
            tally[reason] += 1
    return kept


def outside(entry: Entry, prompt: Bounds | None, output: Bounds | None) -> str | None:
    """Why a measured entry is not inside both bounds."""
    out = prompt and prompt.side(prompt_tokens(entry))
    if out:
        return f"prompt_too_{out}"
    out = output.side(entry.output_tokens) if output is not None and entry.answer is not None else None
    return f"output_too_{out}" if out else None


def prompt_tokens(entry: Entry) -> int:
    """Counted, or estimated where there is no tokenizer."""
    if entry.prompt_tokens >= 0:
        return entry.prompt_tokens
    size = len(JOINT.join(text for _, text in entry.messages).encode())
    return max(1, round(size / BYTES_PER_TOKEN))
