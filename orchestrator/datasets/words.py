"""Words that are one token each, at the start of a text and behind a space: n of them are a prompt of exactly n tokens.

Found by asking the tokenizer, so nothing is assumed about its kind. Without enough of them there are no words, and the
prompts have to be converged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from orchestrator.datasets.port import Int64

CANDIDATES = 8192
MOST = 4096
FEWEST = 128
LETTERS = list("abcdefghijklmnopqrstuvwxyz")  # one token wherever anything is
_TIMES = 3


class Vocabulary(Protocol):
    def words(self) -> list[str]: ...

    def count(self, texts: Sequence[str]) -> Int64: ...


def single_tokens(tokenizer: Vocabulary) -> list[str]:
    """At most MOST, the commonest first; [] where fewer than FEWEST are found."""
    candidates = tokenizer.words()[:CANDIDATES]
    counts = tokenizer.count([" ".join([word] * _TIMES) for word in candidates])
    found = [word for word, count in zip(candidates, counts.tolist()) if count == _TIMES][:MOST]
    return found if len(found) >= FEWEST else []


def invented() -> list[str]:
    """Words of two syllables, for tokenizers without words of their own."""
    syllables = [consonant + vowel for consonant in "bdfklmnprstvz" for vowel in "aeiou"]
    return [first + second for first in syllables for second in syllables[::11]]
