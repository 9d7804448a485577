"""Made-up runs for the report's tests: requests drawn from a seed, and the summary that goes with them.

Numbers are computed by the product's own metrics from the drawn requests, so that a page's charts and tables agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from function.contract.record import STATUSES
from orchestrator.metrics.adjusted import adjusted_of
from orchestrator.metrics.arrivals import arrivals_of
from orchestrator.metrics.dist import SECONDS, describe, dist_of
from orchestrator.metrics.finding import Finding, Scope, verdict_of
from orchestrator.metrics.goodput import goodput_of
from orchestrator.metrics.intervals import batch_of, sureness
from orchestrator.metrics.latency import KEYS, measure
from orchestrator.metrics.ledger import ledger_of
from orchestrator.metrics.requests import (
    ABORTED,
    FAILED,
    LOST,
    MISSED,
    NEVER,
    OK,
    TIMED_OUT,
    UNKNOWN,
    Coded,
    Requests,
    TokenTimes,
)
from orchestrator.metrics.throughput import work_of
from orchestrator.metrics.window import Window, counts_of

KINDS = ("http_429", "http_500", "connection_lost", "total_timeout", "late", "user", "no_record")
SAMPLES = (
    '{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}',
    "upstream connect error or disconnect/reset before headers",
    "the connection was closed before the end of the answer",
    "no end of the answer within 300 s",
    "later than fanout.max_lateness (5 s)",
    "cancelled in flight",
    "no record of how it ended",
)
LIMITS = {"ttft": 0.25, "request_latency": 3.0}


@dataclass(frozen=True)
class Stage:
    """`failing` and the rest: shares of the stage's requests."""

    rate: float = 20.0
    seconds: float = 30.0
    ttft_ms: float = 60.0
    itl_ms: float = 9.0
    failing: float = 0.0
    timing_out: float = 0.0
    missing: float = 0.0
    aborting: float = 0.0
    losing: float = 0.0


@dataclass(frozen=True)
class Made:
    summary: dict[str, Any]
    requests: Requests


def made(
    stages: Sequence[Stage] = (Stage(),),
    *,
    lanes: int = 2,
    slices: int = 1,
    streaming: bool = True,
    tokens: int = 40,
    goodput: Mapping[str, float] | None = None,
    findings: Sequence[Finding] = (),
    seed: int = 7,
    late_ms: float = 0.15,
    aborted: bool = False,
    **more: Any,
) -> Made:
    """`more`: summary keys laid over what was computed."""
    requests = requests_of(stages, lanes, slices, streaming, tokens, seed, late_ms)
    windows, at = [], 0.0
    for stage in stages:
        windows.append(Window(round(at * 1e9), round((at + stage.seconds) * 1e9)))
        at += stage.seconds
    summary = summary_of(requests, windows, streaming, goodput, findings, aborted)
    return Made({**summary, **more}, requests)


def requests_of(
    stages: Sequence[Stage], lanes: int, slices: int, streaming: bool, tokens: int, seed: int, late_ms: float
) -> Requests:
    rng = np.random.default_rng(seed)
    blocks, at = [], 0.0
    for index, stage in enumerate(stages):
        n = round(stage.rate * stage.seconds)
        blocks.append((np.sort(rng.uniform(at, at + stage.seconds, n)), np.full(n, index)))
        at += stage.seconds
    due = np.concatenate([block[0] for block in blocks]) if blocks else np.empty(0)
    stage_of = np.concatenate([block[1] for block in blocks]).astype(np.int32) if blocks else np.empty(0, np.int32)
    n = len(due)
    pick = {name: np.array([getattr(stage, name) for stage in stages])[stage_of] for name in ("ttft_ms", "itl_ms")}
    wave = 1 + 0.25 * np.sin(due / 7.0)
    late = rng.exponential(late_ms, n) / 1e3
    ttft = pick["ttft_ms"] / 1e3 * wave * rng.lognormal(0, 0.35, n) * np.where(rng.random(n) < 0.01, 4, 1)
    count = np.maximum(1, rng.poisson(tokens, n)).astype(np.int32)
    gaps = rng.gamma(6, 1 / 6, int(count.sum())) * np.repeat(pick["itl_ms"], count) * 1e6
    start = np.concatenate(([0], np.cumsum(count)[:-1])).astype(np.int64) if n else np.empty(0, np.int64)
    if n:
        gaps[start] = ttft * 1e9
    gaps = gaps.astype(np.uint32)
    scheduled = (due * 1e9).astype(np.int64)
    sent = scheduled + (late * 1e9).astype(np.int64)
    total = np.add.reduceat(gaps.astype(np.int64), start) if n else np.empty(0, np.int64)
    first, last = sent + (ttft * 1e9).astype(np.int64), sent + total
    shard_ids, shard = _shards(due, at, lanes, slices)
    status, kind = _outcomes(stages, stage_of, rng)
    made_up = Requests(
        shard_ids=shard_ids,
        request_index=np.arange(n),
        stage=stage_of,
        shard=shard,
        scheduled_ns=scheduled,
        eligible_ns=scheduled.copy(),
        sent_ns=sent,
        first_byte_ns=first - 200_000,
        first_token_ns=first,
        first_content_token_ns=first.copy(),
        last_token_ns=last,
        end_ns=last + 100_000,
        connect_ns=np.full(n, NEVER),
        status=status,
        http_status=np.where(status == OK, 200, UNKNOWN).astype(np.int32),
        error_kind=Coded(kind, KINDS),
        error_message=Coded(kind.copy(), SAMPLES),
        prompt_tokens=rng.integers(80, 700, n).astype(np.int32),
        planned_tokens=np.full(n, UNKNOWN, np.int32),
        output_tokens=count.copy(),
        asked_tokens=count.copy(),
        cached_tokens=np.full(n, UNKNOWN, np.int32),
        reasoning_tokens=np.full(n, UNKNOWN, np.int32),
        events=count.copy(),
        malformed_events=np.zeros(n, np.int32),
        request_bytes=np.full(n, 900),
        response_bytes=np.full(n, 9000),
        connection_reused=np.ones(n, np.int8),
        usage=np.ones(n, np.bool_),
        session=Coded(np.full(n, UNKNOWN, np.int32), ()),
        model=Coded(np.zeros(n, np.int32), ("meta-llama/Llama-3.1-8B-Instruct",)),
        tokens=TokenTimes(start, count, gaps),
    )
    return _with_ends(made_up, streaming)


def _shards(due: Any, seconds: float, lanes: int, slices: int) -> tuple[tuple[str, ...], Any]:
    ids = tuple(f"0-{lane}-{part}" for part in range(slices) for lane in range(lanes))
    part = np.minimum((due / max(seconds, 1e-9) * slices).astype(np.int32), slices - 1)
    return ids, (part * lanes + np.arange(len(due)) % lanes).astype(np.int32)


def _outcomes(stages: Sequence[Stage], stage_of: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    status = np.zeros(len(stage_of), np.int8)
    kind = np.full(len(stage_of), UNKNOWN, np.int32)
    words = (("failing", FAILED), ("timing_out", TIMED_OUT), ("missing", MISSED), ("aborting", ABORTED), ("losing", LOST))
    first_kind = {FAILED: 0, TIMED_OUT: 3, MISSED: 4, ABORTED: 5, LOST: 6}
    for index, stage in enumerate(stages):
        rows = rng.permutation(np.flatnonzero(stage_of == index))
        begin = 0
        for name, code in words:
            some = rows[begin : begin + round(getattr(stage, name) * len(rows))]
            begin += len(some)
            status[some] = code
            kind[some] = first_kind[code]
            if code == FAILED:
                kind[some] = rng.choice(3, len(some), p=(0.6, 0.3, 0.1))
    return status, kind


def _with_ends(requests: Requests, streaming: bool) -> Requests:
    """What did not happen to requests of each status is NEVER."""
    status = requests.status
    http = requests.http_status.copy()
    http[requests.error_kind.is_word("http_429")] = 429
    http[requests.error_kind.is_word("http_500")] = 500
    unsent, bad = status == MISSED, status != OK
    never = {
        "sent_ns": unsent,
        "first_byte_ns": bad,
        "first_token_ns": bad | (not streaming),
        "first_content_token_ns": bad | (not streaming),
        "last_token_ns": bad | (not streaming),
        "end_ns": unsent | (status == LOST),
    }
    columns = {name: np.where(mask, NEVER, getattr(requests, name)) for name, mask in never.items()}
    count = np.where(bad | (not streaming), 0, requests.tokens.count).astype(np.int32)
    return replace(requests, http_status=http, tokens=replace(requests.tokens, count=count), **columns)


def summary_of(
    requests: Requests,
    windows: Sequence[Window],
    streaming: bool = True,
    goodput: Mapping[str, float] | None = None,
    findings: Sequence[Finding] = (),
    aborted: bool = False,
) -> dict[str, Any]:
    whole = _part(requests, [(requests.of_stage(i), window) for i, window in enumerate(windows)], streaming, goodput)
    stages = []
    for index, window in enumerate(windows):
        rows = requests.of_stage(index)
        stages.append({"index": index, **_part(rows, [(rows, window)], streaming, goodput)})
    return {
        "schema_version": 1,
        "run_id": "made-run",
        "provider": "local",
        "aborted": aborted,
        "verdict": verdict_of(findings),
        "findings": [finding.as_dict() for finding in findings],
        **whole,
        "shards": [_shard(requests, number) for number in range(len(requests.shard_ids))],
        "client": {"lanes": _lanes(requests)},
        "cost": {"estimate_usd": 0.0, "actual_usd": None},
        "stages": stages,
        "server_metrics": None,
    }


def _part(
    requests: Requests, stages: Sequence[tuple[Requests, Window]], streaming: bool, goodput: Mapping[str, float] | None
) -> dict[str, Any]:
    latency, adjusted = {}, {}
    ledger = ledger_of(requests.status)
    batch = np.zeros(len(requests), np.int64)
    for place, (_, window) in enumerate(stages):
        mine = window.holds(requests.scheduled_ns)
        batch[mine] = place * 20 + batch_of(requests.scheduled_ns[mine], window)
    for key in KEYS:
        found = measure(key, requests, requests.ok, streaming)
        ordered = np.sort(found.values)
        latency[key] = describe(ordered, SECONDS, sureness(ordered, found, batch, SECONDS).ci95).as_dict()
        adjusted[key] = adjusted_of(ordered, max(1, ledger.ok), ledger.planned - ledger.ok, SECONDS).as_dict()
    rates = [counts_of(rows, window) for rows, window in stages]
    works = [work_of(rows, window) for rows, window in stages]
    goods = [goodput_of(rows, window, goodput, streaming) for rows, window in stages] if goodput else []
    delay = (requests.sent_ns - requests.scheduled_ns)[requests.sent]
    ok = requests.where(requests.ok)
    return {
        "ledger": ledger.as_dict(),
        "load": {
            **_rates(rates),
            "schedule_delay": dist_of(delay, SECONDS).as_dict(),
            "arrivals": arrivals_of(requests.sent_ns[requests.sent]).as_dict(),
        },
        "latency": latency,
        "adjusted": adjusted,
        "throughput": _total(works).throughput.as_dict() if works else dict.fromkeys(_THROUGHPUT),
        "tokens": {
            "prompt": dist_of(ok.prompt_counts).as_dict(),
            "output": dist_of(ok.output_tokens).as_dict(),
            "source": "usage",
            "events": int(ok.tokens.count.sum()),
        },
        "goodput": _total(goods).as_dict() if goods else None,
        "errors": _errors(requests),
    }


_THROUGHPUT = ("requests_per_sec", "input_tokens_per_sec", "output_tokens_per_sec", "total_tokens_per_sec")


def _rates(counts: Sequence[Any]) -> dict[str, float | None]:
    if not counts:
        return {"offered": None, "achieved": None, "answered": None}
    rates = _total(counts).rates
    return {"offered": rates.offered, "achieved": rates.achieved, "answered": rates.answered}


def _total(parts: Sequence[Any]) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _errors(requests: Requests) -> list[dict[str, Any]]:
    codes = requests.error_kind.codes
    found = []
    for code, word in enumerate(requests.error_kind.words):
        rows = np.flatnonzero(codes == code)
        if rows.size:
            http = int(requests.http_status[rows[0]])
            message = requests.error_message.words[int(requests.error_message.codes[rows[0]])]
            found.append(
                {
                    "error_kind": word,
                    "http_status": http if http >= 0 else None,
                    "count": int(rows.size),
                    "sample": message,
                }
            )
    return sorted(found, key=lambda error: -error["count"])


def _shard(requests: Requests, number: int) -> dict[str, Any]:
    rows = requests.where(requests.shard == number)
    _, lane, part = (int(text) for text in requests.shard_ids[number].split("-"))
    return {
        "shard": requests.shard_ids[number],
        "attempt": 0,
        "lane": lane,
        "slice": part,
        "state": "partial" if (rows.status == LOST).any() else "complete",
        "ledger": ledger_of(rows.status).as_dict(),
    }


def _lanes(requests: Requests) -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    lanes = []
    for lane in np.unique(requests.lane) if len(requests) else []:
        mine = (requests.lane == lane) & requests.sent
        late = (requests.sent_ns - requests.scheduled_ns)[mine]
        lanes.append(
            {
                "lane": int(lane),
                "cpu_p95": float(rng.uniform(0.03, 0.3)),
                "loop_lag_p99_s": float(rng.uniform(0.0004, 0.0016)),
                "schedule_delay_p99_s": float(np.quantile(late, 0.99)) / 1e9 if late.size else None,
                "clock_error_s": float(rng.uniform(0.0001, 0.002)),
                "cold_start_s": float(rng.uniform(0.2, 0.6)),
            }
        )
    return lanes


LATE = Finding(
    "late_tail",
    "degraded",
    "stage 1: the latest sends were 84.2 ms late or more, against a limit of 19.7 ms (10% of TTFT p99, 197 ms)",
    "The load generator was late, not the server: give it more lanes (fanout.lanes) or a less busy machine. "
    "Latencies from scheduled include this delay, those from sent do not.",
    {"value": 0.0842, "threshold": 0.0197, "base": 0.197, "late": 14},
    Scope(stage=1, lane=3, slice=1, from_s=41.2, to_s=44.7),
)
ERRORS = Finding(
    "errors",
    "degraded",
    "stage 0: 65 of 100 planned requests failed (0.65 of them), most often http_429",
    "Success-only percentiles hide this: read `adjusted`, and errors[] for what the server said.",
    {"value": 0.65, "threshold": 0.01, "failed": 65, "planned": 100},
    Scope(stage=0),
)
SHARD_MISSING = Finding(
    "shard_missing",
    "invalid",
    "1 of 8 shards left nothing behind (0-1-3)",
    "Part of the load was never there. Look at how its invocation ended (orchestrator.json, the provider's log).",
    {"value": 1, "threshold": 0, "shards": ["0-1-3"]},
    Scope(lane=1, slice=3),
)
WITHHELD = Finding(
    "interval_withheld",
    "info",
    "stage 0: no interval is given where it would not cover; it would take about p99: 4,520 requests",
    "Plan a longer stage, or repeat the run: intervals over repeats also see slow conditions.",
    {
        "value": 6.1,
        "threshold": 20,
        "n_eff_median": 612.0,
        "requests_needed": {"p99": 4520.4},
        "latencies": {"time_to_first_token": {"p99": 4520.4}},
    },
    Scope(stage=0),
)
STATUS_WORDS = STATUSES
