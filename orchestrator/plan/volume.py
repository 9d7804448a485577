"""What a workload's requests carry altogether: counted while they are made, for the estimate of what they cost."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.datasets.port import Requests


@dataclass(frozen=True, slots=True)
class Volume:
    """Sums over `rows` requests. What was not counted or not asked adds nothing."""

    rows: float = 0
    prompt_tokens: float = 0
    output_tokens: float = 0
    prompt_bytes: float = 0

    def plus(self, block: Requests) -> Volume:
        return Volume(
            self.rows + block.output_tokens.size,
            self.prompt_tokens + int(block.prompt_tokens.clip(min=0).sum()),
            self.output_tokens + int(block.output_tokens.clip(min=0).sum()),
            self.prompt_bytes + int(block.bytes.sum()),
        )

    def scaled(self, rows: float) -> Volume:
        """Of so many requests like these: a closed loop by time sends fewer or more than were made."""
        share = rows / self.rows if self.rows else 0.0
        return Volume(rows, self.prompt_tokens * share, self.output_tokens * share, self.prompt_bytes * share)
