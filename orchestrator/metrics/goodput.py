"""Goodput: requests that met every limit, per second and as a share of *planned*. What did not succeed is never good.

A limit on tokens after the first does not apply to an answer that is known to have only one; a limit on something that
was not measured (token latencies without streaming, token counts nobody gave) is not met.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestrator.metrics.latency import E2E, ITL, NTPOT, TPOT, TTFT, measure
from orchestrator.metrics.requests import Bool, Requests
from orchestrator.metrics.window import Window, answered_ns

METRICS = {"ttft": TTFT, "tpot": TPOT, "itl": ITL, "ntpot": NTPOT, "request_latency": E2E}


@dataclass(frozen=True, slots=True)
class Goodput:
    """`constraints`: limits in s by short name. `attainment`: share of planned that met each one."""

    constraints: Mapping[str, float]
    planned: int
    good: int
    good_in_window: int
    seconds: float
    met: Mapping[str, int]

    def __add__(self, other: Goodput) -> Goodput:
        return Goodput(
            self.constraints,
            self.planned + other.planned,
            self.good + other.good,
            self.good_in_window + other.good_in_window,
            self.seconds + other.seconds,
            {name: count + other.met[name] for name, count in self.met.items()},
        )

    @property
    def share_of_planned(self) -> float | None:
        return self.good / self.planned if self.planned else None

    @property
    def per_sec(self) -> float | None:
        return self.good_in_window / self.seconds if self.seconds > 0 else None

    @property
    def attainment(self) -> dict[str, float | None]:
        return {name: count / self.planned if self.planned else None for name, count in self.met.items()}

    def as_dict(self) -> dict[str, Any]:
        return {
            "constraints": dict(self.constraints),
            "good": self.good,
            "share_of_planned": self.share_of_planned,
            "per_sec": self.per_sec,
            "attainment": self.attainment,
        }


def goodput_of(requests: Requests, window: Window, constraints: Mapping[str, float], streaming: bool) -> Goodput:
    """`requests`: one stage's, all statuses."""
    ok = requests.ok
    meets = {name: ok & _meets(name, limit, requests, streaming) for name, limit in constraints.items()}
    good = np.logical_and.reduce([ok, *meets.values()])
    return Goodput(
        constraints,
        len(requests),
        int(good.sum()),
        int((good & window.holds(answered_ns(requests))).sum()),
        window.seconds,
        {name: int(met.sum()) for name, met in meets.items()},
    )


def _meets(name: str, limit_s: float, requests: Requests, streaming: bool) -> Bool:
    found = measure(METRICS[name], requests, requests.ok, streaming)
    met = _EXEMPT[name](requests, streaming) if name in _EXEMPT else np.zeros(len(requests), np.bool_)
    values = found.values
    if found.per_row is not None:  # a request's gaps between tokens are judged by their mean
        firsts = np.cumsum(found.per_row) - found.per_row
        values = np.add.reduceat(values, firsts, dtype=np.int64) / found.per_row if values.size else values
    met[found.rows] = values / 1e9 <= limit_s
    return met


def _one_token(requests: Requests, streaming: bool) -> Bool:
    one: Bool = (requests.output_tokens >= 0) & (requests.output_tokens <= 1)
    return one & streaming


def _one_event(requests: Requests, streaming: bool) -> Bool:
    one: Bool = requests.tokens.count <= 1
    return one & streaming


_EXEMPT: dict[str, Callable[[Requests, bool], Bool]] = {"tpot": _one_token, "itl": _one_event}
