"""The sine shape: rate + amplitude x sin(2 pi t / period). Its inverse has no formula and is found by iteration.

Whole cycles are taken off first, so that a stage of hours is solved as exactly as its first cycle.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from orchestrator.arithmetic import Float64, cos_turns, sin_turns

_GRID = 4096
_ROUNDS = 60  # bisection alone would reach the last bit of a grid cell in 53


class Sine:
    """amplitude <= rate, so that it never goes backwards."""

    def __init__(
        self, rate: Fraction, amplitude: Fraction, period_s: Fraction, duration_s: Fraction, label: str
    ) -> None:
        self.label = label
        self.duration_s = duration_s
        self.peak_rate = float(rate + amplitude)
        self._rate, self._amplitude, self._period_s = float(rate), float(amplitude), float(period_s)
        self._swing = self._amplitude * self._period_s / (2 * math.pi)
        self._cycle = self._rate * self._period_s  # arrivals due in a whole period
        whole = duration_s / period_s
        cycles, rest = divmod(whole, 1)
        within = float(self._due(np.array([float(rest)]))[0]) if rest else 0.0
        self.total = cycles * rate * period_s + Fraction(within)
        self._turns = np.linspace(0.0, 1.0, _GRID + 1)
        self._dues = self._due(self._turns)

    def rate(self, t: Float64) -> Float64:
        return self._rate + self._amplitude * sin_turns(t / self._period_s)

    def expected(self, t: Float64) -> Float64:
        turns = t / self._period_s
        cycles = np.floor(turns)
        return cycles * self._cycle + self._due(turns - cycles)

    def when(self, n: Float64) -> Float64:
        cycles = np.floor(n / self._cycle)
        turns = self._solve(n - cycles * self._cycle)
        return (cycles + turns) * self._period_s

    def _due(self, turns: Float64) -> Float64:
        """expected within one period."""
        return self._cycle * turns + self._swing * (1.0 - cos_turns(turns))

    def _solve(self, due: Float64) -> Float64:
        """turns in [0, 1] with _due(turns) = due: Newton's steps, halved where they leave what brackets the root."""
        cell = np.clip(np.searchsorted(self._dues, due, side="right") - 1, 0, _GRID - 1)
        low, high = self._turns[cell], self._turns[cell + 1]
        gained = self._dues[cell + 1] - self._dues[cell]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(gained > 0, (due - self._dues[cell]) / gained, 0.5)
        turns = low + np.clip(share, 0.0, 1.0) * (high - low)
        open_ = np.arange(due.size)
        for _ in range(_ROUNDS):
            at = turns[open_]
            error = self._due(at) - due[open_]
            high[open_] = np.where(error > 0, at, high[open_])
            low[open_] = np.where(error > 0, low[open_], at)
            slope = self._period_s * (self._rate + self._amplitude * sin_turns(at))
            with np.errstate(divide="ignore", invalid="ignore"):
                step = at - error / slope
            inside = (step >= low[open_]) & (step <= high[open_])
            following = np.where(inside, step, 0.5 * (low[open_] + high[open_]))
            turns[open_] = following
            open_ = open_[np.abs(following - at) > 1e-15]
            if not open_.size:
                break
        return turns
