"""The run apart by region: what each region's lanes sent, and how it was answered from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestrator.metrics.dist import SECONDS, Dist, dist_of
from orchestrator.metrics.latency import KEYS, measure
from orchestrator.metrics.ledger import Ledger, ledger_of
from orchestrator.metrics.requests import Int32, Requests


@dataclass(frozen=True, slots=True)
class RegionSummary:
    """`ledger` of all its requests, `latency` of the measured ones that succeeded. A difference between regions is the
    network's way to the endpoint, and whatever else is between them."""

    region: str
    lanes: int
    ledger: Ledger
    latency: Mapping[str, Dist]

    def as_dict(self) -> dict[str, Any]:
        return {
            "region": self.region,
            "lanes": self.lanes,
            "ledger": self.ledger.as_dict(),
            "latency": {key: dist.as_dict() for key, dist in self.latency.items()},
        }


def region_codes(requests: Requests, regions: int) -> Int32:
    """Per row: which of the plan's regions its lane runs in."""
    return requests.lane % np.int32(regions)


def by_region(
    requests: Requests, measured: Requests, regions: Sequence[str], lanes: int, streaming: bool
) -> tuple[RegionSummary, ...]:
    """`measured`: the rows of stages that are no warm-up. Nothing unless there are several regions to compare."""
    if len(regions) < 2:
        return ()
    found = []
    own, seen = region_codes(requests, len(regions)), region_codes(measured, len(regions))
    for code, name in enumerate(regions):
        rows = measured.where(seen == code)
        latency = {key: dist_of(measure(key, rows, rows.ok, streaming).values, SECONDS) for key in KEYS}
        ledger = ledger_of(requests.status[own == code])
        found.append(RegionSummary(name, len(range(code, lanes, len(regions))), ledger, latency))
    return tuple(found)
