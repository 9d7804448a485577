from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.datasets.port import Requests
from orchestrator.plan.gather import Picker, concatenate

counts = st.lists(st.integers(0, 3), min_size=1, max_size=20)


def made(pieces: list[int], sessions: bool = False, first: int = 0) -> Requests:
    """Request i has pieces[i] pieces, each marked with i."""
    rows = np.arange(first, first + len(pieces))
    marks = np.repeat(rows, pieces)
    return Requests(
        output_tokens=rows.astype(np.int32),
        prompt_tokens=(rows + 100).astype(np.int32),
        model=np.zeros(rows.size, dtype=np.int32),
        session=rows // 2 if sessions else None,
        offsets=np.concatenate(([0], np.cumsum(pieces))).astype(np.int64),
        role=marks.astype(np.uint8),
        text=(marks + 1).astype(np.int32),
        start=(marks + 2).astype(np.int64),
        bytes=(marks + 3).astype(np.int32),
    )


def rows_of(requests: Requests) -> list[tuple[object, ...]]:
    session = [None] * requests.output_tokens.size if requests.session is None else requests.session.tolist()
    return [
        (
            int(requests.output_tokens[i]),
            session[i],
            requests.role[a:b].tolist(),
            requests.text[a:b].tolist(),
            requests.start[a:b].tolist(),
            requests.bytes[a:b].tolist(),
        )
        for i, (a, b) in enumerate(zip(requests.offsets[:-1], requests.offsets[1:]))
    ]


@settings(deadline=None)
@given(pieces=counts, first=st.integers(0, 5), step=st.integers(1, 5), sessions=st.booleans())
def test_picked_rows_are_the_rows(pieces: list[int], first: int, step: int, sessions: bool) -> None:
    whole = made(pieces, sessions)
    within = slice(first, max(len(pieces), first), step)
    assert rows_of(Picker(whole).rows(within)) == rows_of(whole)[within]
    numbers = np.arange(len(pieces))[within]
    assert rows_of(Picker(whole).rows(numbers)) == rows_of(whole)[within]


@settings(deadline=None)
@given(width=st.integers(1, 3), rows=st.integers(1, 20), step=st.integers(1, 5))
def test_rows_of_one_width_are_picked_as_a_matrix(width: int, rows: int, step: int) -> None:
    whole = made([width] * rows)
    assert rows_of(Picker(whole).rows(slice(0, rows, step))) == rows_of(whole)[::step]


@settings(deadline=None)
@given(left=counts, right=counts, sessions=st.booleans())
def test_blocks_joined_are_one(left: list[int], right: list[int], sessions: bool) -> None:
    joined = concatenate([made(left, sessions), made(right, sessions, len(left))])
    assert rows_of(joined) == rows_of(made(left + right, sessions))
