"""Random decisions that can be repeated: pure functions of (seed, key, purpose), whatever the order of requests.

The key is the number at the end of the request's X-Request-ID, or its arrival number where it has none; so the same
requests meet the same faults and the same service times however they interleave, and whatever their run is called.
"""

from __future__ import annotations

import math
from dataclasses import fields
from hashlib import blake2b

from orchestrator.mockserver.config import Faults

FAULT_NAMES = tuple(f.name for f in fields(Faults))


def bits(seed: int, key: str, purpose: str) -> int:
    """64 uniform bits."""
    digest = blake2b(f"{seed}|{purpose}|{key}".encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def uniform(seed: int, key: str, purpose: str) -> float:
    """Uniform in [0, 1), a multiple of 2^-53."""
    return (bits(seed, key, purpose) >> 11) * 2.0**-53


def exponential(seed: int, key: str, purpose: str) -> float:
    """Exponential with mean 1, by inversion."""
    return -math.log1p(-uniform(seed, key, purpose))


def fault_for(faults: Faults, seed: int, key: str) -> str | None:
    """The one fault this request meets, or None. A rate of 1 hits every request, a rate of 0 none."""
    u = uniform(seed, key, "fault")
    edge = 0.0
    for name in FAULT_NAMES:
        rate: float = getattr(faults, name)
        edge += rate
        if rate and u < edge:
            return name
    return None
