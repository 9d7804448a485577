"""The seeded order in which entries are used: every one once before any comes again, in another order each time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from orchestrator.datasets.port import Int64
from orchestrator.draws import Stream

_PASSES_WORDS = 1 << 20  # words drawn at a time, where many passes over few entries are ordered


class Order:
    """A pass is a permutation of `count` entries, a pure function of (seed, its number)."""

    def __init__(self, seed: int, count: int) -> None:
        self._stream = Stream(seed, "entries")
        self._count = count

    def passes(self, start: int, stop: int) -> Int64:
        """Passes start .. stop - 1, a row each."""
        words = self._stream.words(start * self._count, (stop - start) * self._count)
        return words.reshape(stop - start, self._count).argsort(axis=1, kind="stable")

    def spans(self, passes: Int64) -> Iterator[tuple[slice, int, Int64]]:
        """Ascending pass numbers, a few passes at a time: which of them, the first pass, and the orders from it on."""
        width = max(1, _PASSES_WORDS // self._count)
        edges = np.flatnonzero(np.diff(passes // width)) + 1
        for start, stop in zip([0, *edges.tolist()], [*edges.tolist(), passes.size]):
            first, last = int(passes[start]), int(passes[stop - 1])
            yield slice(start, stop), first, self.passes(first, last + 1)
