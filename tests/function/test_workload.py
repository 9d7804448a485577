"""Arrivals out of workload parts that pyarrow wrote."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.arrival import Arrival, Piece
from function.contract.errors import ContractError
from function.contract.workload import BATCH_ROWS, CONTINUE
from function.fuse import Fuse
from function.ticker import Ticker
from function.workload import AHEAD, CHUNK_ROWS, Reuse, Supply
from tests.function.little_run import workload_part


def drain(supply: Supply, most: int = 1_000_000) -> list[Arrival]:
    """Everything, decoding whenever it is behind."""
    found: list[Arrival] = []
    while not supply.exhausted and len(found) < most:
        arrival = supply.next()
        if arrival is None:
            supply.step()
        else:
            found.append(arrival)
    return found


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3 * CHUNK_ROWS) | st.sampled_from([BATCH_ROWS, BATCH_ROWS + 1]), st.integers(0, 10**12))
def test_every_row_becomes_one_arrival_in_order(count: int, phase_ns: int) -> None:
    supply = Supply(workload_part([10 * i for i in range(count)]))
    supply.phase_ns = phase_ns
    arrivals = drain(supply)
    assert [arrival.request_index for arrival in arrivals] == list(range(count))
    assert [arrival.row for arrival in arrivals] == list(range(count))
    assert [arrival.scheduled_ns for arrival in arrivals] == [phase_ns + 10 * i for i in range(count)]
    assert all(arrival.eligible_ns == arrival.scheduled_ns for arrival in arrivals)


def test_columns_become_fields_and_absent_ones_none() -> None:
    body = workload_part(
        [5, 6],
        [7, 9],
        stage=[1, 2],
        output_tokens=[-1, 0],
        model=[0, 3],
        session=["s", None],
        piece_role=[[0, CONTINUE], []],
        piece_text=[[0, 4], []],
        piece_start=[[2**40, 1], []],
        piece_bytes=[[3, 2**30], []],
    )
    first, second = drain(Supply(body))
    assert first == Arrival(7, 0, 1, 5, 5, None, 0, "s", (Piece(0, 0, 2**40, 3), Piece(CONTINUE, 4, 1, 2**30)))
    assert second == Arrival(9, 1, 2, 6, 6, 0, 3, None, ())


def test_no_more_than_so_many_chunks_lie_decoded() -> None:
    supply = Supply(workload_part(range(AHEAD * CHUNK_ROWS * 2)))
    waits = [supply.step() for _ in range(AHEAD + 3)]
    assert waits[:AHEAD] == [0.0] * AHEAD
    assert all(wait is not None and wait > 0 for wait in waits[AHEAD:])
    assert supply.next() is not None
    assert supply.step() == 0.0


def test_behind_is_not_the_end() -> None:
    supply = Supply(workload_part([1]))
    assert supply.next() is None and not supply.exhausted
    supply.step()
    assert supply.next() is not None and not supply.exhausted, "only the thread knows that there is no more"
    supply.step()
    assert supply.next() is None and supply.exhausted


@given(
    rows=st.integers(1, 2 * CHUNK_ROWS),
    stride=st.integers(1, 5),
    first=st.integers(0, 50),
    more=st.integers(0, 300),
    next_index_is_first=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_rows_used_again_get_the_next_unused_indices_of_the_block(
    rows: int, stride: int, first: int, more: int, next_index_is_first: bool
) -> None:
    """Whether the spec says where the block begins or where the rows end."""
    indices = [first + stride * i for i in range(rows)]
    limit = indices[-1] + 1 + stride * more
    next_index = first if next_index_is_first else indices[-1] + stride
    arrivals = drain(Supply(workload_part([0] * rows, indices), Reuse(next_index, stride, limit)))
    assert [arrival.request_index for arrival in arrivals] == [first + stride * i for i in range(rows + more)]
    assert [arrival.row for arrival in arrivals] == [i % rows for i in range(rows + more)]


def test_an_empty_part_is_not_used_again_for_ever() -> None:
    assert drain(Supply(workload_part([]), Reuse(0, 1, 100))) == []


def test_a_thread_decodes_ahead() -> None:
    supply, fuse = Supply(workload_part(range(5000))), Fuse()
    supply.start(Ticker, fuse)
    found = []
    while not supply.exhausted:
        fuse.check()
        arrival = supply.next()
        if arrival is not None:
            found.append(arrival.request_index)
    supply.stop()
    assert found == list(range(5000))


@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_a_part_that_cannot_be_read_is_a_contract_error(damage: str) -> None:
    body = {"cut": workload_part([1, 2])[:-40], "empty": b"", "text": b"no arrow"}[damage]
    with pytest.raises(ContractError, match="workload part"):
        drain(Supply(body))
