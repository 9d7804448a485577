from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
from arro3.io import read_ipc

from function.contract.workload import BATCH_ROWS, COLUMNS
from orchestrator.plan.parts import PartWriter, Rows
from tests.orchestrator.plan.planned import table
from tests.orchestrator.plan.test_gather import made


def part(count: int, sessions: bool = False) -> bytes:
    requests = made([index % 3 for index in range(count)], sessions)
    rows = Rows(
        request_index=np.arange(count, dtype=np.int64) * 7,
        scheduled_ns=np.arange(count, dtype=np.int64) * 10**9,
        stage=np.zeros(count, dtype=np.int32),
        requests=requests,
    )
    return PartWriter().write(rows)


def test_columns_and_types_are_the_contracts() -> None:
    schema = table(part(5)).schema
    assert schema.names == [name for name, _ in COLUMNS]
    types = {"utf8": "string", "list<uint8>": "list<item: uint8>", "list<int32>": "list<item: int32>"}
    types["list<int64>"] = "list<item: int64>"
    assert [str(field.type) for field in schema] == [types.get(kind, kind) for _, kind in COLUMNS]


def test_rows_come_back_as_they_went_in() -> None:
    rows = table(part(4, sessions=True)).to_pylist()
    assert rows[2] == {
        "request_index": 14,
        "scheduled_ns": 2 * 10**9,
        "stage": 0,
        "output_tokens": 2,
        "prompt_tokens": 102,
        "model": 0,
        "session": "1",
        "piece_role": [2, 2],
        "piece_text": [3, 3],
        "piece_start": [4, 4],
        "piece_bytes": [5, 5],
    }
    assert table(part(4)).column("session").null_count == 4


def test_batches_are_bounded_and_the_workers_reader_reads_them() -> None:
    body = part(BATCH_ROWS + 10)
    reader = pa.ipc.open_file(io.BytesIO(body))
    assert [reader.get_batch(i).num_rows for i in range(reader.num_record_batches)] == [BATCH_ROWS, 10]
    batches = list(read_ipc(io.BytesIO(body)))
    assert sum(batch.num_rows for batch in batches) == BATCH_ROWS + 10
    assert batches[1].column("piece_start").to_pylist() == table(body).column("piece_start").to_pylist()[BATCH_ROWS:]


def test_a_shard_without_requests_is_a_part_without_rows() -> None:
    assert table(part(0)).num_rows == 0 and sum(batch.num_rows for batch in read_ipc(io.BytesIO(part(0)))) == 0
