"""Made-up requests for the report's tests, drawn from a seed: how a server and a client might have done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

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

SEED = 7
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
    warmup: bool = False


def requests_of(
    stages: Sequence[Stage], lanes: int, slices: int, streaming: bool, tokens: int, late_ms: float
) -> Requests:
    rng = np.random.default_rng(SEED)
    due, stage_of = _arrivals(stages, rng)
    n = len(due)
    late = rng.exponential(late_ms, n) / 1e3
    times = _token_times(stages, due, stage_of, tokens, rng)
    start, count, gaps = times.start, times.count, times.gaps
    scheduled = (due * 1e9).astype(np.int64)
    sent = scheduled + (late * 1e9).astype(np.int64)
    total = np.add.reduceat(gaps.astype(np.int64), start) if n else np.empty(0, np.int64)
    first, last = sent + gaps[start], sent + total
    shard_ids, shard = _shards(due, sum(stage.seconds for stage in stages), lanes, slices)
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
        tokens=times,
    )
    return _with_ends(made_up, streaming)


def _arrivals(stages: Sequence[Stage], rng: np.random.Generator) -> tuple[Any, Any]:
    """(when each is due in s, its stage): Poisson, with an exact count."""
    due, stage_of, at = [np.empty(0)], [np.empty(0, np.int32)], 0.0
    for index, stage in enumerate(stages):
        count = round(stage.rate * stage.seconds)
        due.append(np.sort(rng.uniform(at, at + stage.seconds, count)))
        stage_of.append(np.full(count, index, np.int32))
        at += stage.seconds
    return np.concatenate(due), np.concatenate(stage_of)


def _token_times(stages: Sequence[Stage], due: Any, stage_of: Any, tokens: int, rng: np.random.Generator) -> TokenTimes:
    """A wave of 44 s in the first token's time, one in a hundred four times slower."""
    n = len(due)
    ttft_ms, itl_ms = (
        np.array([getattr(stage, name) for stage in stages] or [0.0])[stage_of] for name in ("ttft_ms", "itl_ms")
    )
    slow = np.where(rng.random(n) < 0.01, 4, 1)
    ttft_ns = ttft_ms * 1e6 * (1 + 0.25 * np.sin(due / 7.0)) * rng.lognormal(0, 0.35, n) * slow
    count = np.maximum(1, rng.poisson(tokens, n)).astype(np.int32)
    gaps = rng.gamma(6, 1 / 6, int(count.sum())) * np.repeat(itl_ms, count) * 1e6
    start = np.cumsum(count, dtype=np.int64) - count
    gaps[start] = ttft_ns
    return TokenTimes(start, count, gaps.astype(np.uint32))


def _shards(due: Any, seconds: float, lanes: int, slices: int) -> tuple[tuple[str, ...], Any]:
    ids = tuple(f"0-{lane}-{part}" for part in range(slices) for lane in range(lanes))
    part = np.minimum((due / max(seconds, 1e-9) * slices).astype(np.int32), slices - 1)
    return ids, (part * lanes + np.arange(len(due)) % lanes).astype(np.int32)


def _outcomes(stages: Sequence[Stage], stage_of: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    status = np.zeros(len(stage_of), np.int8)
    kind = np.full(len(stage_of), UNKNOWN, np.int32)
    words = (
        ("failing", FAILED),
        ("timing_out", TIMED_OUT),
        ("missing", MISSED),
        ("aborting", ABORTED),
        ("losing", LOST),
    )
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
