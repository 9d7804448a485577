"""Parts that pyarrow reads without our code, and gaps that give back every token's time."""

from __future__ import annotations

import io
from array import array

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.arrival import InFlight, Row
from function.contract.record import COLUMNS, GAP_MORE
from function.parts import BATCH_GAPS, BATCH_ROWS, Rows, encode_part, token_gaps

TYPES = {
    "int64": pa.int64(),
    "int32": pa.int32(),
    "utf8": pa.utf8(),
    "bool": pa.bool_(),
    "list<uint32>": pa.list_(pa.field("item", pa.uint32(), nullable=False)),
}


def row(index: int, sent_ns: int | None = 100, token_ns: tuple[int, ...] = (), **fields: object) -> Row:
    return Row(index, index, 0, 50, 50, "ok", sent_ns=sent_ns, token_ns=token_ns, **fields)  # type: ignore[arg-type]


def rows_of(rows: list[Row], in_flight: tuple[InFlight, ...] = ()) -> Rows:
    gathered = Rows.empty()
    for one in rows:
        gathered.add(one)
    gathered.in_flight = in_flight
    return gathered


def read(body: bytes) -> pa.Table:
    return pa.ipc.open_file(pa.BufferReader(body)).read_all()


def absolute(sent_ns: int, gaps: list[int]) -> list[int]:
    """As a reader does it."""
    times, at = [], sent_ns
    for gap in gaps:
        at += gap
        if gap != GAP_MORE:
            times.append(at)
    return times


def test_columns_names_types_and_nullability_are_the_contracts() -> None:
    table = read(encode_part(rows_of([row(1)]), "0-0-0", 0))
    assert table.schema.names == [column.name for column in COLUMNS]
    for column in COLUMNS:
        field = table.schema.field(column.name)
        assert field.type == TYPES[column.type], column
        assert field.nullable == column.nullable, column


def test_every_field_comes_back() -> None:
    full = Row(
        request_index=2**40,
        row=3,
        stage=1,
        scheduled_ns=-5,
        eligible_ns=6,
        status="timed_out",
        sent_ns=7,
        first_byte_ns=8,
        first_token_ns=9,
        first_content_token_ns=10,
        last_token_ns=11,
        end_ns=12,
        http_status=200,
        error_kind="idle_timeout",
        error_message="überaus \u2028 träge",
        prompt_tokens=13,
        output_tokens=14,
        cached_tokens=15,
        reasoning_tokens=16,
        request_bytes=17,
        response_bytes=18,
        connection_reused=False,
        connect_ns=19,
        events=20,
        malformed_events=0,
        finish_reason="length",
        asked_tokens=21,
        session_id="s",
        model="m",
        output_text="text",
        token_ns=(9, 11),
    )
    bare = Row(5, 5, 0, None, None, "missed")
    table = read(encode_part(rows_of([full, bare]), "0-0-0", 0))
    first, second = table.to_pylist()
    assert first.pop("token_gaps") == [2, 2]
    assert first == {column.name: getattr(full, column.name) for column in COLUMNS if column.name != "token_gaps"}
    assert second.pop("token_gaps") == []
    assert second == {column.name: getattr(bare, column.name) for column in COLUMNS if column.name != "token_gaps"}


def test_metadata_names_the_writer_and_what_is_in_flight() -> None:
    flying = (InFlight(7, 1, 100, 105), InFlight(9, 2, 200, 201))
    metadata = read(encode_part(rows_of([], flying), "1-2-3", 4)).schema.metadata
    assert metadata[b"benchctl.shard"] == b"1-2-3"
    assert metadata[b"benchctl.attempt"] == b"4"
    assert msgspec.json.decode(metadata[b"benchctl.in_flight"]) == [[7, 1, 100, 105], [9, 2, 200, 201]]


def test_a_part_without_rows_is_a_part() -> None:
    table = read(encode_part(Rows.empty(), "0-0-0", 0))
    assert table.num_rows == 0
    assert table.schema.metadata[b"benchctl.in_flight"] == b"[]"


def test_it_is_compressed_and_cut_into_batches() -> None:
    tokens = tuple(range(200, 200 + 128 * 10, 10))
    body = encode_part(rows_of([row(i, token_ns=tokens) for i in range(2000)]), "0-0-0", 0)
    reader = pa.ipc.open_file(pa.BufferReader(body))
    assert reader.num_record_batches > 4
    for number in range(reader.num_record_batches):
        batch = reader.get_batch(number)
        assert batch.num_rows <= BATCH_ROWS
        assert len(batch.column("token_gaps").flatten()) <= BATCH_GAPS + 128
    table = reader.read_all()
    assert table.column("request_index").to_pylist() == list(range(2000))
    assert set(map(tuple, table.column("token_gaps").to_pylist())) == {(100, *[10] * 127)}
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    assert len(body) < len(sink.getvalue()) / 10


TIMES = st.lists(st.integers(0, 40 * 10**9) | st.sampled_from([0, GAP_MORE - 1, GAP_MORE, GAP_MORE + 1, 3 * GAP_MORE]))


@given(st.integers(-(10**12), 10**12), TIMES)
def test_gaps_give_back_the_times(sent_ns: int, gaps: list[int]) -> None:
    token_ns, at = [], sent_ns
    for gap in gaps:
        at += gap
        token_ns.append(at)
    stored = token_gaps(sent_ns, tuple(token_ns)).tolist()
    assert absolute(sent_ns, stored) == token_ns
    assert all(0 <= gap <= GAP_MORE for gap in stored)


def test_planted_without_the_escape_long_gaps_would_not_come_back() -> None:
    with pytest.raises(OverflowError):
        array("I", [GAP_MORE + 1])
    assert absolute(0, [GAP_MORE]) != [GAP_MORE], "stored as it is, the largest gap would read as an escape"
    assert token_gaps(0, (GAP_MORE,)).tolist() == [GAP_MORE, 0]


def test_what_a_server_says_and_no_column_holds_costs_no_part() -> None:
    odd = row(1, error_message="\ud800 and \U0001f600", output_tokens=10**30, http_status=2**31, prompt_tokens=-(2**63))
    table = read(encode_part(rows_of([row(0, error_message="plain"), odd]), "0-0-0", 0))
    assert table.column("error_message").to_pylist() == ["plain", "? and \U0001f600"]
    assert table.column("output_tokens").to_pylist() == [None, None]
    assert table.column("http_status").to_pylist() == [None, None]
    assert table.column("prompt_tokens").to_pylist() == [None, -(2**63)]


def test_times_that_run_backwards_do_not_move_later_ones() -> None:
    assert absolute(100, token_gaps(100, (90, 150, 140, 200)).tolist()) == [100, 150, 150, 200]
    assert token_gaps(None, (5, 8)).tolist() == [0, 3]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2**33), max_size=5), max_size=60))
def test_rows_keep_their_own_gaps(gaps: list[list[int]]) -> None:
    rows = []
    for index, own in enumerate(gaps):
        at, token_ns = 100, []
        for gap in own:
            at += gap
            token_ns.append(at)
        rows.append(row(index, token_ns=tuple(token_ns)))
    table = read(encode_part(rows_of(rows), "0-0-0", 0))
    found = [absolute(100, one) for one in table.column("token_gaps").to_pylist()]
    assert found == [list(one.token_ns) for one in rows]
