"""How long the simulated engine takes: time to first token and between tokens, for one request at one moment.

Pure. Cold start and drift stretch both; a prefix-cache hit shortens the first token by the share of the prompt that
was cached; an exponential law draws the first token's time from the request's key.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestrator.mockserver.clock import ns
from orchestrator.mockserver.config import MockConfig
from orchestrator.mockserver.draw import exponential


@dataclass(frozen=True, slots=True)
class Service:
    """Nanoseconds from the start of service to the first token, and from each token to the next."""

    ttft_ns: int
    itl_ns: int


def slowdown(config: MockConfig, since_first_s: float) -> float:
    """The factor on all service times, `since_first_s` seconds after the first completion request arrived."""
    factor, since = 1.0, max(0.0, since_first_s)
    if config.cold_start is not None:
        factor *= 1.0 + (config.cold_start.times - 1.0) * math.exp(-since / config.cold_start.tau_s)
    if config.drift is not None:
        factor *= 1.0 + config.drift.by * min(1.0, since / config.drift.over_s)
    return factor


def service_for(config: MockConfig, key: str, since_first_s: float, cached_share: float) -> Service:
    """Service of the request `key` that starts now, with this share of its prompt in the prefix cache."""
    factor = slowdown(config, since_first_s)
    ttft_s = config.ttft_s * (1.0 - cached_share)
    if config.ttft_law == "exponential":
        ttft_s *= exponential(config.seed, key, "ttft")
    return Service(ns(ttft_s * factor), ns(config.itl_s * factor))
