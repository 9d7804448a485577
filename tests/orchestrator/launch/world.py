"""A simulated world for the fleet: workers that start late, die, stall or finish, and a store that may not answer.

Time is a number; nothing here waits. The referee checks at every step what must never happen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from function.contract.control import Go, Progress, Ready
from function.contract.keys import group_id, parse_shard
from function.contract.plan import (
    Coordination,
    Cost,
    PhasePlan,
    Plan,
    ReportSettings,
    ShardPlan,
    SlicePlan,
    StagePlan,
)
from orchestrator.launch.action import Abort, Action, CreateGo, Finish, Grant, Invoke
from orchestrator.launch.fleet import MAX_ATTEMPTS, Fleet, Patience

S = 1_000_000_000
START_NS = 1_700_000_000 * S


def make_plan(
    lanes: int = 2,
    slices: tuple[int, ...] = (1,),
    kinds: tuple[str, ...] = ("open",),
    *,
    slice_s: float = 10.0,
    pause_s: float = 1.0,
    **terms: float,
) -> Plan:
    """`slices[p]` slices in phase p; a phase of kind closed_count has one, of unknown length."""
    phases, shards, stages = [], [], []
    for p, (count, kind) in enumerate(zip(slices, kinds)):
        known = kind != "closed_count"
        windows = tuple(
            SlicePlan(i, round(i * slice_s * S), round((i + 1) * slice_s * S) if known else None)
            for i in range(count if known else 1)
        )
        phases.append(PhasePlan(p, kind, (p,), windows, pause_s if p else 0.0))  # type: ignore[arg-type]
        stages.append(StagePlan(p, p, "constant", "10/s", 0.0, slice_s * count if known else None, 10, 10.0))
        shards += [
            ShardPlan(f"{p}-{lane}-{window.index}", 5, 5, "0" * 64, 1) for window in windows for lane in range(lanes)
        ]
    settled = {
        "lead_s": 4.0,
        "ready_min": 1.0,
        "ready_timeout_s": 20.0,
        "start_delay_s": 0.3,
        "lease_s": 30.0,
        "beat_s": 5.0,
        "poll_s": 0.2,
        "poll_wait_s": 0.1,
        "max_lateness_s": 5.0,
        "drain_s": 10.0,
        "flush_s": 5.0,
    } | terms
    return Plan(
        run_id="r",
        provider="local",
        created_unix_ns=START_NS,
        benchctl_version="0",
        code_version="0",
        seed=1,
        load={},
        target={"root": "http://127.0.0.1:1"},
        stages=tuple(stages),
        phases=tuple(phases),
        shards=tuple(shards),
        requests=len(shards) * 5,
        workload_hash="0" * 64,
        coordination=Coordination(lanes=lanes, slice_s=slice_s, **settled),  # type: ignore[arg-type]
        report=ReportSettings(),
        cost=Cost(0.0),
        data={},
    )


def make_ready(shard: str, attempt: int = 0, error_ns: int = 0, until_ns: int | None = None) -> Ready:
    return Ready(shard, attempt, f"n-{shard}-{attempt}", 0, error_ns, 0, "0", until_ns)


def make_progress(shard: str, attempt: int = 0, state: str = "waiting", **counts: int) -> Progress:
    zero = dict.fromkeys(("sent", "ok", "failed", "timed_out", "missed", "aborted", "in_flight"), 0)
    return Progress(
        shard=shard,
        attempt=attempt,
        nonce=f"n-{shard}-{attempt}",
        state=state,  # type: ignore[arg-type]
        at_unix_ns=0,
        ttft=(),
        stages={},
        errors={},
        schedule_delay_max_ns=0,
        **(zero | counts),
    )


@dataclass
class Fate:
    """What becomes of one invocation. Seconds from its start; None: never. `run_s` counts from the slice's end."""

    ready_s: float | None = 0.5
    dies_s: float | None = None
    run_s: float | None = 0.1
    stalls_s: float | None = None  # from then on it gives no sign of life


@dataclass
class Worker:
    shard: str
    attempt: int
    born_ns: int
    fate: Fate
    said_ready: bool = False
    over: bool = False


@dataclass
class World:
    """`fate(shard, attempt)` says what becomes of an invocation; `go_lost(n)` whether creating the n-th go fails."""

    plan: Plan
    fate: Callable[[str, int], Fate] = lambda shard, attempt: Fate()
    go_lost: Callable[[int], bool] = lambda n: False
    patience: Patience = field(default_factory=Patience)
    clock_error_ns: int = 0
    fleet_type: type[Fleet] = Fleet

    def __post_init__(self) -> None:
        self.now_ns = START_NS
        self.fleet = self.fleet_type(self.plan, "w", self.clock_error_ns, self.patience)
        self.workers: dict[tuple[str, int], Worker] = {}
        self.goes: dict[str, Go] = {}
        self.go_at: dict[str, int] = {}
        self.granted: list[str] = []
        self.committed: dict[str, int] = {}
        self.told_over: set[tuple[str, int]] = set()
        self.aborted: Abort | None = None
        self.finished: Finish | None = None
        self._creations = 0

    def run(self, step_s: Callable[[], float] = lambda: 0.1, limit_s: float = 400.0) -> World:
        while self.finished is None:
            assert self.now_ns < START_NS + limit_s * S, "the fleet never finished"
            self.step()
            self.now_ns += round(step_s() * S)
        assert self.fleet.decide(self.now_ns) == [], "nothing is decided after the end"
        return self

    def step(self) -> None:
        for worker in list(self.workers.values()):
            self._live(worker)
        for _ in range(2):
            for action in self.fleet.decide(self.now_ns):
                self._act(action)

    def _live(self, worker: Worker) -> None:
        fate, age_s = worker.fate, (self.now_ns - worker.born_ns) / S
        if worker.over or (fate.stalls_s is not None and age_s >= fate.stalls_s):
            return
        if fate.dies_s is not None and age_s >= fate.dies_s:
            self._end(worker)
            return
        if not worker.said_ready and fate.ready_s is not None and age_s >= fate.ready_s:
            worker.said_ready = True
            self.fleet.ready(make_ready(worker.shard, worker.attempt), self.now_ns)
        if not worker.said_ready:
            return
        name = parse_shard(worker.shard)
        go = self.goes.get(group_id(name.phase, name.slice))
        if go is None:
            self.fleet.progress(make_progress(worker.shard, worker.attempt), self.now_ns)
            return
        if go.attempts.get(worker.shard) != worker.attempt:
            self._end(worker, clean=True)
            return
        window = self.plan.phases[name.phase].slices[name.slice]
        end_ns = go.t0_unix_ns + (5 * S if window.end_ns is None else window.end_ns)
        if fate.run_s is not None and self.now_ns >= end_ns + fate.run_s * S:
            self.committed[worker.shard] = worker.attempt
            self.fleet.receipt(worker.shard, worker.attempt)
            self._end(worker, clean=True)
        else:
            state = "sending" if self.now_ns < end_ns else "draining"
            self.fleet.progress(make_progress(worker.shard, worker.attempt, state), self.now_ns)

    def _end(self, worker: Worker, clean: bool = False) -> None:
        worker.over = True
        self.told_over.add((worker.shard, worker.attempt))
        self.fleet.ended(worker.shard, worker.attempt, self.now_ns, clean=clean)

    # The referee.

    def _act(self, action: Action) -> None:
        assert self.finished is None
        match action:
            case Invoke(shard, attempt, _):
                self._check_invoke(shard, attempt)
                self.workers[shard, attempt] = Worker(shard, attempt, self.now_ns, self.fate(shard, attempt))
            case CreateGo(group, go):
                self._check_go(group, go)
                self._creations += 1
                if self.go_lost(self._creations):
                    self.fleet.go_failed(group)
                    return
                self.goes[group], self.go_at[group] = go, self.now_ns
                self.fleet.go_settled(go, self.now_ns)
            case Grant(group):
                assert group in self.goes, "granted what has no go"
                assert group not in self.granted, "granted twice"
                self.granted.append(group)
            case Abort():
                assert self.aborted is None
                self.aborted = action
            case Finish():
                self._check_finish(action)
                self.finished = action

    def _check_invoke(self, shard: str, attempt: int) -> None:
        name = parse_shard(shard)
        assert self.aborted is None, "nothing is invoked after an abort"
        assert group_id(name.phase, name.slice) not in self.goes, "nothing is invoked once go is decided"
        assert (shard, attempt) not in self.workers, "an attempt's number is used once"
        assert attempt < MAX_ATTEMPTS
        if attempt > 0 and not self.patience.retry_slow:
            assert (shard, attempt - 1) in self.told_over, "the attempt before has not provably ended"
        if name.slice > 0:
            boundary = self._boundary(name.phase, name.slice)
            assert boundary - (self.plan.coordination.lead_s + 0.001) * S <= self.now_ns < boundary, "out of its lead"

    def _check_go(self, group: str, go: Go) -> None:
        assert self.aborted is None, "no go after an abort"
        assert group not in self.goes, "one go a group"
        notice_ns = 3 * self.plan.coordination.poll_wait_s * S + self.clock_error_ns
        for shard, attempt in go.attempts.items():
            worker = self.workers[shard, attempt]
            assert worker.said_ready and (shard, attempt) not in self.told_over, "granted who cannot send"
            assert group_id(parse_shard(shard).phase, parse_shard(shard).slice) == group
        if go.slice > 0:
            assert self.now_ns < self._boundary(go.phase, go.slice), "a go after its boundary"
            assert go.t0_unix_ns == self.goes[group_id(go.phase, 0)].t0_unix_ns
        else:
            assert go.t0_unix_ns >= self.now_ns + max(notice_ns, self.plan.coordination.start_delay_s * S) - 1000
            self._check_phase_before(go)
        if self.goes:
            assert go.run_t0_unix_ns == self.goes["0-0"].run_t0_unix_ns
        else:
            assert go.run_t0_unix_ns == go.t0_unix_ns
            assert go.attempts and len(go.attempts) >= self.plan.coordination.ready_min * self._shards(group)

    def _check_phase_before(self, go: Go) -> None:
        for other in self.goes.values():
            for shard, attempt in other.attempts.items():
                if other.phase < go.phase:
                    ended = self.committed.get(shard) == attempt or (shard, attempt) in self.told_over
                    silent = self.workers[shard, attempt].fate.stalls_s is not None
                    assert ended or silent or self._overdue(other), "the phase before still sends"

    def _overdue(self, go: Go) -> bool:
        """Whether every worker of that slice is past its drain."""
        end_ns = self.plan.phases[go.phase].slices[go.slice].end_ns
        terms = self.plan.coordination
        tail_ns = round((terms.max_lateness_s + terms.drain_s + terms.flush_s) * S)
        return end_ns is not None and self.now_ns >= go.t0_unix_ns + end_ns + tail_ns

    def _check_finish(self, finish: Finish) -> None:
        if self.aborted is not None:
            return
        for go in self.goes.values():
            for shard, attempt in go.attempts.items():
                done = self.committed.get(shard) == attempt or (shard, attempt) in self.told_over
                assert done or shard in finish.overdue, f"{shard} was forgotten"

    def _boundary(self, phase: int, slice_: int) -> int:
        return self.goes[group_id(phase, 0)].t0_unix_ns + self.plan.phases[phase].slices[slice_].start_ns

    def _shards(self, group: str) -> int:
        return sum(group_id(*_place(planned.shard)) == group for planned in self.plan.shards)


def _place(shard: str) -> tuple[int, int]:
    name = parse_shard(shard)
    return name.phase, name.slice
