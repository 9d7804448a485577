"""The report under inference-perf's names, for scripts that read its files.

Same fields, same nesting, seconds; definitions are ours where theirs is a bug (goodput over planned, no zero for an
empty output, the rate of N sends over N - 1 gaps, TTFT of one-token outputs). Where we have no such thing (images,
bodies of requests) the field is there and null.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from function.contract.plan import ReportSettings
from function.contract.record import STATUSES
from orchestrator.merge.block import errors_of
from orchestrator.merge.summary import Block, StageSummary
from orchestrator.metrics.dist import SECONDS, quantiles
from orchestrator.metrics.latency import E2E, ITL, NTPOT, TPOT, TTFT, measure
from orchestrator.metrics.requests import FAILED, NEVER, TIMED_OUT, UNKNOWN, Bool, Requests

_HTTP = {
    429: "429 - Rate Limit",
    500: "500 - Internal Server Error",
    502: "502 - Bad Gateway",
    503: "503 - Service Unavailable",
    504: "504 - Gateway Timeout",
}
_WORDS = (
    ("Context Window", ("context length", "context window", "maximum context")),
    ("Invalid JSON", ("json",)),
    ("Timeout", ("timeout", "timed out")),
    ("Model Not Found", ("not found", "does not exist")),
)
_CONNECTION = ("dns", "connect", "tls", "connection_lost")

Numbers = dict[str, Any]


def lifecycle(requests: Requests, block: Block, settings: ReportSettings, stage: StageSummary | None = None) -> Numbers:
    """summary_lifecycle_metrics.json of all measured requests, or a stage's file. `requests`: those of `block`."""
    ok = requests.ok
    bad = requests.with_status(FAILED, TIMED_OUT)
    return {
        "benchmark_time_seconds": _span_s(requests, requests.sent),
        "load_summary": _load(requests, block, settings, stage),
        "successes": _successes(requests, ok, block, settings),
        "failures": {
            "count": int(bad.sum()),
            "request_latency": _dist(_e2e_of(requests, bad), settings, SECONDS),
            "prompt_tokens": _prompts(requests, bad, settings),
            "by_label": _by_label(requests, settings.max_error_messages),
        },
    }


def per_request(requests: Requests) -> list[Numbers]:
    """per_request_lifecycle_metrics.json: every planned request. Times are s since t0; bodies are not kept."""
    offsets, times = requests.tokens.absolute(requests.sent_ns)
    return [_row(requests, i, times[offsets[i] : offsets[i + 1]]) for i in range(len(requests))]


def _load(requests: Requests, block: Block, settings: ReportSettings, stage: StageSummary | None) -> Numbers:
    sent = requests.sent
    delay = requests.sent_ns[sent] - requests.scheduled_ns[sent]
    found: Numbers = {"count": int(sent.sum()), "schedule_delay": _dist(delay, settings, SECONDS)}
    if stage is None:
        return found
    times = np.sort(requests.sent_ns[sent])
    span = float(times[-1] - times[0]) / SECONDS if times.size else 0.0
    found["send_duration"] = span
    found["requested_rate"] = stage.rate if stage.rate is not None else block.load.rates.offered
    found["achieved_rate"] = (times.size - 1) / span if span > 0 else None
    if stage.concurrency is not None:
        found["concurrency"] = stage.concurrency
    return found


def _successes(requests: Requests, ok: Bool, block: Block, settings: ReportSettings) -> Numbers:
    streaming = settings.streaming
    latency = {
        key: _dist(measure(key, requests, ok, streaming).values, settings, SECONDS)
        for key in (E2E, NTPOT, TPOT, TTFT, ITL)
    }
    outputs = requests.output_tokens[ok & (requests.output_tokens >= 0)]
    found: Numbers = {
        "count": int(ok.sum()),
        "latency": latency,
        "throughput": {
            **{name: block.throughput.as_dict()[f"{name}"] for name in _RATES},
            "images_per_sec": None,
            "videos_per_sec": None,
            "audios_per_sec": None,
        },
        "request_size_bytes": _dist(requests.request_bytes[ok & (requests.request_bytes >= 0)], settings),
        "image": None,
        "video": None,
        "audio": None,
        "prompt_tokens": _prompts(requests, ok, settings),
        "output_len": _dist(outputs, settings),
        "output_tokens": _with_total(outputs, settings),
        "token_count_mismatches": 0,
    }
    if block.goodput is not None:
        found["goodput_metrics"] = _goodput(block)
    return found


_RATES = ("input_tokens_per_sec", "output_tokens_per_sec", "total_tokens_per_sec", "requests_per_sec")


def _goodput(block: Block) -> Numbers:
    """Percentages are of planned requests, so that failures are never good."""
    good = block.goodput
    assert good is not None
    share = good.share_of_planned
    rate, total = good.per_sec, block.throughput.total_tokens_per_sec
    answered = block.throughput.requests_per_sec
    tokens = total * rate / answered if total is not None and rate is not None and answered else None
    return {
        "goodput_percentage": None if share is None else 100 * share,
        "request_goodput": rate,
        "token_goodput": tokens,
        "good_requests": good.good,
        "total_requests": good.planned,
        **{
            f"{name}_attainment_percentage": None if part is None else 100 * part
            for name, part in good.attainment.items()
        },
    }


def _prompts(requests: Requests, chosen: Bool, settings: ReportSettings) -> Numbers:
    counts = requests.prompt_counts[chosen]
    counts = counts[counts >= 0]
    cached = requests.cached_tokens[chosen]
    hit = int(cached[cached >= 0].sum()) if (cached >= 0).any() else None
    found = _with_total(counts, settings)
    total = found.pop("total")
    return {"total": total, "cached": hit, "uncached": None if hit is None else total - hit, **found}


def _with_total(counts: NDArray[Any], settings: ReportSettings) -> Numbers:
    return {"total": int(counts.sum(dtype=np.int64)), **(_dist(counts, settings) or {})}


def _dist(values: NDArray[Any], settings: ReportSettings, unit: float = 1.0) -> Numbers | None:
    """Their distribution: mean, min, max and the percentiles asked for, p50 under the name `median`."""
    if not values.size:
        return None
    ordered = np.sort(values)
    at = quantiles(ordered, [p / 100 for p in settings.percentiles]) / unit
    named = {"median" if p == 50 else f"p{p:g}": float(value) for p, value in zip(settings.percentiles, at)}
    return {
        "mean": float(values.mean(dtype=np.float64)) / unit,
        "min": float(ordered[0]) / unit,
        "max": float(ordered[-1]) / unit,
        **named,
    }


def _e2e_of(requests: Requests, chosen: Bool) -> NDArray[np.int64]:
    """From sent to the end, of requests that did not succeed: their answers have no last token to go by."""
    rows = chosen & requests.sent & (requests.end_ns != NEVER)
    spans: NDArray[np.int64] = requests.end_ns[rows] - requests.sent_ns[rows]
    return spans


def _span_s(requests: Requests, sent: Bool) -> float | None:
    ends = requests.end_ns[sent & (requests.end_ns != NEVER)]
    return float(ends.max() - requests.sent_ns[sent].min()) / SECONDS if ends.size else None


def _by_label(requests: Requests, most: int) -> dict[str, Numbers]:
    labels: dict[str, Numbers] = {}
    for group in errors_of(requests):
        entry = labels.setdefault(
            _label(group.error_kind, group.http_status, group.sample), {"count": 0, "messages": []}
        )
        entry["count"] += group.count
        if group.sample is not None and len(entry["messages"]) < most:
            entry["messages"].append({"message": group.sample})
    return labels


def _label(kind: str, status: int | None, message: str | None) -> str:
    if kind.startswith("http_") and status is not None:
        if status in _HTTP:
            return _HTTP[status]
        text = (message or "").lower()
        return f"{status} - " + next((label for label, words in _WORDS if any(word in text for word in words)), "other")
    if kind.endswith("_timeout"):
        return "Timeout"
    return "Connection Error" if kind in _CONNECTION else kind


def _row(requests: Requests, i: int, times: NDArray[np.int64]) -> Numbers:
    status = STATUSES[requests.status[i]]
    kind, message = requests.error_kind.codes[i], requests.error_message.codes[i]
    gaps = np.diff(times) / SECONDS
    usage = {
        "prompt_tokens": _known(requests.prompt_tokens[i]),
        "completion_tokens": _known(requests.output_tokens[i]) if requests.usage[i] else None,
    }
    return {
        "request_index": int(requests.request_index[i]),
        "stage_id": int(requests.stage[i]),
        "status": status,
        "scheduled_time": _second(requests.scheduled_ns[i]),
        "start_time": _second(requests.sent_ns[i]),
        "end_time": _second(requests.end_ns[i]),
        "request": None,
        "response": None,
        "info": {
            "input_tokens": _known(requests.prompt_counts[i]),
            "response_metrics": {
                "output_tokens": _known(requests.output_tokens[i]),
                "server_usage": usage if requests.usage[i] else None,
                "output_token_times": (times / SECONDS).tolist(),
                "inter_token_latency_mean": float(gaps.mean()) if gaps.size else None,
                "inter_token_latency_max": float(gaps.max()) if gaps.size else None,
            },
            "lora_adapter": None,
        },
        "error": None
        if kind == UNKNOWN
        else {
            "error_type": requests.error_kind.words[kind],
            "error_msg": requests.error_message.words[message] if message != UNKNOWN else "",
        },
    }


def _known(value: np.integer[Any]) -> int | None:
    return int(value) if value >= 0 else None


def _second(value: np.int64) -> float | None:
    return float(value) / SECONDS if value != NEVER else None
