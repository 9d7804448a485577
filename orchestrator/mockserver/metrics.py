"""What the server counts about itself, in the Prometheus text format under vLLM's names.

Counters and histograms hold finished requests, tokens of running ones are added when asked; the values come from the
same stamps as the truth log. Buckets are those of vLLM 0.32. Pure: it is told, it never looks.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import sub

_TTFT = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0)
_TTFT_BUCKETS = (*_TTFT, 160.0, 640.0, 2560.0)
_GAP = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0)
_WHOLE = (0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0)
_WHOLE_BUCKETS = (*_WHOLE, 1920.0, 7680.0)
_COUNTS = tuple(float(digit * 10**power) for power in range(6) for digit in (1, 2, 5))
_FINISHED = ("stop", "length", "abort", "error")

_HISTOGRAMS: dict[str, tuple[str, tuple[float, ...]]] = {
    "request_prompt_tokens": ("Prompt tokens of a request.", _COUNTS),
    "request_generation_tokens": ("Output tokens of a request.", _COUNTS),
    "time_to_first_token_seconds": ("Arrival to first token.", _TTFT_BUCKETS),
    "inter_token_latency_seconds": ("Time between consecutive tokens.", _GAP),
    "request_time_per_output_token_seconds": ("Mean time between tokens of a request.", _GAP),
    "e2e_request_latency_seconds": ("Arrival to last token.", _WHOLE_BUCKETS),
    "request_queue_time_seconds": ("Wait for a slot.", _WHOLE_BUCKETS),
    "request_inference_time_seconds": ("Slot taken to last token.", _WHOLE_BUCKETS),
    "request_prefill_time_seconds": ("Slot taken to first token.", _WHOLE_BUCKETS),
    "request_decode_time_seconds": ("First token to last token.", _WHOLE_BUCKETS),
}


class Histogram:
    """Cumulative buckets as Prometheus has them: a value is in every bucket whose bound it does not exceed."""

    __slots__ = ("_bounds", "_counts", "_sum", "_total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds, self._counts = bounds, [0] * (len(bounds) + 1)
        self._total, self._sum = 0, 0.0

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += 1
        self._sum += value

    def add_all(self, values: Sequence[float]) -> None:
        """The same for many at once, at the price of sorting them."""
        ordered, below = sorted(values), 0
        for i, bound in enumerate(self._bounds):
            upto = bisect_right(ordered, bound)
            self._counts[i] += upto - below
            below = upto
        self._counts[-1] += len(ordered) - below
        self._total += len(ordered)
        self._sum += sum(ordered)

    def lines(self, name: str, labels: str) -> Iterator[str]:
        for bound, count in zip(self._bounds, accumulate(self._counts)):
            yield f'{name}_bucket{{{labels},le="{bound}"}} {float(count)}'
        yield f'{name}_bucket{{{labels},le="+Inf"}} {float(self._total)}'
        yield f"{name}_count{{{labels}}} {float(self._total)}"
        yield f"{name}_sum{{{labels}}} {self._sum}"


@dataclass(frozen=True, slots=True)
class Finished:
    """One request that reached the engine and is over: ns on one clock, `token_ns` one stamp per token made.

    `reason` is stop, length, abort (client gone) or error. `started_ns` is when it got its slot, None when never.
    """

    reason: str
    arrival_ns: int
    started_ns: int | None
    token_ns: Sequence[int]
    choices: int


@dataclass(frozen=True, slots=True)
class Now:
    """The engine at this instant. `live_tokens` are those written so far by the requests still running."""

    running: int
    waiting: int
    live_tokens: int
    kv_usage: float


class Meter:
    """Counts over the server's life."""

    def __init__(self, model: str) -> None:
        self._labels = f'engine="0",model_name="{_escaped(model)}"'
        self._histograms = {name: Histogram(bounds) for name, (_, bounds) in _HISTOGRAMS.items()}
        self._finished: Counter[str] = Counter()
        self._http: Counter[tuple[str, str, str]] = Counter()
        self._prompt_tokens = self._cached_tokens = self._queried_tokens = self._generated_tokens = 0

    def admitted(self, prompt_tokens: int, cached_tokens: int, queried: bool) -> None:
        """A request got its slot: its prompt is computed now."""
        self._prompt_tokens += prompt_tokens
        self._cached_tokens += cached_tokens
        self._queried_tokens += prompt_tokens if queried else 0

    def finished(self, prompt_tokens: int, over: Finished) -> None:
        self._finished[over.reason] += 1
        tokens = over.token_ns
        self._generated_tokens += len(tokens) * over.choices
        if over.started_ns is not None:
            self._observe("request_queue_time_seconds", over.started_ns - over.arrival_ns)
        if over.reason in ("abort", "error") or not tokens or over.started_ns is None:
            return
        self._histograms["request_prompt_tokens"].add(prompt_tokens)
        self._histograms["request_generation_tokens"].add(len(tokens) * over.choices)
        first, last = tokens[0], tokens[-1]
        self._observe("time_to_first_token_seconds", first - over.arrival_ns)
        self._observe("e2e_request_latency_seconds", last - over.arrival_ns)
        self._observe("request_inference_time_seconds", last - over.started_ns)
        self._observe("request_prefill_time_seconds", first - over.started_ns)
        self._observe("request_decode_time_seconds", last - first)
        if len(tokens) > 1:
            self._observe("request_time_per_output_token_seconds", (last - first) / (len(tokens) - 1))
            gaps = map(sub, tokens[1:], tokens)
            self._histograms["inter_token_latency_seconds"].add_all([gap / 1e9 for gap in gaps])

    def answered(self, method: str, route: str, status: int) -> None:
        """An HTTP answer was begun with this status; `route` is the template, not the path."""
        self._http[method, route, f"{status // 100}xx"] += 1

    def render(self, now: Now) -> str:
        """The exposition text."""
        lines = list(self._gauges(now))
        lines += self._counters(now)
        for name, (text, _) in _HISTOGRAMS.items():
            lines += _head(f"vllm:{name}", "histogram", text)
            lines += self._histograms[name].lines(f"vllm:{name}", self._labels)
        lines += _head("http_requests_total", "counter", "Requests by method, status and handler.")
        for (method, route, status), count in sorted(self._http.items()):
            lines.append(f'http_requests_total{{handler="{route}",method="{method}",status="{status}"}} {float(count)}')
        return "\n".join(lines) + "\n"

    def _observe(self, name: str, duration_ns: float) -> None:
        self._histograms[name].add(duration_ns / 1e9)

    def _gauges(self, now: Now) -> Iterator[str]:
        for name, text, value in (
            ("num_requests_running", "Requests that hold a slot.", float(now.running)),
            ("num_requests_waiting", "Requests in the queue for a slot.", float(now.waiting)),
            ("kv_cache_usage_perc", "Tokens of running requests over the capacity; 1 is full.", now.kv_usage),
        ):
            yield from _head(f"vllm:{name}", "gauge", text)
            yield f"vllm:{name}{{{self._labels}}} {value}"

    def _counters(self, now: Now) -> Iterator[str]:
        for name, text, value in (
            ("prefix_cache_queries_total", "Prompt tokens looked up in the prefix cache.", self._queried_tokens),
            ("prefix_cache_hits_total", "Prompt tokens found in the prefix cache.", self._cached_tokens),
            ("num_preemptions_total", "Preemptions; this engine has none.", 0),
            ("prompt_tokens_total", "Prompt tokens of requests that got a slot.", self._prompt_tokens),
            ("prompt_tokens_cached_total", "Those of them that were cached.", self._cached_tokens),
            ("generation_tokens_total", "Output tokens made.", self._generated_tokens + now.live_tokens),
        ):
            yield from _head(f"vllm:{name}", "counter", text)
            yield f"vllm:{name}{{{self._labels}}} {float(value)}"
        yield from _head("vllm:request_success_total", "counter", "Finished requests by reason.")
        for reason in _FINISHED:
            labels = f'engine="0",finished_reason="{reason}",{self._labels.partition(",")[2]}'
            yield f"vllm:request_success_total{{{labels}}} {float(self._finished[reason])}"


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
