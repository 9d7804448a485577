"""Latency with every planned request that did not succeed counted as infinite: what survivors hide.

A percentile that falls among the infinite ones is None, with the reason. For gaps between tokens, of which a failed
request has no known number, it counts as many as the mean successful one had, so that its share stays the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestrator.metrics.dist import Values, name_of, read_at

PERCENTILES = (50.0, 90.0, 95.0, 99.0)


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Values at `PERCENTILES`, None where infinite or not measured; `reason` says which (None: all are finite)."""

    values: tuple[float | None, ...]
    reason: str | None

    def as_dict(self) -> dict[str, Any]:
        return {**{name_of(p): value for p, value in zip(PERCENTILES, self.values)}, "reason": self.reason}


def adjusted_of(ordered: Values, requests: int, infinite: int, unit: float = 1.0) -> Adjusted:
    """`ordered`: sorted values of `requests` successful requests; `infinite`: planned requests without success."""
    if not ordered.size:
        return Adjusted((None,) * len(PERCENTILES), "infinite" if infinite else "not measured")
    beyond = round(infinite * ordered.size / requests)
    values = tuple(_at(ordered, max(beyond, infinite), p / 100, unit) for p in PERCENTILES)
    return Adjusted(values, "infinite" if None in values else None)


def _at(ordered: Values, infinite: int, share: float, unit: float) -> float | None:
    """numpy's linear quantile of the values followed by `infinite` infinities."""
    place = share * (ordered.size + infinite - 1)
    if place > ordered.size - 1:
        return None
    return float(read_at(ordered, np.array([place]))[0]) / unit
