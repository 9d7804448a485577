from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.datasets.port import Requests
from orchestrator.plan.digest import WorkloadDigest
from orchestrator.plan.gather import Picker
from tests.orchestrator.plan.test_gather import made

REQUESTS = made([2, 1, 0, 3, 1, 2])
TIMES = np.arange(6, dtype=np.int64) * 1000
STAGES = np.array([0, 0, 0, 1, 1, 1], dtype=np.int32)
TEXTS: list[str | None] = ["a" * 64, None]


def digest(
    requests: Requests = REQUESTS,
    times: Any = TIMES,
    stages: Any = STAGES,
    texts: Any = TEXTS,
    models: Any = ("m",),
    users: Any = (None,),
) -> str:
    total = WorkloadDigest()
    total.add(times, stages, requests)
    return total.finish(texts, models, users)


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 6), max_size=4))
def test_how_requests_are_batched_leaves_no_trace(cuts: list[int]) -> None:
    total = WorkloadDigest()
    edges = [0, *sorted(cuts), 6]
    for start, stop in pairwise(edges):
        block = Picker(REQUESTS).rows(slice(start, stop))
        total.add(TIMES[start:stop], STAGES[start:stop], block)
    assert total.finish(TEXTS, ("m",), (None,)) == digest()


CHANGES: dict[str, dict[str, Any]] = {
    "a time": {"times": TIMES + (TIMES == 3000)},
    "a stage": {"stages": np.array([0, 0, 1, 1, 1, 1], dtype=np.int32)},
    "an output length": {"requests": replace(REQUESTS, output_tokens=REQUESTS.output_tokens + 1)},
    "a model": {"requests": replace(REQUESTS, model=REQUESTS.model + 1)},
    "a session": {"requests": replace(REQUESTS, session=np.arange(6) // 3)},
    "a piece's place": {"requests": replace(REQUESTS, start=REQUESTS.start + 1)},
    "a piece's length": {"requests": replace(REQUESTS, bytes=REQUESTS.bytes + 1)},
    "a piece's text": {"requests": replace(REQUESTS, text=REQUESTS.text + 1)},
    "a piece's role": {"requests": replace(REQUESTS, role=REQUESTS.role + np.uint8(1))},
    "whose piece it is": {"requests": replace(REQUESTS, offsets=np.array([0, 1, 3, 3, 6, 7, 9]))},
    "what a text holds": {"texts": ["b" * 64, None]},
    "a model's name": {"models": ("n",)},
    "the users of a closed loop": {"users": (8,)},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_asked_and_when_changes_it(change: dict[str, Any]) -> None:
    assert digest(**change) != digest()


def test_the_plans_count_of_prompt_tokens_does_not() -> None:
    assert digest(replace(REQUESTS, prompt_tokens=REQUESTS.prompt_tokens + 1)) == digest()
