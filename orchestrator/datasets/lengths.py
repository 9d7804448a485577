"""Token lengths from a distribution, by the inverse of its cumulative table over whole numbers: truncated, not clipped.

Integer i has the mass that the distribution gives to [i - 1/2, i + 1/2]; integers outside [min, max] have none, and
what is left is scaled to 1: as if a value outside were drawn again. A length is at least 1, since a prompt of no tokens
and an answer of none cannot be asked. Each length is a pure function of (seed, name, k).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from function.contract.errors import UsageError
from orchestrator.arithmetic import Float64, exp, log
from orchestrator.config.distribution import Distribution
from orchestrator.datasets.port import Int64
from orchestrator.draws import Stream, at

WIDEST = 4_000_000
_NO_SPREAD = 0.05  # tokens: less than the steps by which a density is integrated
_CUTS = 16  # of an integer's cell, where a density is integrated by midpoints


class Lengths:
    """`path`: the config key, for errors. `total_count` values are drawn in all where given, and used in turn."""

    def __init__(self, distribution: Distribution, seed: int, name: str, path: str) -> None:
        self._stream = Stream(seed, name)
        self._turn = distribution.total_count
        self.least = max(1, distribution.min)
        self.most = distribution.max
        if distribution.type == "fixed" or (distribution.type in _SPREAD and distribution.spread < _NO_SPREAD):
            self.least = self.most = max(1, round(distribution.mean))
        self._table: Float64 | None = None
        if self.least < self.most and distribution.type != "uniform":
            self._table = _table(distribution, self.least, self.most, path)
        if self.least > self.most:
            raise UsageError(f"{path}: no length of 1 or more is within its bounds", path=path, code="wrong_value")

    def draw(self, ks: Int64) -> Int64:
        if self.least == self.most:
            return np.full_like(ks, self.least)
        u = at(self._stream, ks if self._turn is None else ks % self._turn)
        if self._table is None:
            return self.least + np.minimum((u * (self.most - self.least + 1)).astype(np.int64), self.most - self.least)
        return self.least + np.searchsorted(self._table, u, side="right")


_SPREAD = ("normal", "lognormal", "skew_normal")


def _table(distribution: Distribution, least: int, most: int, path: str) -> Float64:
    """Cumulative shares of least .. most, without the last, which is 1."""
    if most - least > WIDEST:
        message = f"{path}: lengths from {least} to {most} are more than a plan can hold"
        raise UsageError(message, path=path, hint=f"max below {WIDEST:,}", code="wrong_value")
    mass = _MASSES[distribution.type](distribution, least, most)
    total = np.cumsum(mass)
    if not total[-1] > 0:
        message = f"{path}: mean {distribution.mean:g} and std_dev {distribution.std_dev:g} leave nothing within bounds"
        raise UsageError(message, path=path, hint="min <= mean <= max", code="wrong_value")
    return np.asarray(total[:-1] / total[-1])


def _normal(distribution: Distribution, least: int, most: int) -> Float64:
    edges = (np.arange(least, most + 2) - 0.5 - distribution.mean) / distribution.std_dev
    return _between(np.asarray(edges, dtype=np.float64))


def _lognormal(distribution: Distribution, least: int, most: int) -> Float64:
    """`mean` and `std_dev` are the lengths' own, not those of their logarithms."""
    mean = max(distribution.mean, 1e-9)
    sigma = math.sqrt(math.log1p((distribution.std_dev / mean) ** 2))
    cells = np.asarray(np.arange(least, most + 2) - 0.5, dtype=np.float64)
    edges = (log(cells) - (math.log(mean) - sigma * sigma / 2)) / sigma
    return _between(edges)


def _between(edges: Float64) -> Float64:
    """Mass of the standard normal between neighbouring edges, each counted from its nearer tail."""
    low, high = edges[:-1], edges[1:]
    upper = low > 0
    tail = np.where(upper, -high, low), np.where(upper, -low, high)
    phi = [np.array([0.5 * math.erfc(-x * math.sqrt(0.5)) for x in side.tolist()]) for side in tail]
    return np.asarray(phi[1] - phi[0])


def _skew_normal(distribution: Distribution, least: int, most: int) -> Float64:
    """Azzalini's: density 2 phi(z) Phi(skew z), moved and scaled so that mean and std_dev are those given."""
    delta = distribution.skew / math.sqrt(1 + distribution.skew**2)
    scale = distribution.std_dev / math.sqrt(1 - 2 * delta * delta / math.pi)
    start = distribution.mean - scale * delta * math.sqrt(2 / math.pi)
    within = (np.arange(_CUTS) + 0.5) / _CUTS - 0.5
    mass = np.zeros(most - least + 1)
    for offset in within.tolist():
        z = (np.arange(least, most + 1) + offset - start) / scale
        phi = np.array([math.erfc(-x * distribution.skew * math.sqrt(0.5)) for x in z.tolist()])
        mass += exp(-0.5 * z * z) * phi
    return mass


def _poisson(distribution: Distribution, least: int, most: int) -> Float64:
    mean = max(distribution.mean, 1e-9)
    logs = np.array([i * math.log(mean) - math.lgamma(i + 1) for i in range(least, most + 1)])
    return np.asarray(exp(logs - logs.max()))


_MASSES: dict[str, Callable[[Distribution, int, int], Float64]] = {
    "normal": _normal,
    "lognormal": _lognormal,
    "skew_normal": _skew_normal,
    "poisson": _poisson,
}
