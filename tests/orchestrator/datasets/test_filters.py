from __future__ import annotations

from collections import Counter

from orchestrator.config.distribution import Distribution
from orchestrator.datasets.entry import Entry
from orchestrator.datasets.filters import Bounds, within
from orchestrator.datasets.turns import Turn


def entry(prompt_tokens: int, output_tokens: int, answer: str | None = "a") -> Entry:
    return Entry((Turn("user", "x" * 40),), answer, output_tokens, prompt_tokens)


def test_entries_outside_are_counted_by_which_side() -> None:
    tally: Counter[str] = Counter()
    bounds = Bounds(10, 20), Bounds(5, 6)
    entries = [entry(10, 5), entry(20, 6), entry(9, 5), entry(21, 5), entry(15, 4), entry(15, 7), entry(9, 4)]
    assert within(entries, *bounds, tally) == entries[:2]
    assert tally == {"prompt_too_short": 2, "prompt_too_long": 1, "output_too_short": 1, "output_too_long": 1}


def test_without_a_bound_or_an_answer_nothing_is_asked() -> None:
    tally: Counter[str] = Counter()
    assert len(within([entry(1, 1), entry(1, 999, None)], None, Bounds(1, 5), tally)) == 2
    assert not tally and Bounds.of(None) is None
    assert Bounds.of(Distribution(min=3, max=600)) == Bounds(3, 600)


def test_a_prompt_that_was_not_counted_is_estimated() -> None:
    tally: Counter[str] = Counter()
    assert within([entry(-1, 1)], Bounds(10, 10), None, tally) and not tally  # 40 bytes
