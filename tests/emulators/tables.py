"""Makes tables of requests from a few arrays: for tests of metrics that need no store."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from function.contract.plan import PhaseKind, StagePlan
from orchestrator.metrics.requests import NEVER, UNKNOWN, Coded, Requests, TokenTimes
from orchestrator.metrics.stage_view import StageView, view_of
from orchestrator.metrics.window import Window

S = 1_000_000_000


def ns(seconds: ArrayLike) -> np.ndarray:
    """Seconds to int64 ns; NaN to NEVER."""
    values = np.asarray(seconds, float)
    return np.where(np.isnan(values), NEVER, np.round(np.nan_to_num(values) * S)).astype(np.int64)


def tokens_at(sent_ns: np.ndarray, times_ns: list[list[int]]) -> TokenTimes:
    gaps: list[int] = []
    start, count = [], []
    for sent, times in zip(sent_ns.tolist(), times_ns):
        start.append(len(gaps))
        count.append(len(times))
        gaps += [later - sooner for sooner, later in zip([sent, *times], times)]
    return TokenTimes(np.array(start, np.int64), np.array(count, np.int32), np.array(gaps, np.int64))


def table(n: int, **columns: Any) -> Requests:
    """n ok requests of stage 0 and shard 0-0-0, with what `columns` says; the rest NEVER, UNKNOWN, null."""
    times = ("eligible_ns", "sent_ns", "first_byte_ns", "first_token_ns", "first_content_token_ns", "last_token_ns",
             "end_ns", "connect_ns")  # fmt: skip
    counts = ("http_status", "prompt_tokens", "planned_tokens", "output_tokens", "asked_tokens", "cached_tokens",
              "reasoning_tokens", "events", "malformed_events")  # fmt: skip
    nothing = Coded(np.full(n, UNKNOWN, np.int32), ())
    base: dict[str, Any] = {
        "shard_ids": ("0-0-0",),
        "request_index": np.arange(n, dtype=np.int64),
        "stage": np.zeros(n, np.int32),
        "shard": np.zeros(n, np.int32),
        "scheduled_ns": np.arange(n, dtype=np.int64) * S,
        "status": np.zeros(n, np.int8),
        "request_bytes": np.full(n, UNKNOWN, np.int64),
        "response_bytes": np.full(n, UNKNOWN, np.int64),
        "connection_reused": np.full(n, UNKNOWN, np.int8),
        "usage": np.zeros(n, np.bool_),
        "tokens": TokenTimes(np.zeros(n, np.int64), np.zeros(n, np.int32), np.empty(0, np.uint32)),
        **{name: np.full(n, NEVER) for name in times},
        **{name: np.full(n, UNKNOWN, np.int32) for name in counts},
        **dict.fromkeys(("error_kind", "error_message", "session", "model"), nothing),
    }
    return Requests(**{**base, **columns})


def answered(scheduled_s: ArrayLike, ttft_s: ArrayLike, **columns: Any) -> Requests:
    """Sent when scheduled, one token after `ttft_s`, then over."""
    scheduled = ns(scheduled_s)
    first = scheduled + ns(np.broadcast_to(np.asarray(ttft_s, float), scheduled.shape))
    base: dict[str, Any] = {
        "scheduled_ns": scheduled,
        "eligible_ns": scheduled,
        "sent_ns": scheduled,
        "first_token_ns": first,
        "last_token_ns": first,
        "end_ns": first,
        "output_tokens": np.ones(scheduled.size, np.int32),
    }
    return table(scheduled.size, **{**base, **columns})


def view(
    requests: Requests,
    duration_s: float,
    kind: PhaseKind = "open",
    streaming: bool = True,
    excused: np.ndarray | None = None,
    cut: bool = False,
) -> StageView:
    plan = StagePlan(0, 0, "constant", "20/s", 0.0, duration_s, len(requests), 20.0)
    none = np.zeros(len(requests), np.bool_)
    window = Window(0, round(duration_s * S))
    return view_of(plan, kind, window, requests, streaming, none if excused is None else excused, cut)
