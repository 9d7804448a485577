"""The one door to pyarrow on the plan's side: a shard's requests as an Arrow IPC file. Columns: contract/workload.py.

Columns go from numpy to Arrow without a Python loop. Nothing is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from function.contract.workload import BATCH_ROWS, COLUMNS
from orchestrator.datasets.port import Requests

_LEVEL = 3  # zstd: 18 % fewer bytes than level 1 of such columns, in the same time


@dataclass(frozen=True, slots=True)
class Rows:
    """A shard's rows in the order they are to be sent. `text` of the pieces counts by the shard's own table."""

    request_index: NDArray[np.int64]
    scheduled_ns: NDArray[np.int64]
    stage: NDArray[np.int32]
    requests: Requests


class PartWriter:
    """Keeps what all parts have in common; pyarrow is imported when the first one is made."""

    def __init__(self) -> None:
        import pyarrow as pa

        types = {
            "int64": pa.int64(),
            "int32": pa.int32(),
            "utf8": pa.utf8(),
            "list<uint8>": pa.list_(pa.uint8()),
            "list<int32>": pa.list_(pa.int32()),
            "list<int64>": pa.list_(pa.int64()),
        }
        self._pa = pa
        self._schema = pa.schema([(name, types[kind]) for name, kind in COLUMNS])
        self._options = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", _LEVEL), use_threads=False)

    def write(self, rows: Rows) -> bytes:
        pa = self._pa
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, self._schema, options=self._options) as writer:
            writer.write_table(self._table(rows), max_chunksize=BATCH_ROWS)
        body: bytes = sink.getvalue().to_pybytes()
        return body

    def _table(self, rows: Rows):  # type: ignore[no-untyped-def]  # pyarrow has no types
        pa, requests = self._pa, rows.requests
        count = rows.request_index.size
        offsets = pa.array(requests.offsets.astype(np.int32))
        session = pa.nulls(count) if requests.session is None else pa.array(requests.session)
        pieces = (requests.role, requests.text, requests.start, requests.bytes)
        columns = [
            pa.array(rows.request_index),
            pa.array(rows.scheduled_ns),
            pa.array(rows.stage),
            pa.array(requests.output_tokens.astype(np.int64)),
            pa.array(requests.prompt_tokens.astype(np.int64)),
            pa.array(requests.model),
            session.cast(pa.utf8()),
            *(pa.ListArray.from_arrays(offsets, pa.array(values)) for values in pieces),
        ]
        return pa.table(columns, schema=self._schema)
