from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.datasets.pieces import layer, requests, weave


@settings(deadline=None)
@given(masks=st.lists(st.tuples(st.just(True), st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_pieces_stand_by_request_then_by_layer(masks: list[tuple[bool, bool, bool]]) -> None:
    shown = np.array(masks)
    rows = np.arange(shown.shape[0], dtype=np.int64)
    woven = weave([layer(shown[:, j], j, 10 + j, 100 * j + rows, 5) for j in range(3)])
    expected = [(i, j) for i, row in enumerate(masks) for j, here in enumerate(row) if here]
    assert woven.role.tolist() == [j for _, j in expected]
    assert woven.text.tolist() == [10 + j for _, j in expected]
    assert woven.start.tolist() == [100 * j + i for i, j in expected]
    assert np.diff(woven.offsets).tolist() == [sum(row) for row in masks]


def test_no_requests_weave_to_no_pieces() -> None:
    none = np.empty(0, dtype=np.int64)
    woven = weave([layer(True, 1, 0, none, 4)])
    made = requests(none, none, woven)
    assert made.offsets.tolist() == [0] and made.role.size == 0 and made.model.size == 0


def test_columns_have_the_types_of_the_port() -> None:
    one = np.array([3], dtype=np.int64)
    made = requests(one, one, weave([layer(True, 1, 0, one, one)]))
    kinds = [
        column.dtype for column in (made.output_tokens, made.model, made.offsets, made.role, made.text, made.start)
    ]
    assert kinds == [np.int32, np.int32, np.int64, np.uint8, np.int32, np.int64] and made.bytes.dtype == np.int32
