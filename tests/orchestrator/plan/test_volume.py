"""What requests carry is counted block by block, and what is not known adds nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.datasets.opening import open_dataset
from orchestrator.plan.volume import Volume
from tests.orchestrator.plan.planned import CONVERSATIONS, TOKENIZER, config


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_blocks_add_up_to_the_whole(sizes: list[int]) -> None:
    asked = config({"stages": [{"rate": 1, "duration": 200}]})
    dataset = open_dataset(asked, 7, 200, None)
    parts, first = Volume(), 0
    for size in sizes:
        parts = parts.plus(dataset.draw(np.arange(first, first + size, dtype=np.int64)))
        first += size
    assert parts == Volume().plus(dataset.draw(np.arange(first, dtype=np.int64)))
    assert parts.rows == first and parts.prompt_bytes > 0


def test_uncounted_tokens_add_nothing() -> None:
    assert CONVERSATIONS and TOKENIZER
    asked = config({"stages": [{"rate": 1, "duration": 10}]})
    block = open_dataset(asked, 7, 10, None).draw(np.arange(10, dtype=np.int64))
    unknown = Volume().plus(
        type(block)(**{name: getattr(block, name) for name in block.__slots__} | {"prompt_tokens": np.full(10, -1)})
    )
    assert unknown.prompt_tokens == 0
