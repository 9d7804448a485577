"""Which known word somebody meant. Pure string work; knows no key of its own."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

_CLEAR, _LIKELY = 0.8, 0.6


def _plain(word: str) -> str:
    return "".join(character for character in word.lower() if character.isalnum())


def likeness(word: str, other: str) -> float:
    """1 for the same letters, whatever case and separators; at least 0.8 where one contains the other; else by edit."""
    a, b = _plain(word), _plain(other)
    if a == b:
        return 1.0
    ratio = SequenceMatcher(None, a, b, autojunk=False).ratio()
    contained = min(len(a), len(b)) >= 3 and (a in b or b in a)
    return max(ratio, _CLEAR + ratio / 10) if contained else ratio


def nearest(word: str, candidates: Iterable[str], at_least: float = _LIKELY) -> str | None:
    """The most alike candidate, the first of equals; None when nothing comes close."""
    best, score = None, 0.0
    for candidate in candidates:
        current = likeness(word, candidate)
        if current > score:
            best, score = candidate, current
    return best if score >= at_least else None


def clearly(word: str, candidates: Iterable[str]) -> str | None:
    """As `nearest`, but only what is beyond reasonable doubt."""
    return nearest(word, candidates, _CLEAR)
