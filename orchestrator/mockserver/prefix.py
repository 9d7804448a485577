"""The prefix cache: which whole blocks of a prompt's words were seen before, oldest forgotten first.

A block is known by the chain of everything before it, as in vLLM, so only a common beginning counts. The last word of a
prompt is never taken from the cache, since at least one must be computed to give a token.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence


class PrefixCache:
    """At most `blocks` blocks of `block_words` words each."""

    __slots__ = ("_block_words", "_blocks", "_seen")

    def __init__(self, block_words: int, blocks: int) -> None:
        self._block_words, self._blocks = block_words, blocks
        self._seen: OrderedDict[int, None] = OrderedDict()

    def take(self, words: Sequence[str]) -> int:
        """Words of this prompt served from the cache; its blocks are in the cache from now on."""
        chains = list(self._chains(words))
        hits = next((i for i, chain in enumerate(chains) if chain not in self._seen), len(chains))
        # A chain is forgotten from its end: its beginning is what others may share.
        for chain in reversed(chains):
            self._seen[chain] = None
            self._seen.move_to_end(chain)
        while len(self._seen) > self._blocks:
            self._seen.popitem(last=False)
        return min(hits * self._block_words, max(0, len(words) - 1))

    def _chains(self, words: Sequence[str]) -> Iterator[int]:
        chain, size = 0, self._block_words
        for start in range(0, len(words) - size + 1, size):
            chain = hash((chain, *words[start : start + size]))
            yield chain
