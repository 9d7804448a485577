"""A part: rows as an Arrow IPC file (zstd) with the columns of contract.record, that any Arrow reader opens.

Encoding is done outside the event loop, and in batches of few rows: arro3 holds the interpreter while it compresses
one, and a whole part at once (6 ms for 1,500 rows of 128 tokens) would make the loop late.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from operator import attrgetter, sub
from typing import Any

import msgspec
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema, list_array
from arro3.io import write_ipc

from function.arrival import InFlight, Row
from function.contract.record import ATTEMPT_KEY, COLUMNS, GAP_MORE, IN_FLIGHT_KEY, SHARD_KEY

BATCH_ROWS = 1024
BATCH_GAPS = 32_768  # gaps of one batch, roughly: 250 rows of 128 tokens are compressed in 0.6 ms

_GAPS = "token_gaps"
_VALUES = attrgetter(*(column.name for column in COLUMNS if column.name != _GAPS))
_TYPES = {
    "int64": DataType.int64(),
    "int32": DataType.int32(),
    "utf8": DataType.utf8(),
    "bool": DataType.bool(),
    "list<uint32>": DataType.list(Field("item", DataType.uint32(), nullable=False)),
}
_FIELDS = [Field(column.name, _TYPES[column.type], nullable=column.nullable) for column in COLUMNS]


@dataclass(slots=True)
class Rows:
    """What one part will hold: a tuple a row (all columns but the gaps), and the gaps of all rows in a row."""

    values: list[tuple[Any, ...]]
    gaps: array[int]
    ends: array[int]  # ends[i]: where the gaps of row i end
    in_flight: Sequence[InFlight] = ()

    @classmethod
    def empty(cls) -> Rows:
        return cls([], array("I"), array("q"))

    def add(self, row: Row) -> None:
        self.values.append(_VALUES(row))
        if row.token_ns:
            self.gaps.extend(token_gaps(row.sent_ns, row.token_ns))
        self.ends.append(len(self.gaps))


def token_gaps(sent_ns: int | None, token_ns: tuple[int, ...]) -> array[int]:
    """Gaps in ns: first token - sent, then token to token; GAP_MORE stands for itself plus what follows.

    A time before the one it follows (or before `sent`) gives gap 0, and later gaps count from the later of the two.
    """
    before = (token_ns[0] if sent_ns is None else sent_ns, *token_ns[:-1])
    try:
        gaps = array("I", map(sub, token_ns, before))
    except OverflowError:
        return _odd_gaps(before[0], token_ns)
    return gaps if GAP_MORE not in gaps else _odd_gaps(before[0], token_ns)


def _odd_gaps(latest_ns: int, token_ns: tuple[int, ...]) -> array[int]:
    gaps = array("I")
    for token in token_ns:
        gap = max(0, token - latest_ns)
        latest_ns = max(latest_ns, token)
        while gap >= GAP_MORE:
            gaps.append(GAP_MORE)
            gap -= GAP_MORE
        gaps.append(gap)
    return gaps


def encode_part(rows: Rows, shard: str, attempt: int) -> bytes:
    """The bytes of the file. A part without rows still names what is in flight."""
    metadata = {
        IN_FLIGHT_KEY: msgspec.json.encode(rows.in_flight).decode(),
        SHARD_KEY: shard,
        ATTEMPT_KEY: str(attempt),
    }
    schema = Schema(_FIELDS).with_metadata(metadata)
    batches = [_batch(rows, start, stop, schema) for start, stop in _cuts(rows.ends)]
    out = _Out()
    write_ipc(RecordBatchReader.from_batches(schema, batches), out, compression="zstd")
    return out.getvalue()


class _Out(BytesIO):
    """Written to through Python code, so that the interpreter can change threads between batches."""

    def write(self, data: Any) -> int:
        return super().write(data)


def _cuts(ends: array[int]) -> list[tuple[int, int]]:
    """Row ranges that make the batches; one empty range when there are no rows."""
    cuts, start, began = [], 0, 0
    for row, end in enumerate(ends):
        if row - start + 1 >= BATCH_ROWS or end - began >= BATCH_GAPS:
            cuts.append((start, row + 1))
            start, began = row + 1, end
    if start < len(ends) or not cuts:
        cuts.append((start, len(ends)))
    return cuts


def _batch(rows: Rows, start: int, stop: int, schema: Schema) -> RecordBatch:
    first = rows.ends[start - 1] if start else 0
    offsets = array("i", [0, *(end - first for end in rows.ends[start:stop])])
    gaps = rows.gaps[first : first + offsets[-1]]
    columns: list[Sequence[Any]] = list(zip(*rows.values[start:stop])) or [()] * (len(COLUMNS) - 1)
    arrays: list[Array] = []
    for column in COLUMNS:
        if column.name == _GAPS:
            values = Array.from_buffer(gaps) if gaps else Array([], type=DataType.uint32())
            arrays.append(list_array(Array.from_buffer(offsets), values, type=_TYPES[column.type]))
        else:
            arrays.append(_array(columns[len(arrays)], column.type))
    return RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: Sequence[Any], kind: str) -> Array:
    try:
        return Array(values, type=_TYPES[kind])
    except (UnicodeEncodeError, OverflowError):  # a server may say what no column holds; that must not cost the part
        return Array([_held(value, 31 if kind == "int32" else 63) for value in values], type=_TYPES[kind])


def _held(value: Any, bits: int) -> Any:
    """Lone surrogates become `?`, numbers past the column's range null."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not -(1 << bits) <= value < 1 << bits:
        return None
    return value
