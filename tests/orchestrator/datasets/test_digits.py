from __future__ import annotations

import numpy as np
import pytest

from function.contract.workload import CONTINUE
from orchestrator.datasets.digits import lead, lead_text, padded
from orchestrator.datasets.pieces import weave


@pytest.mark.parametrize(
    ("k", "text"),
    [(0, "0000 0000 "), (123456, "3456 0012 "), (10**8 - 1, "9999 9999 "), (10**8 + 5, "0005 0000 0001 ")],
)
def test_a_lead_is_the_number_in_groups_of_four_the_low_one_first(k: int, text: str) -> None:
    woven = weave(lead(np.array([k]), np.array([True]), np.array([1], dtype=np.uint8), 3))
    body = lead_text()
    said = b"".join(body[start : start + size] for start, size in zip(woven.start.tolist(), woven.bytes.tolist()))
    assert said.decode() == text
    assert woven.role.tolist() == [1] + [CONTINUE] * (woven.role.size - 1) and set(woven.text.tolist()) == {3}


def test_a_padded_group_is_at_four_times_itself() -> None:
    assert padded()[4 * 123 : 4 * 123 + 4] == b"0123" and len(padded()) == 40_000
