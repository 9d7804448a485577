from __future__ import annotations

import hashlib
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.contract.receipt import Part
from function.contract.record import GAP_MORE, STATUSES
from orchestrator.merge.parts import (
    Damaged,
    counts,
    counts_of,
    flags,
    open_part,
    read_part,
    read_workload,
    times,
    words,
)
from orchestrator.metrics.requests import NEVER, UNKNOWN
from tests.emulators.stored_run import MS, RECORD_SCHEMA, Row, Truth, encode_part, ipc

KEY = "records/0-0-0.0/part-00000.arrow"


def rows(number: int = 3) -> list[dict[str, object]]:
    truth = Truth()
    return [truth.row(k).columns(k) for k in range(number)]


def part(body: bytes, number: int) -> Part:
    return Part(KEY, number, len(body), hashlib.sha256(body).hexdigest())


def test_a_part_is_read_back() -> None:
    body = encode_part(rows(), [[7, 0, 100, 200]], "0-0-0", 0)
    found = read_part(body, part(body, 3))
    assert times(found.rows, "request_index").tolist() == [0, 1, 2]
    assert counts(found.rows, "http_status").tolist() == [200] * 3
    assert flags(found.rows, "connection_reused").tolist() == [1, 1, 1]
    assert words(found.rows, "status")[1] == ["ok"]
    assert found.events.tolist() == [8, 8, 8]
    assert found.gaps.reshape(3, 8)[:, 1:].tolist() == [[10 * MS] * 7] * 3
    assert (found.in_flight.request_index.tolist(), found.in_flight.sent_ns.tolist()) == ([7], [200])


def test_nulls_are_never_and_unknown() -> None:
    body = encode_part([Row(0, 0, 5, status="missed", error_kind="late").columns(0)], [], "0-0-0", 0)
    table = open_part(body, KEY).rows
    assert times(table, "sent_ns").tolist() == [NEVER]
    assert counts(table, "http_status").tolist() == [UNKNOWN]
    assert flags(table, "connection_reused").tolist() == [UNKNOWN]
    assert words(table, "error_message")[0].tolist() == [UNKNOWN]


def test_a_part_without_rows() -> None:
    found = open_part(encode_part([], [[1, 0, 2, 3]], "0-0-0", 0), KEY)
    assert found.rows.num_rows == 0
    assert found.events.size == found.gaps.size == 0
    assert words(found.rows, "status")[1] == []
    assert counts_of([found]).ok == 0


gaps = st.lists(st.integers(0, 3 * GAP_MORE), max_size=5)


@given(st.lists(gaps, min_size=1, max_size=6))
@settings(max_examples=100)
def test_long_gaps_are_put_together_again(each: list[list[int]]) -> None:
    made = []
    for k, own in enumerate(each):
        row = Row(k, 0, 0, 0, np.cumsum(own, dtype=np.int64).tolist())
        made.append(row.columns(k))
    found = open_part(encode_part(made, [], "0-0-0", 0), KEY)
    assert found.events.tolist() == [len(own) for own in each]
    assert found.gaps.tolist() == [gap for own in each for gap in own]


def test_several_batches_in_one_part() -> None:
    table = pa.Table.from_pylist(
        [{column: row.get(column) for column in RECORD_SCHEMA.names} for row in rows(5)], RECORD_SCHEMA
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    found = open_part(sink.getvalue().to_pybytes(), KEY)
    assert found.events.tolist() == [8] * 5
    assert found.gaps.size == 40


def test_any_flipped_byte_is_damage() -> None:
    body = encode_part(rows(50), [], "0-0-0", 0)
    listed = part(body, 50)
    drawn = random.Random(5)
    for _ in range(60):
        hurt = bytearray(body)
        hurt[drawn.randrange(len(body))] ^= 1 << drawn.randrange(8)
        with pytest.raises(Damaged):
            read_part(bytes(hurt), listed)


def test_unreadable_bytes_are_damage_whatever_they_are() -> None:
    """With a digest that fits: a part that was stored broken."""
    body = encode_part(rows(50), [], "0-0-0", 0)
    drawn = random.Random(6)
    survived = 0
    for _ in range(200):
        hurt = bytearray(body)
        hurt[drawn.randrange(len(body))] ^= 0xFF
        try:
            open_part(bytes(hurt), KEY)
            survived += 1
        except Damaged:
            pass
    for length in (0, 1, 7, 100, len(body) // 2, len(body) - 1):
        with pytest.raises(Damaged):
            open_part(body[:length], KEY)
    assert survived < 200


def foreign(**columns: pa.Array) -> bytes:
    table = pa.Table.from_pylist(
        [{name: row.get(name) for name in RECORD_SCHEMA.names} for row in rows(1)], RECORD_SCHEMA
    )
    for name, values in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    return ipc(table)


def test_what_is_no_record_is_damage() -> None:
    with pytest.raises(Damaged, match="status"):
        open_part(foreign(status=pa.array(["great"])), KEY)
    with pytest.raises(Damaged):
        open_part(foreign(sent_ns=pa.array(["soon"])), KEY)
    with pytest.raises(Damaged):
        open_part(ipc(pa.table({"request_index": [1]})), KEY)
    with pytest.raises(Damaged):
        open_part(foreign(token_gaps=pa.array([[GAP_MORE]], pa.list_(pa.uint32()))), KEY)


def test_rows_that_the_receipt_does_not_list_are_damage() -> None:
    body = encode_part(rows(3), [], "0-0-0", 0)
    with pytest.raises(Damaged, match="3 rows, 4 in the receipt"):
        read_part(body, part(body, 4))


def test_statuses_are_counted_for_the_receipt() -> None:
    truth = Truth()
    truth.fail(truth.row(0))
    truth.miss(truth.row(1))
    some = [truth.row(k).columns(k) for k in range(4)]
    found = counts_of([open_part(encode_part(some, [], "0-0-0", 0), KEY)])
    assert (found.ok, found.failed, found.missed, found.timed_out, found.aborted) == (2, 1, 1, 0, 0)
    assert "lost" in STATUSES


def test_a_workload_part_without_its_prompts() -> None:
    truth = Truth(lanes=1)
    table = read_workload(truth._workload("0-0-0"), "workload/0-0-0.arrow")
    assert table.num_rows == 200
    assert "piece_text" not in table.column_names
    with pytest.raises(Damaged, match="workload/x"):
        read_workload(b"nonsense", "workload/x")
