"""The ledger: what became of every planned request. planned = ok + failed + timed_out + missed + aborted + lost."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from function.contract.record import STATUSES
from orchestrator.metrics.requests import Int8


@dataclass(frozen=True, slots=True)
class Ledger:
    planned: int = 0
    ok: int = 0
    failed: int = 0
    timed_out: int = 0
    missed: int = 0
    aborted: int = 0
    lost: int = 0

    @property
    def balances(self) -> bool:
        parts = self.ok + self.failed + self.timed_out + self.missed + self.aborted + self.lost
        return self.planned == parts

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


def ledger_of(status: Int8) -> Ledger:
    """`status`: codes into contract.record.STATUSES, one per planned request."""
    counts = np.bincount(status, minlength=len(STATUSES))
    return Ledger(len(status), *(int(count) for count in counts[: len(STATUSES)]))
