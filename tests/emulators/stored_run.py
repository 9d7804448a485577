"""Writes a stored run, as workers and orchestrator leave it, from a given truth: for tests of merge and reports.

`Truth` starts as a healthy run; a test bends it (late sends, failures, lost shards), then `write(store)` puts plan,
specs, workload, go, claims, receipts and parts. Nothing of the product's own writers is used, so that both must agree
on the contract.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from function.contract import keys, record, workload
from function.contract.codec import encode
from function.contract.control import Claim, Control, ControlState, Go, Ready
from function.contract.observed import Observed
from function.contract.plan import (
    Coordination,
    Cost,
    PhaseKind,
    PhasePlan,
    Plan,
    ReportSettings,
    ShardPlan,
    SlicePlan,
    StagePlan,
)
from function.contract.receipt import Counts, Health, Part, Receipt, StopReason
from function.contract.spec import ShardSpec, StageWindow, Target
from function.store.port import ObjectStore

S = 1_000_000_000
MS = 1_000_000
T0 = 1_790_000_000 * S

_ARROW = {
    "int64": pa.int64(),
    "int32": pa.int32(),
    "utf8": pa.string(),
    "bool": pa.bool_(),
    "list<uint32>": pa.list_(pa.uint32()),
    "list<uint8>": pa.list_(pa.uint8()),
    "list<int32>": pa.list_(pa.int32()),
    "list<int64>": pa.list_(pa.int64()),
}
RECORD_SCHEMA = pa.schema([pa.field(c.name, _ARROW[c.type], nullable=c.nullable) for c in record.COLUMNS])
WORKLOAD_SCHEMA = pa.schema([(name, _ARROW[kind]) for name, kind in workload.COLUMNS])

HEALTH = Health(
    cpu_p95=0.2,
    loop_lag_p50_ns=50_000,
    loop_lag_p99_ns=400_000,
    loop_lag_max_ns=2 * MS,
    suspended_ns=0,
    cold_start_ns=300 * MS,
    rss_max_bytes=80_000_000,
)


@dataclass
class Stage:
    """`users`: a closed loop; with `count` by count, else by time. Otherwise evenly spaced at `rate`."""

    duration: float | None = 10.0
    rate: float = 20.0
    users: int | None = None
    count: int | None = None
    warmup: bool = False

    @property
    def kind(self) -> PhaseKind:
        if self.users is None:
            return "open"
        return "closed_time" if self.count is None else "closed_count"


@dataclass
class Row:
    """One request's truth; `token_ns` absolute. `values` overrides any record column."""

    k: int
    stage: int
    scheduled_ns: int
    sent_ns: int | None = None
    token_ns: list[int] = field(default_factory=list)
    status: str = "ok"
    error_kind: str | None = None
    asked: int = 8
    values: dict[str, Any] = field(default_factory=dict)

    def columns(self, row: int) -> dict[str, Any]:
        tokens = self.token_ns
        sent = self.sent_ns
        ok = self.status == "ok"
        gaps = [later - sooner for sooner, later in zip([sent if sent is not None else 0, *tokens], tokens)]
        base = {
            "request_index": self.k,
            "row": row,
            "stage": self.stage,
            "scheduled_ns": self.scheduled_ns,
            "eligible_ns": self.scheduled_ns,
            "sent_ns": sent,
            "first_byte_ns": tokens[0] - MS // 10 if tokens else None,
            "first_token_ns": tokens[0] if tokens else None,
            "first_content_token_ns": tokens[0] if tokens else None,
            "last_token_ns": tokens[-1] if tokens else None,
            "end_ns": (tokens[-1] + MS // 10 if tokens else sent + MS) if sent is not None else None,
            "status": self.status,
            "http_status": 200 if ok else None,
            "error_kind": None if ok else self.error_kind or "truncated",
            "prompt_tokens": 12 if ok else None,
            "output_tokens": len(tokens) if ok else None,
            "request_bytes": 200 if sent is not None else None,
            "response_bytes": 90 * len(tokens) if sent is not None else None,
            "connection_reused": True if sent is not None else None,
            "connect_ns": 0 if sent is not None else None,
            "events": len(tokens) if sent is not None else None,
            "malformed_events": 0 if sent is not None else None,
            "finish_reason": "length" if ok else None,
            "asked_tokens": self.asked,
            "model": "mock" if sent is not None else None,
            "token_gaps": escaped(gaps),
        }
        return {**base, **self.values}


@dataclass
class ShardTruth:
    """How one shard ended. `attempt` None: not granted. `receipt` False: it never wrote one."""

    attempt: int | None = 0
    receipt: bool = True
    reason: StopReason = "complete"
    stopped_ns: int | None = None
    detail: str | None = None
    health: Health | None = HEALTH
    clock_offset_ns: int = 0
    clock_error_ns: int = 3 * MS
    in_flight: list[tuple[int, int, int, int]] = field(default_factory=list)
    parts: int = 2


class Truth:
    """A healthy run: TTFT and gaps as given, each request sent 0.1 ms after it was due."""

    def __init__(
        self,
        stages: Iterable[Stage] = (Stage(),),
        lanes: int = 2,
        slices: int = 1,
        ttft_ns: int = 50 * MS,
        itl_ns: int = 10 * MS,
        tokens: int = 8,
        **settings: Any,
    ) -> None:
        self.stages = list(stages)
        self.lanes = lanes
        self.ttft_ns, self.itl_ns, self.tokens = ttft_ns, itl_ns, tokens
        self.settings: dict[str, Any] = settings
        self.rows: dict[int, Row] = {}
        self.owner: dict[int, str] = {}
        self.planned: dict[str, list[int]] = {}
        self.shards: dict[str, ShardTruth] = {}
        self.control: ControlState | None = "done"
        self.reason: str | None = None
        self.observed: Observed | None = None
        self.findings: tuple[dict[str, Any], ...] = ()
        self.lease_s = 6.0
        self.phase_ns: list[int] = []
        self._plans: list[StagePlan] = []
        self._phases: list[PhasePlan] = []
        self._scheduled: dict[int, int] = {}
        if self.stages[0].kind == "open":
            self._open(slices)
        else:
            self._closed()

    # What tests bend.

    def row(self, k: int) -> Row:
        return self.rows[k]

    def of_shard(self, shard: str) -> list[Row]:
        return [self.rows[k] for k in self.planned[shard] if k in self.rows]

    def each(self, change: Callable[[Row], None], where: Callable[[Row], bool] = lambda row: True) -> None:
        for row in self.rows.values():
            if where(row):
                change(row)

    def delay(self, row: Row, by_ns: int) -> None:
        """Sent that much later, and everything after it too."""
        assert row.sent_ns is not None
        row.sent_ns += by_ns
        row.token_ns = [token + by_ns for token in row.token_ns]

    def slow(self, row: Row, by_ns: int) -> None:
        """First token that much later."""
        row.token_ns = [token + by_ns for token in row.token_ns]

    def fail(self, row: Row, kind: str = "http_500", status: str = "failed") -> None:
        row.status, row.error_kind = status, kind
        row.token_ns = []
        if kind.startswith("http_"):
            row.values["http_status"] = int(kind.removeprefix("http_"))
            row.values["error_message"] = f"the server said {kind}"

    def miss(self, row: Row, kind: str = "late") -> None:
        row.status, row.error_kind, row.sent_ns, row.token_ns = "missed", kind, None, []

    def forget(self, k: int) -> None:
        """No record of it at all."""
        del self.rows[k]

    def lane_of(self, row: Row) -> int:
        return keys.parse_shard(self.owner[row.k]).lane

    # The plan.

    def _answered(self, k: int, stage: int, scheduled_ns: int) -> Row:
        sent = scheduled_ns + MS // 10
        first = sent + self.ttft_ns
        tokens = [first + i * self.itl_ns for i in range(self.tokens)]
        return Row(k, stage, scheduled_ns, sent, tokens, asked=self.tokens)

    def _open(self, slices: int) -> None:
        start, k = 0.0, 0
        for index, stage in enumerate(self.stages):
            assert stage.duration is not None
            count = round(stage.rate * stage.duration)
            for i in range(count):
                self._scheduled[k] = round((start + i / stage.rate) * S)
                self.rows[k] = self._answered(k, index, self._scheduled[k])
                k += 1
            self._plans.append(
                StagePlan(
                    index,
                    0,
                    "constant",
                    f"{stage.rate:g}/s",
                    start,
                    stage.duration,
                    count,
                    stage.rate,
                    warmup=stage.warmup,
                )
            )
            start += stage.duration
        width = round(start * S / slices)
        cuts = tuple(SlicePlan(i, i * width, (i + 1) * width) for i in range(slices))
        self._phases = [PhasePlan(0, "open", tuple(range(len(self.stages))), cuts)]
        self.phase_ns = [0]
        for slice_ in range(slices):
            for lane in range(self.lanes):
                self._add_shard(keys.shard_id(0, lane, slice_))
        for number, due in self._scheduled.items():
            self._own(number, keys.shard_id(0, number % self.lanes, min(due // width, slices - 1)))

    def _closed(self) -> None:
        """Phase by phase; users of a lane take its numbers in order, each when it became free."""
        begin, k = 0, 0
        for index, stage in enumerate(self.stages):
            assert stage.users is not None
            self.phase_ns.append(begin)
            each = self.ttft_ns + self.itl_ns * (self.tokens - 1) + MS
            by_time = stage.count is None
            end = None if by_time is False else round((stage.duration or 0) * S)
            count = stage.count if stage.count is not None else int((end or 0) // each + 1) * stage.users
            self._plans.append(
                StagePlan(
                    index,
                    index,
                    "concurrent",
                    f"{stage.users} users",
                    0.0,
                    stage.duration if by_time else None,
                    stage.count,
                    None,
                    stage.users,
                    stage.warmup,
                )
            )
            self._phases.append(PhasePlan(index, stage.kind, (index,), (SlicePlan(0, 0, end),)))
            for lane in range(self.lanes):
                self._add_shard(keys.shard_id(index, lane, 0))
            first = k
            for i in range(count):
                due = begin + i // stage.users * each
                self.rows[k] = self._answered(k, index, due)
                self._scheduled[k] = 0
                self._own(k, keys.shard_id(index, (k - first) % self.lanes, 0))
                k += 1
            begin += (end or (count // stage.users + 1) * each) + 2 * S
            k = first + count * 10 if by_time else k

    def _add_shard(self, shard: str) -> None:
        self.planned[shard] = []
        self.shards[shard] = ShardTruth()

    def _own(self, k: int, shard: str) -> None:
        self.planned[shard].append(k)
        self.owner[k] = shard

    def _kind(self, shard: str) -> PhaseKind:
        return self._phases[keys.parse_shard(shard).phase].kind

    def plan(self) -> Plan:
        counts = [stage.requests for stage in self._plans]
        report = {"goodput": {"ttft": 0.5, "request_latency": 5.0}, **self.settings}
        return Plan(
            run_id="emulated",
            provider="local",
            created_unix_ns=T0 - 5 * S,
            benchctl_version="0",
            code_version="0" * 16,
            seed=7,
            load={
                "type": "constant",
                "stages": [{"rate": stage.rate, "duration": stage.duration} for stage in self.stages],
            },
            target={"root": "http://127.0.0.1:9", "api": "chat", "model": "mock", "type": "vllm"},
            stages=tuple(self._plans),
            phases=tuple(self._phases),
            shards=tuple(self._shard_plan(shard) for shard in self.planned),
            requests=None if None in counts else sum(count or 0 for count in counts),
            workload_hash="w" * 64,
            coordination=Coordination(
                lanes=self.lanes,
                slice_s=None,
                lead_s=3.0,
                ready_min=1.0,
                ready_timeout_s=60.0,
                start_delay_s=0.3,
                lease_s=self.lease_s,
                beat_s=1.0,
                poll_s=0.2,
                poll_wait_s=1.0,
                max_lateness_s=5.0,
                drain_s=120.0,
                flush_s=5.0,
            ),
            report=ReportSettings(**report),
            cost=Cost(0.0, "nothing on this machine"),
            data={"type": "mock", "usable": None, "skipped": [], "notes": []},
            findings=self.findings,
        )

    def _shard_plan(self, shard: str) -> ShardPlan:
        body = self._workload(shard)
        by_time = self._kind(shard) == "closed_time"
        count = len(self._prepared(shard))
        return ShardPlan(shard, None if by_time else count, count, hashlib.sha256(body).hexdigest(), len(body))

    def _prepared(self, shard: str) -> list[int]:
        """Rows of the workload part: of a closed loop by time only the first few, so that they are used again."""
        return self.planned[shard][:7] if self._kind(shard) == "closed_time" else self.planned[shard]

    def _workload(self, shard: str) -> bytes:
        stages = {row.k: row.stage for row in self.rows.values()}
        phase = keys.parse_shard(shard).phase
        rows = [
            {
                "request_index": k,
                "scheduled_ns": self._scheduled[k],
                "stage": stages.get(k, self._stage_at(k, phase)),
                "output_tokens": self.tokens,
                "prompt_tokens": 12,
                "model": 0,
                "session": None,
                "piece_role": [1],
                "piece_text": [0],
                "piece_start": [0],
                "piece_bytes": [5],
            }
            for k in self._prepared(shard)
        ]
        return ipc(pa.Table.from_pylist(rows, WORKLOAD_SCHEMA))

    def _stage_at(self, k: int, phase: int) -> int:
        due = self._scheduled[k] / S
        mine = [stage for stage in self._plans if stage.phase == phase]
        return max((stage.index for stage in mine if stage.start_s <= due), default=mine[0].index)

    # The store.

    def write(self, store: ObjectStore) -> None:
        plan = self.plan()
        store.create(keys.PLAN, encode(plan))
        if self.control is not None:
            granted = tuple(sorted({self._group(shard) for shard in self.shards}))
            store.create(
                keys.CONTROL, encode(Control(self.control, 0, 9, granted, self.lease_s, "emulated", self.reason))
            )
        for group in {self._group(shard): None for shard in self.shards}:
            mine = {s: t.attempt for s, t in self.shards.items() if self._group(s) == group and t.attempt is not None}
            phase, slice_ = map(int, group.split("-"))
            if mine:
                t0 = T0 + self.phase_ns[phase]
                store.create(keys.go(group), encode(Go(phase, slice_, t0, T0, mine, "emulated")))
        for shard, truth in self.shards.items():
            self._write_shard(store, plan, shard, truth)
        if self.observed is not None:
            store.create(keys.ORCHESTRATOR, encode(self.observed))

    def _group(self, shard: str) -> str:
        name = keys.parse_shard(shard)
        return keys.group_id(name.phase, name.slice)

    def _write_shard(self, store: ObjectStore, plan: Plan, shard: str, truth: ShardTruth) -> None:
        store.create(keys.workload(shard), self._workload(shard))
        store.create(keys.spec(shard), encode(self._spec(plan, shard)))
        if truth.attempt is None:
            return
        attempt = keys.attempt_id(shard, truth.attempt)
        store.create(keys.claim(attempt), encode(Claim(shard, truth.attempt, f"nonce-{attempt}")))
        ready = Ready(shard, truth.attempt, "n", truth.clock_offset_ns, truth.clock_error_ns, 300 * MS, "0" * 16)
        store.create(keys.ready(attempt), encode(ready))
        parts = []
        for number, (rows, flying) in enumerate(self._flushes(shard, truth)):
            body = encode_part(rows, flying, shard, truth.attempt)
            key = keys.part(attempt, number)
            store.create(key, body)
            parts.append(Part(key, len(rows), len(body), hashlib.sha256(body).hexdigest()))
        if truth.receipt:
            store.create(keys.receipt(shard), encode(self._receipt(shard, truth, tuple(parts))))

    def _flushes(self, shard: str, truth: ShardTruth) -> list[tuple[list[dict[str, Any]], list[Any]]]:
        """Rows in parts; each but the last lists as in flight what the next one holds first."""
        prepared = max(1, len(self._prepared(shard)))
        place = {k: i % prepared for i, k in enumerate(self.planned[shard])}
        rows = [row.columns(place[row.k]) for row in self.of_shard(shard)]
        size = max(1, -(-len(rows) // truth.parts))
        cuts = [rows[i : i + size] for i in range(0, len(rows), size)] or [[]]
        flushes = []
        for i, cut in enumerate(cuts):
            coming = [
                (r["request_index"], r["stage"], r["scheduled_ns"], r["sent_ns"])
                for r in (cuts[i + 1][:1] if i + 1 < len(cuts) else [])
                if r["sent_ns"] is not None
            ]
            flushes.append((cut, coming if i + 1 < len(cuts) else truth.in_flight))
        return flushes

    def _receipt(self, shard: str, truth: ShardTruth, parts: tuple[Part, ...]) -> Receipt:
        statuses = [row.status for row in self.of_shard(shard)]
        return Receipt(
            shard=shard,
            attempt=truth.attempt or 0,
            nonce="nonce",
            reason=truth.reason,
            parts=parts,
            rows=sum(part.rows for part in parts),
            counts=Counts(**{name: statuses.count(name) for name in Counts.__struct_fields__}),
            stopped_ns=truth.stopped_ns,
            stop_detail=truth.detail,
            clock_offset_ns=truth.clock_offset_ns,
            clock_error_ns=truth.clock_error_ns,
            health=truth.health,
            at_unix_ns=T0 + 100 * S,
        )

    def _spec(self, plan: Plan, shard: str) -> ShardSpec:
        name = keys.parse_shard(shard)
        phase = self._phases[name.phase]
        cut = phase.slices[name.slice]
        mine = self.planned[shard]
        return ShardSpec(
            run_id=plan.run_id,
            shard=shard,
            phase=name.phase,
            lane=name.lane,
            slice=name.slice,
            lanes=self.lanes,
            plan_hash="p" * 64,
            code_version="0" * 16,
            kind=phase.kind,
            requests=len(self._prepared(shard)),
            workload_sha256="w" * 64,
            texts=(),
            models=("mock",),
            target=Target("http://127.0.0.1:9", "chat", True),
            stages=tuple(StageWindow(index, 0, None) for index in phase.stages),
            slice_start_ns=cut.start_ns,
            slice_end_ns=cut.end_ns,
            next_index=mine[0] if mine else 0,
            index_stride=self.lanes,
        )


def escaped(gaps: list[int]) -> list[int]:
    out = []
    for gap in gaps:
        while gap >= record.GAP_MORE:
            out.append(record.GAP_MORE)
            gap -= record.GAP_MORE
        out.append(gap)
    return out


def encode_part(rows: list[dict[str, Any]], in_flight: list[Any], shard: str, attempt: int) -> bytes:
    metadata = {
        record.IN_FLIGHT_KEY: json.dumps(in_flight),
        record.SHARD_KEY: shard,
        record.ATTEMPT_KEY: str(attempt),
    }
    full = [{column.name: row.get(column.name) for column in record.COLUMNS} for row in rows]
    return ipc(pa.Table.from_pylist(full, RECORD_SCHEMA.with_metadata(metadata)))


def ipc(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()
