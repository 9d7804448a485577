from __future__ import annotations

import numpy as np
import pytest

from orchestrator.datasets.mock import Mock
from tests.orchestrator.datasets.drawn import ask, prompts


@pytest.mark.parametrize("k", [0, 7, 9999, 10_000, 10_001, 123_456, 99_999_999, 100_000_000, 123_400_005_678])
def test_prompts_count(k: int) -> None:
    assert ask(Mock(), [k]) == [[("user", f"1 2 3 {k}")]]


def test_thirty_tokens_are_asked_and_prompts_are_not_counted() -> None:
    drawn = Mock().draw(np.arange(3))
    assert drawn.output_tokens.tolist() == [30] * 3 and drawn.prompt_tokens.tolist() == [-1] * 3


def test_a_small_run_has_a_small_text() -> None:
    small = Mock(limit=20)
    assert len(small.texts[0]) == 10 * 7 + 10 * 8 and prompts(small, range(20)) == prompts(Mock(), range(20))


def test_asked_to_be_alike_all_prompts_are() -> None:
    assert set(prompts(Mock(unique=False, limit=5), range(5))) == {"1 2 3 0"}
