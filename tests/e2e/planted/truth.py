"""What really happened, as the model server's log has it, on the run's time axis. The product's records play no part.

The plan is known beforehand (evenly spaced arrivals), t0 is the one number read from the run's folder.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.mockserver import TruthRecord
from tests.e2e.planted.case import Case

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """By request index, in s since t0, NaN where it did not happen: due, arrived, first token, end. `ok`: answered.
    `tokens`: when each event of it was written."""

    case: Case
    due: Floats
    arrived: Floats
    first_token: Floats
    end: Floats
    ok: NDArray[np.bool_]
    tokens: tuple[Floats, ...] = ()

    @property
    def sent(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.arrived)

    @property
    def lateness(self) -> Floats:
        """Of what was sent, sorted."""
        return np.sort((self.arrived - self.due)[self.sent])

    @property
    def ttft(self) -> Floats:
        """Of what was answered, in order of due time."""
        return (self.first_token - self.arrived)[self.ok]


def truth_of(case: Case, records: Iterable[TruthRecord], run_id: str, t0_unix_ns: int) -> Truth:
    """`records`: of completion requests. Raises AssertionError for a request that is not the plan's, or came twice."""
    due = np.arange(case.planned) / case.rate
    arrived, first, end = (np.full(case.planned, np.nan) for _ in range(3))
    ok = np.zeros(case.planned, bool)
    tokens = [np.empty(0)] * case.planned
    for record in records:
        k = int((record.id or "").removeprefix(f"{run_id}-"))
        assert 0 <= k < case.planned, record.id
        assert np.isnan(arrived[k]), f"{record.id} arrived twice"
        came_ns = record.arrival_ns or record.first_byte_ns
        arrived[k] = (came_ns - t0_unix_ns) / 1e9
        end[k] = arrived[k] + record.end_offset_ns / 1e9
        if record.token_offset_ns:
            first[k] = arrived[k] + record.token_offset_ns[0] / 1e9
            tokens[k] = arrived[k] + np.array(record.token_offset_ns) / 1e9
        ok[k] = record.outcome == "done"
    return Truth(case, due, arrived, first, end, ok, tuple(tokens))
