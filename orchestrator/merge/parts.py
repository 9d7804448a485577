"""Record parts and workload parts as columns: the one file that reads Arrow.

A part counts only if its bytes are those the receipt lists. It knows columns and bytes, nothing of plans and ledgers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from function.contract import record, workload
from function.contract.codec import digest
from function.contract.receipt import Counts, Part
from orchestrator.metrics.requests import NEVER, UNKNOWN, Gaps, Int32, Int64

_GAPS = "token_gaps"
_PIECES = frozenset({"piece_role", "piece_text", "piece_start", "piece_bytes"})
_TYPES = {
    "int64": pa.int64(),
    "int32": pa.int32(),
    "utf8": pa.string(),
    "bool": pa.bool_(),
    "list<uint32>": pa.list_(pa.uint32()),
}
_RECORD_TYPES = {column.name: _TYPES[column.type] for column in record.COLUMNS if column.name != _GAPS}
_WORKLOAD_TYPES = {name: _TYPES[kind] for name, kind in workload.COLUMNS if name not in _PIECES}


class Damaged(Exception):
    """A part is not what was written, or cannot be read. The message says which."""


@dataclass(frozen=True, slots=True)
class InFlight:
    """Requests that were sent and had no row at a part's flush."""

    request_index: Int64
    stage: Int32
    scheduled_ns: Int64
    sent_ns: Int64


@dataclass(frozen=True, slots=True)
class PartTable:
    """One part: `rows` (an Arrow table of record.COLUMNS but the gaps), row i's `events[i]` gaps in ns row after row,
    and what was in flight when the part was flushed."""

    rows: pa.Table
    events: Int32
    gaps: Gaps
    in_flight: InFlight


def read_part(body: bytes, listed: Part) -> PartTable:
    """Raises Damaged when the bytes are not the ones `listed`, or make no part."""
    if digest(body) != listed.sha256:
        raise Damaged(f"{listed.key}: the digest of its {len(body)} bytes is not the receipt's")
    table = open_part(body, listed.key)
    if table.rows.num_rows != listed.rows:
        raise Damaged(f"{listed.key}: {table.rows.num_rows} rows, {listed.rows} in the receipt")
    return table


def open_part(body: bytes, key: str) -> PartTable:
    """Raises Damaged."""
    try:
        table = pa.ipc.open_file(pa.py_buffer(body)).read_all()
        listed = json.loads((table.schema.metadata or {}).get(record.IN_FLIGHT_KEY.encode(), b"[]"))
        in_flight = np.array(listed, np.int64).reshape(-1, 4)
        rows = _typed(table, _RECORD_TYPES)
        events, values = _gaps(table[_GAPS])
        foreign = set(pc.unique(rows["status"]).to_pylist()) - set(record.STATUSES)
        if foreign:
            raise ValueError(f"no such status: {foreign}")
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise Damaged(f"{key}: {error}") from error
    index, stage, scheduled, sent = (np.ascontiguousarray(column) for column in in_flight.T)
    return PartTable(rows, events, values, InFlight(index, stage.astype(np.int32), scheduled, sent))


def counts_of(tables: Iterable[PartTable]) -> Counts:
    """Rows by status, for the receipt of a shard that could not write its own."""
    totals: dict[str, int] = {}
    for table in tables:
        for entry in pc.value_counts(table.rows["status"]).to_pylist():
            totals[entry["values"]] = totals.get(entry["values"], 0) + entry["counts"]
    return Counts(**{name: totals.get(name, 0) for name in Counts.__struct_fields__})


def read_workload(body: bytes, key: str) -> pa.Table:
    """The planned requests of a shard, without their prompts. Raises Damaged."""
    try:
        source = pa.py_buffer(body)
        names = pa.ipc.open_file(source).schema.names
        fields = [names.index(name) for name in _WORKLOAD_TYPES]
        options = pa.ipc.IpcReadOptions(included_fields=fields)
        return _typed(pa.ipc.open_file(source, options=options).read_all(), _WORKLOAD_TYPES)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise Damaged(f"{key}: {error}") from error


def concat(tables: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables)


def times(table: pa.Table, name: str) -> Int64:
    """An int64 column, NEVER where it is null."""
    return _numbers(table[name], NEVER)


def counts(table: pa.Table, name: str) -> Int64:
    """An integer column, UNKNOWN where it is null."""
    return _numbers(table[name], UNKNOWN)


def flags(table: pa.Table, name: str) -> Int64:
    """A bool column as 0 and 1, UNKNOWN where it is null."""
    return _numbers(pc.cast(table[name], pa.int8()), UNKNOWN)


def words(table: pa.Table, name: str) -> tuple[Int32, list[str]]:
    """A string column as codes into its distinct words, UNKNOWN where it is null."""
    column = table[name].combine_chunks()
    encoded = column.dictionary_encode()
    return _numbers(encoded.indices, UNKNOWN).astype(np.int32), encoded.dictionary.to_pylist()


def texts(table: pa.Table, name: str, rows: Int64) -> list[str]:
    """The strings of some rows, "" for null."""
    return [text or "" for text in table[name].take(pa.array(rows)).to_pylist()]


def _gaps(column: pa.ChunkedArray) -> tuple[Int32, Gaps]:
    """ValueError when a gap goes on past its row's end."""
    lists = [chunk for chunk in column.chunks if len(chunk)]
    if not lists:
        return np.zeros(len(column), np.int32), np.empty(0, np.uint32)
    count = np.concatenate([np.diff(chunk.offsets.to_numpy()) for chunk in lists])
    values = np.concatenate([chunk.flatten().to_numpy() for chunk in lists])
    if not (values == record.GAP_MORE).any():
        return count.astype(np.int32), values.astype(np.uint32)
    return _folded(count, values)


def _folded(count: NDArray[Any], values: NDArray[Any]) -> tuple[Int32, Int64]:
    """With each GAP_MORE added to what follows it."""
    ends = values != record.GAP_MORE
    last = np.cumsum(count)[count > 0] - 1
    if not ends[last].all():
        raise ValueError("a token gap goes on past its row's end")
    firsts = np.concatenate(([0], np.flatnonzero(ends)[:-1] + 1))
    folded = np.add.reduceat(values.astype(np.int64), firsts)
    before = np.concatenate(([0], np.cumsum(ends)))
    offsets = np.concatenate(([0], np.cumsum(count)))
    return np.diff(before[offsets]).astype(np.int32), folded


def _numbers(column: Any, null: int) -> Int64:
    filled = pc.fill_null(column, null) if column.null_count else column
    numbers: Int64 = filled.to_numpy()
    return numbers


def _typed(table: pa.Table, types: dict[str, pa.DataType]) -> pa.Table:
    """Exactly these columns; more are left out, a missing or foreign one is an error."""
    chosen = table.select(list(types))
    wanted = pa.schema(list(types.items()))
    return chosen if chosen.schema.equals(wanted) else chosen.cast(wanted)
