"""How long merging takes, and how much memory: a stored run of any size is made, then merged in a process of its own.

    python benchmarks/merge_scale.py --requests 1000000 --tokens 0 --lanes 20
    python benchmarks/merge_scale.py --requests 100000 --tokens 128 --lanes 4

Prints one JSON line: s for merge and for each kind of file, RSS in MB at its peak, and the size of the stored records.
The run lies in a temporary folder (`--keep DIR` to name one and leave it there).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from function.contract import keys, record, workload
from function.contract.codec import digest, encode
from function.contract.control import Control, Go
from function.contract.plan import Coordination, Cost, PhasePlan, Plan, ReportSettings, ShardPlan, SlicePlan, StagePlan
from function.contract.receipt import Counts, Part, Receipt
from function.store.local import LocalStore

ROOT = Path(__file__).resolve().parent.parent
S = 1_000_000_000
RATE = 2000.0
T0 = 1_790_000_000 * S
TYPES = {
    "int64": pa.int64(),
    "int32": pa.int32(),
    "utf8": pa.string(),
    "bool": pa.bool_(),
    "list<uint32>": pa.list_(pa.uint32()),
    "list<uint8>": pa.list_(pa.uint8()),
    "list<int32>": pa.list_(pa.int32()),
    "list<int64>": pa.list_(pa.int64()),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--tokens", type=int, default=0)
    parser.add_argument("--lanes", type=int, default=20)
    parser.add_argument("--part-rows", type=int, default=25_000)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--merge", type=Path, help="merge this folder here and now")
    options = parser.parse_args()
    if options.merge is not None:
        print(json.dumps(merge(options.merge)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch) / "run"
        if not folder.exists():
            make(LocalStore(folder), options.requests, options.tokens, options.lanes, options.part_rows)
        stored = sum(path.stat().st_size for path in (folder / "records").rglob("*.arrow"))
        command = [sys.executable, __file__, "--merge", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
        if done.returncode:
            sys.exit(done.stderr)
        print(json.dumps({**vars_of(options), "records_mb": round(stored / 1e6, 1), **json.loads(done.stdout)}))


def vars_of(options: argparse.Namespace) -> dict[str, int]:
    return {name: getattr(options, name) for name in ("requests", "tokens", "lanes", "part_rows")}


def merge(folder: Path) -> dict[str, float]:
    begun = time.perf_counter()
    from orchestrator.merge.run import merge_run
    from orchestrator.report.write import FORMATS, write_report

    took = {"import_s": time.perf_counter() - begun}
    begun = time.perf_counter()
    merged = merge_run(LocalStore(folder), alone=True)
    took["merge_s"] = time.perf_counter() - begun
    took["merge_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name in FORMATS:
        begun = time.perf_counter()
        write_report(merged, folder / "report", [name])
        took[f"{name}_s"] = time.perf_counter() - begun
    took["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert merged.summary.ledger.balances
    return {name: round(value, 2) for name, value in took.items()}


def make(store: LocalStore, requests: int, tokens: int, lanes: int, part_rows: int) -> None:
    duration = requests / RATE
    shards, groups = [], {}
    for lane in range(lanes):
        k = np.arange(lane, requests, lanes, dtype=np.int64)
        shard = keys.shard_id(0, lane, 0)
        body = ipc(planned(k), batch=workload.BATCH_ROWS)
        store.create(keys.workload(shard), body)
        shards.append(ShardPlan(shard, len(k), len(k), digest(body), len(body)))
        parts = []
        for number, start in enumerate(range(0, len(k), part_rows)):
            rows = k[start : start + part_rows]
            body = ipc(recorded(rows, tokens, np.random.default_rng([lane, number])))
            key = keys.part(f"{shard}.0", number)
            store.create(key, body)
            parts.append(Part(key, len(rows), len(body), digest(body)))
        counts = Counts(ok=len(k))
        receipt = Receipt(shard, 0, "n", "complete", tuple(parts), len(k), counts, None, None, 0, 0, None, T0)
        store.create(keys.receipt(shard), encode(receipt))
        groups[shard] = 0
    store.create(keys.go("0-0"), encode(Go(0, 0, T0, T0, groups, "bench")))
    store.create(keys.CONTROL, encode(Control("done", 0, 1, ("0-0",), 30.0, "bench")))
    terms = Coordination(lanes, None, 3.0, 1.0, 60.0, 0.3, 30.0, 5.0, 0.2, 1.0, 5.0, 120.0, 5.0)
    stage = StagePlan(0, 0, "poisson", f"{RATE:g}/s", 0.0, duration, requests, RATE)
    phase = PhasePlan(0, "open", (0,), (SlicePlan(0, 0, round(duration * S)),))
    plan = Plan(
        "bench", "local", T0, "0", "0", 7, {}, {"model": "m"}, (stage,), (phase,), tuple(shards), requests, "w", terms,
        ReportSettings(goodput={"ttft": 0.2}), Cost(None), {},
    )  # fmt: skip
    store.create(keys.PLAN, encode(plan))


def planned(k: np.ndarray) -> pa.Table:
    n = len(k)
    one = pa.array([[0]] * n, pa.list_(pa.int32()))
    columns = {
        "request_index": k,
        "scheduled_ns": (k / RATE * S).astype(np.int64),
        "stage": np.zeros(n, np.int32),
        "output_tokens": np.full(n, 128),
        "prompt_tokens": np.full(n, 400),
        "model": np.zeros(n, np.int32),
        "session": pa.nulls(n, pa.string()),
        **{name: one.cast(TYPES[kind]) for name, kind in workload.COLUMNS if name.startswith("piece_")},
    }
    return pa.table(columns, schema=pa.schema([(name, TYPES[kind]) for name, kind in workload.COLUMNS]))


def recorded(k: np.ndarray, tokens: int, rng: np.random.Generator) -> pa.Table:
    n = len(k)
    due = (k / RATE * S).astype(np.int64)
    sent = due + rng.exponential(2e5, n).astype(np.int64)
    gaps = np.abs(rng.normal(10e6, 4e5, (n, max(tokens, 1)))).astype(np.uint32)
    gaps[:, 0] = rng.lognormal(np.log(80e6), 0.4, n)
    first = sent + gaps[:, 0]
    last = sent + gaps.sum(1, dtype=np.int64) if tokens else first
    lists = pa.ListArray.from_arrays(
        np.arange(n + 1, dtype=np.int32) * tokens, pa.array(gaps.reshape(-1)[: n * tokens])
    )
    failed = rng.random(n) < 0.003
    values = {
        "request_index": k, "row": np.arange(n), "stage": np.zeros(n, np.int32), "scheduled_ns": due,
        "eligible_ns": due, "sent_ns": sent, "first_byte_ns": first, "first_token_ns": first,
        "first_content_token_ns": first,
        "last_token_ns": last, "end_ns": last + 100_000, "status": np.where(failed, "failed", "ok"),
        "http_status": np.where(failed, 500, 200).astype(np.int32), "request_bytes": np.full(n, 900),
        "response_bytes": np.full(n, 220 * max(tokens, 1)), "connection_reused": np.ones(n, np.bool_),
        "connect_ns": np.zeros(n, np.int64), "events": np.full(n, tokens), "malformed_events": np.zeros(n, np.int64),
        "asked_tokens": np.full(n, 128), "model": np.full(n, "m"), "token_gaps": lists,
        "error_kind": pa.array(np.where(failed, "http_500", ""), mask=~failed),
        "prompt_tokens": rng.integers(380, 420, n), "output_tokens": np.full(n, max(tokens, 1)),
    }  # fmt: skip
    schema = pa.schema([(column.name, TYPES[column.type]) for column in record.COLUMNS])
    columns = [values.get(name, pa.nulls(n, kind)) for name, kind in zip(schema.names, schema.types)]
    return pa.table(columns, schema=schema.with_metadata({record.IN_FLIGHT_KEY: "[]"}))


def ipc(table: pa.Table, batch: int | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table, max_chunksize=batch)
    return sink.getvalue().to_pybytes()


if __name__ == "__main__":
    main()
