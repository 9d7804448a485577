"""requests.parquet: one row per planned request. The one file that writes Parquet.

Columns, order and types are a contract. Times are ns since the run's t0, null where the thing did not happen; an answer
without output events has an empty `token_ns`. Rows are written group by group, so that token times of a million
requests never stand in memory at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from function.contract.record import STATUSES
from orchestrator.merge.regions import region_codes
from orchestrator.metrics.requests import NEVER, UNKNOWN, Coded, Requests

GROUP_ROWS = 65_536
GROUP_TOKENS = 4_000_000

_STRINGS = pa.string()
SCHEMA = pa.schema(
    [
        ("request_index", pa.int64()),
        ("stage", pa.int32()),
        ("shard", _STRINGS),
        ("lane", pa.int32()),
        ("slice", pa.int32()),
        ("session_id", _STRINGS),
        ("scheduled_ns", pa.int64()),
        ("sent_ns", pa.int64()),
        ("first_byte_ns", pa.int64()),
        ("first_token_ns", pa.int64()),
        ("first_content_token_ns", pa.int64()),
        ("last_token_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("status", _STRINGS),
        ("http_status", pa.int32()),
        ("error_kind", _STRINGS),
        ("error_message", _STRINGS),
        ("prompt_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("cached_tokens", pa.int64()),
        ("reasoning_tokens", pa.int64()),
        ("request_bytes", pa.int64()),
        ("response_bytes", pa.int64()),
        ("connection_reused", pa.bool_()),
        ("connect_ns", pa.int64()),
        ("model", _STRINGS),
        ("region", _STRINGS),
        ("token_ns", pa.list_(pa.int64())),
    ]
)
_TOKENS = "token_ns.list.element"
_DELTA = [field.name for field in SCHEMA if field.name.endswith("_ns") and field.name != "token_ns"] + [_TOKENS]


def write_parquet(requests: Requests, to: Path | IO[bytes], regions: Sequence[str] = ()) -> None:
    """Columns of few distinct values as dictionaries, times as differences: a fifth of the plain size.

    Lane i ran in `regions[i % len(regions)]`; without any the column is null.
    """
    encoding = dict.fromkeys(["request_index", *_DELTA], "DELTA_BINARY_PACKED")
    dictionaries = [field.name for field in SCHEMA if field.name not in encoding and field.name != "token_ns"]
    with pq.ParquetWriter(
        to, SCHEMA, compression="zstd", compression_level=1, use_dictionary=dictionaries, column_encoding=encoding,
        write_statistics=[*dictionaries, "request_index", "scheduled_ns", "sent_ns"],
    ) as writer:  # fmt: skip
        for start, stop in _groups(requests):
            writer.write_table(_table(requests.take(np.arange(start, stop)), tuple(regions)))


def _groups(requests: Requests) -> list[tuple[int, int]]:
    """Row ranges of at most GROUP_ROWS rows and about GROUP_TOKENS token times; one empty range of no rows."""
    tokens = np.cumsum(requests.tokens.count, dtype=np.int64)
    groups: list[tuple[int, int]] = []
    start = 0
    while start < len(requests) or not groups:
        before = int(tokens[start - 1]) if start else 0
        enough = int(np.searchsorted(tokens, before + GROUP_TOKENS, side="right"))
        stop = min(len(requests), start + GROUP_ROWS, max(enough, start + 1))
        groups.append((start, stop))
        start = stop
    return groups


def _table(rows: Requests, regions: tuple[str, ...]) -> pa.Table:
    columns: dict[str, pa.Array] = {
        "request_index": pa.array(rows.request_index),
        "stage": pa.array(rows.stage),
        "shard": _coded(Coded(rows.shard, rows.shard_ids)),
        "lane": pa.array(rows.lane),
        "slice": pa.array(rows.slice),
        "session_id": _coded(rows.session),
        "status": _coded(Coded(rows.status.astype(np.int32), STATUSES)),
        "error_kind": _coded(rows.error_kind),
        "error_message": _coded(rows.error_message),
        "model": _coded(rows.model),
        "region": _coded(Coded(region_codes(rows, len(regions)), regions))
        if regions
        else pa.nulls(len(rows), _STRINGS),
        "prompt_tokens": _numbers(rows.prompt_counts, UNKNOWN, pa.int64()),
        "http_status": _numbers(rows.http_status, UNKNOWN, pa.int32()),
        "connection_reused": pa.array(rows.connection_reused > 0, mask=rows.connection_reused == UNKNOWN),
        "token_ns": _tokens(rows),
    }
    if regions:
        columns["region"] = _coded(Coded(region_codes(rows, len(regions)), regions))
    for field in SCHEMA:
        if field.name not in columns:
            null = NEVER if field.name.endswith("_ns") else UNKNOWN
            columns[field.name] = _numbers(getattr(rows, field.name), null, field.type)
    return pa.table([columns[field.name] for field in SCHEMA], schema=SCHEMA)


def _numbers(values: NDArray[Any], null: int, kind: pa.DataType) -> pa.Array:
    return pa.array(values, mask=values == null).cast(kind)


def _coded(column: Coded) -> pa.Array:
    codes = pa.array(column.codes, mask=column.codes == UNKNOWN)
    return pa.DictionaryArray.from_arrays(codes, pa.array(column.words, _STRINGS)).cast(_STRINGS)


def _tokens(rows: Requests) -> pa.Array:
    offsets, times = rows.tokens.absolute(rows.sent_ns)
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(times))
