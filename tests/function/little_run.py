"""A small run made by hand: one shard's spec, text and workload in any store, and an orchestrator's few writes.

Everything a worker needs and nothing of the planner, so that what a worker does is tested against the contract alone.
"""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa

from function.contract import keys
from function.contract.codec import decode, digest, encode
from function.contract.control import Control, ControlState, Go, Payload
from function.contract.receipt import Receipt
from function.contract.record import IN_FLIGHT_KEY
from function.contract.spec import ShardSpec, StageWindow, Target, TextRef, Timeouts
from function.contract.version import code_version
from function.contract.workload import BATCH_ROWS, COLUMNS
from function.store.port import ObjectStore

SHARD = "0-0-0"
TEXT = b"tell me a story about a lighthouse"
PLAN_HASH = digest(b"a plan")
SECOND = 1_000_000_000

_TYPES = {
    "int64": pa.int64(),
    "int32": pa.int32(),
    "utf8": pa.utf8(),
    "list<uint8>": pa.list_(pa.uint8()),
    "list<int32>": pa.list_(pa.int32()),
    "list<int64>": pa.list_(pa.int64()),
}


def workload_part(scheduled_ns: Sequence[int], indices: Sequence[int] | None = None, **columns: Any) -> bytes:
    """An encoded workload part, a row for each instant; the prompt of row i is the first i % 5 + 1 bytes of TEXT."""
    count = len(scheduled_ns)
    rows: dict[str, Sequence[Any]] = {
        "request_index": list(range(count)) if indices is None else indices,
        "scheduled_ns": scheduled_ns,
        "stage": [0] * count,
        "output_tokens": [3] * count,
        "prompt_tokens": [1] * count,
        "model": [0] * count,
        "session": [None] * count,
        "piece_role": [[1]] * count,
        "piece_text": [[0]] * count,
        "piece_start": [[0]] * count,
        "piece_bytes": [[i % 5 + 1] for i in range(count)],
        **columns,
    }
    schema = pa.schema([(name, _TYPES[kind]) for name, kind in COLUMNS])
    table = pa.table({name: pa.array(rows[name], _TYPES[kind]) for name, kind in COLUMNS}, schema=schema)
    out = io.BytesIO()
    with pa.ipc.new_file(out, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table, max_chunksize=BATCH_ROWS)
    return out.getvalue()


def shard_spec(workload: bytes, root: str = "http://127.0.0.1:1", **changes: Any) -> ShardSpec:
    """An open loop over 1 s, one lane, with short local waits."""
    spec = ShardSpec(
        run_id="little",
        shard=SHARD,
        phase=0,
        lane=0,
        slice=0,
        lanes=1,
        plan_hash=PLAN_HASH,
        code_version=code_version(),
        kind="open",
        requests=len(read_part(workload)["request_index"]),
        workload_sha256=digest(workload),
        texts=(TextRef(digest(TEXT), len(TEXT)),),
        models=("mock",),
        target=Target(root=root, api="chat", streaming=True, timeouts=Timeouts(total_s=5.0)),
        stages=(StageWindow(0, 0, SECOND),),
        slice_start_ns=0,
        slice_end_ns=SECOND,
        lease_s=6.0,
        poll_s=0.2,
        poll_wait_s=0.1,
        ready_wait_s=20.0,
        max_lateness_s=5.0,
        drain_s=5.0,
        flush_s=0.5,
        progress_s=0.2,
    )
    return msgspec.structs.replace(spec, **changes)


def read_part(body: bytes) -> dict[str, list[Any]]:
    return pa.ipc.open_file(pa.BufferReader(body)).read_all().to_pydict()


def in_flight_of(body: bytes) -> list[list[int]]:
    metadata = pa.ipc.open_file(pa.BufferReader(body)).schema.metadata
    return msgspec.json.decode(metadata[IN_FLIGHT_KEY.encode()])


class LittleRun:
    """The orchestrator's side, by hand. Writes with `put`: nobody competes for control here."""

    def __init__(self, store: ObjectStore, workload: bytes, spec: ShardSpec) -> None:
        self.store = store
        self.spec = spec
        self.beat = 0
        self.granted: tuple[str, ...] = ()
        store.create(keys.text(digest(TEXT)), TEXT)
        store.create(keys.workload(spec.shard), workload)
        store.create(keys.spec(spec.shard), encode(spec))
        self.renew("wait")

    def renew(self, state: ControlState | None = None, reason: str | None = None) -> None:
        self.beat += 1
        word = state or ("go" if self.granted else "wait")
        control = Control(word, 0, self.beat, self.granted, self.spec.lease_s, "test", reason)
        self.store.put(keys.CONTROL, encode(control))

    def go(self, t0_unix_ns: int, attempts: dict[str, int] | None = None, run_t0_unix_ns: int | None = None) -> None:
        group = keys.group_id(self.spec.phase, self.spec.slice)
        zero = t0_unix_ns if run_t0_unix_ns is None else run_t0_unix_ns
        named = {self.spec.shard: 0} if attempts is None else attempts
        self.store.create(keys.go(group), encode(Go(self.spec.phase, self.spec.slice, t0_unix_ns, zero, named, "test")))
        self.granted = (group,)
        self.renew()

    def payload(self, attempt: int = 0, not_after: float = 4e9, plan_hash: str = PLAN_HASH) -> Payload:
        return Payload(self.store.uri, self.spec.shard, attempt, plan_hash, not_after)

    def ready(self, attempt: int = 0) -> bool:
        return self._has(keys.ready(keys.attempt_id(self.spec.shard, attempt)))

    def has_receipt(self) -> bool:
        return self._has(keys.receipt(self.spec.shard))

    def receipt(self) -> Receipt:
        return decode(Receipt, self.store.get(keys.receipt(self.spec.shard)).body)

    def rows(self) -> list[dict[str, Any]]:
        """All rows of the receipt's parts, after checking each part against what the receipt says of it."""
        found: list[dict[str, Any]] = []
        for part in self.receipt().parts:
            body = self.store.get(part.key).body
            assert (digest(body), len(body)) == (part.sha256, part.bytes)
            columns = read_part(body)
            rows = [dict(zip(columns, values)) for values in zip(*columns.values())]
            assert len(rows) == part.rows
            found += rows
        return found

    def _has(self, key: str) -> bool:
        return any(entry.key == key for entry in self.store.list(key))


def unix_ns_in(seconds: float) -> int:
    return time.time_ns() + int(seconds * 1e9)
