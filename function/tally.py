"""Counts of what a worker has done so far. Pure.

Kept by the loop and read by the thread that writes progress, without a lock: a count may be a request ahead of another.
"""

from __future__ import annotations

from collections import Counter
from math import log10

from function.arrival import Arrival, Row
from function.contract.receipt import Counts

_TTFT_BINS = 61  # 1 ms to 1,000 s, ten a decade: see contract.control.Progress


class Tally:
    """Counts since the start. `delay_max_ns`: the largest sent - scheduled."""

    def __init__(self) -> None:
        self.sent_count = 0
        self.delay_max_ns = 0
        self.statuses: Counter[str] = Counter()
        self.stages: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()
        self.ttft = [0] * _TTFT_BINS

    def sent(self, arrival: Arrival, sent_ns: int) -> None:
        self.sent_count += 1
        self.stages[arrival.stage] += 1
        self.delay_max_ns = max(self.delay_max_ns, sent_ns - arrival.scheduled_ns)

    def ended(self, row: Row) -> None:
        self.statuses[row.status] += 1
        if row.error_kind is not None:
            self.errors[row.error_kind] += 1
        if row.first_token_ns is not None and row.sent_ns is not None:
            self.ttft[_ttft_bin(row.first_token_ns - row.sent_ns)] += 1

    def counts(self) -> Counts:
        seen = self.statuses
        return Counts(seen["ok"], seen["failed"], seen["timed_out"], seen["missed"], seen["aborted"])


def _ttft_bin(ttft_ns: int) -> int:
    milliseconds = ttft_ns / 1e6
    return 0 if milliseconds < 1 else min(int(10 * log10(milliseconds)), _TTFT_BINS - 1)
