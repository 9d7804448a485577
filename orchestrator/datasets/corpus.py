"""A dataset of entries that are asked as they stand, in a seeded order: every one once before any comes again.

What is asked again, by the same entry or by one of the same words, gets a number put before it, so that no prefix cache
answers it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from orchestrator.datasets.entry import Entry, Measure, OutputLengths, Use
from orchestrator.datasets.order import Order
from orchestrator.datasets.packing import Packed
from orchestrator.datasets.pieces import requests
from orchestrator.datasets.port import Int64, Requests


class Corpus:
    """`lengths` draws output lengths where an entry has none; `lead_tokens`: of each group put before a prompt."""

    def __init__(
        self,
        entries: Sequence[Entry],
        use: Use,
        measure: Measure,
        lengths: OutputLengths | None = None,
        lead_tokens: Int64 | None = None,
    ) -> None:
        self._order = Order(use.seed, len(entries))
        self._entries = len(entries)
        self._unique = use.unique
        self._lengths = lengths
        used = self._order.passes(0, 1)[0][: use.limit]
        self._place = np.full(len(entries), -1, dtype=np.int64)
        self._place[used] = np.arange(used.size)
        self._packed = Packed(measure([entries[index] for index in used.tolist()]), use.chat, lead_tokens)
        self.texts = self._packed.texts

    def draw(self, ks: Int64) -> Requests:
        places = self._place[self._entry(ks)]
        if places.size and places.min() < 0:
            raise ValueError("a k beyond the limit that the corpus was made for")
        again = ((ks >= self._entries) | self._packed.twin[places]) & self._unique
        output = self._packed.output_tokens(places)
        if self._lengths is not None and (output < 0).any():
            output = np.where(output < 0, self._lengths.draw(ks), output)
        prompt = self._packed.prompt_tokens(places, ks, again)
        return requests(output, prompt, self._packed.woven(places, ks, again))

    def opening(self, k: int) -> int:
        return k

    def _entry(self, ks: Int64) -> Int64:
        """Which entry each k asks."""
        entry = np.empty_like(ks)
        if not ks.size:
            return entry
        passes, at = ks // self._entries, ks % self._entries
        for here, first, orders in self._order.spans(passes):
            entry[here] = orders[passes[here] - first, at[here]]
        return entry
