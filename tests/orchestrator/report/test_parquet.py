"""requests.parquet: columns, order and types are a contract."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from function.store.memory import MemoryStore
from orchestrator.merge.run import merge_run
from orchestrator.metrics.requests import Requests
from orchestrator.report import parquet
from orchestrator.report.parquet import write_parquet
from tests.emulators.stored_run import Stage, Truth
from tests.emulators.tables import answered, table

INT64, INT32, TEXT, BOOL = pa.int64(), pa.int32(), pa.string(), pa.bool_()
COLUMNS = [
    ("request_index", INT64), ("stage", INT32), ("shard", TEXT), ("lane", INT32), ("slice", INT32),
    ("session_id", TEXT),
    ("scheduled_ns", INT64), ("sent_ns", INT64), ("first_byte_ns", INT64), ("first_token_ns", INT64),
    ("first_content_token_ns", INT64), ("last_token_ns", INT64), ("end_ns", INT64), ("status", TEXT),
    ("http_status", INT32), ("error_kind", TEXT), ("error_message", TEXT), ("prompt_tokens", INT64),
    ("output_tokens", INT64), ("cached_tokens", INT64), ("reasoning_tokens", INT64), ("request_bytes", INT64),
    ("response_bytes", INT64), ("connection_reused", BOOL), ("connect_ns", INT64), ("model", TEXT), ("region", TEXT),
    ("token_ns", pa.list_(INT64)),
]  # fmt: skip


def parquet_bytes(requests: Requests) -> bytes:
    out = BytesIO()
    write_parquet(requests, out)
    return out.getvalue()


def read(requests: Requests) -> pa.Table:
    return pq.read_table(BytesIO(parquet_bytes(requests)))


def merged(truth: Truth) -> Requests:
    store = MemoryStore()
    truth.write(store)
    return merge_run(store, sleep=lambda _: None).requests


def test_columns_order_and_types() -> None:
    for requests in (merged(Truth(lanes=2)), table(0)):
        schema = read(requests).schema
        assert schema.names == [name for name, _ in COLUMNS]
        for name, kind in COLUMNS:
            found = schema.field(name).type
            assert found.value_type == INT64 if name == "token_ns" else found == kind, name


def test_one_row_per_planned_request_in_order() -> None:
    truth = Truth([Stage(5), Stage(5, 40)], lanes=3, slices=2)
    truth.miss(truth.row(7))
    truth.fail(truth.row(8))
    truth.forget(9)
    rows = read(merged(truth)).to_pylist()
    assert [row["request_index"] for row in rows] == list(range(300))
    ok, missed, failed, lost = rows[6], rows[7], rows[8], rows[9]
    truly = truth.row(6)
    assert (ok["scheduled_ns"], ok["sent_ns"], ok["token_ns"]) == (truly.scheduled_ns, truly.sent_ns, truly.token_ns)
    assert (ok["status"], ok["error_kind"], ok["http_status"], ok["connection_reused"]) == ("ok", None, 200, True)
    assert (ok["shard"], ok["lane"], ok["slice"], ok["stage"]) == ("0-0-0", 0, 0, 0)
    assert (missed["sent_ns"], missed["token_ns"], missed["status"]) == (None, [], "missed")
    assert missed["scheduled_ns"] is not None
    assert (failed["error_kind"], failed["error_message"]) == ("http_500", "the server said http_500")
    assert (lost["status"], lost["error_kind"], lost["connection_reused"]) == ("lost", "no_record", None)
    assert lost["prompt_tokens"] == 12, "the plan's count where the server gave none"


def test_unsent_requests_of_a_closed_loop_are_due_at_no_time() -> None:
    truth = Truth([Stage(users=2, count=10)], lanes=1)
    for k in range(6, 10):
        truth.forget(k)
    truth.shards["0-0-0"].reason, truth.shards["0-0-0"].stopped_ns = "abort", 1
    truth.control, truth.reason = "abort", "user"
    rows = read(merged(truth)).to_pylist()
    assert [row["scheduled_ns"] is None for row in rows] == [False] * 6 + [True] * 4


def test_row_groups_are_bounded_by_rows_and_by_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = Truth(lanes=2)
    requests = merged(truth)
    whole = read(requests).to_pylist()
    monkeypatch.setattr(parquet, "GROUP_ROWS", 64)
    monkeypatch.setattr(parquet, "GROUP_TOKENS", 100)
    body = parquet_bytes(requests)
    assert pq.ParquetFile(BytesIO(body)).num_row_groups == 17  # 12 rows of 8 tokens fill a group
    assert pq.read_table(BytesIO(body)).to_pylist() == whole
    monkeypatch.setattr(parquet, "GROUP_TOKENS", 3)
    assert pq.ParquetFile(BytesIO(parquet_bytes(requests))).num_row_groups == len(requests)


def test_messages_of_any_script_survive() -> None:
    truth = Truth([Stage(1, 1)], lanes=1)
    truth.fail(truth.row(0))
    truth.row(0).values["error_message"] = "容量不足 \u2028 <b>\x00"
    assert read(merged(truth)).to_pylist()[0]["error_message"] == "容量不足 \u2028 <b>\x00"


def test_a_million_rows_do_not_cost_a_list_of_rows() -> None:
    """Only to be sure that nothing here is quadratic or by row."""
    requests = answered(np.arange(200_000) * 0.001, 0.1)
    assert len(parquet_bytes(requests)) < 4_000_000


def test_each_row_says_in_which_region_its_lane_ran() -> None:
    requests = merged(Truth([Stage(2)], lanes=3))
    out = BytesIO()
    write_parquet(requests, out, ["near", "far"])
    rows = pq.read_table(out, columns=["lane", "region"]).to_pylist()
    assert {(row["lane"], row["region"]) for row in rows} == {(0, "near"), (1, "far"), (2, "near")}
    assert set(read(requests)["region"].to_pylist()) == {None}
