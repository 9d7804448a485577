"""Requests and tokens per second of the measurement window, over requests that succeeded.

Tokens count by their own time: output tokens when their events came, prompt tokens when the first token proved them
read. So a request that straddles the window's end adds only what fell inside. Where an event bore several tokens, or
hid some, the request's count is spread evenly over its events.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from orchestrator.metrics.requests import NEVER, Bool, Requests
from orchestrator.metrics.window import Window, answered_ns


@dataclass(frozen=True, slots=True)
class Throughput:
    requests_per_sec: float | None = None
    input_tokens_per_sec: float | None = None
    output_tokens_per_sec: float | None = None
    total_tokens_per_sec: float | None = None

    def as_dict(self) -> dict[str, float | None]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Work:
    """Done inside a window. Tokens are None where no request says how many it had."""

    seconds: float
    requests: int
    input_tokens: float | None
    output_tokens: float | None

    def __add__(self, other: Work) -> Work:
        return Work(
            self.seconds + other.seconds,
            self.requests + other.requests,
            _sum(self.input_tokens, other.input_tokens),
            _sum(self.output_tokens, other.output_tokens),
        )

    @property
    def throughput(self) -> Throughput:
        if self.seconds <= 0:
            return Throughput()
        into = None if self.input_tokens is None else self.input_tokens / self.seconds
        out = None if self.output_tokens is None else self.output_tokens / self.seconds
        return Throughput(self.requests / self.seconds, into, out, None if into is None or out is None else into + out)


NOTHING = Work(0.0, 0, None, None)


def work_of(requests: Requests, window: Window) -> Work:
    """`requests`: one stage's, all statuses."""
    if window.seconds <= 0:
        return NOTHING
    done = requests.where(requests.ok)
    answered = window.holds(answered_ns(done))
    return Work(window.seconds, int(answered.sum()), _input(done, window), _output(done, window))


def _input(done: Requests, window: Window) -> float | None:
    counts = done.prompt_counts
    known = counts >= 0
    if not known.any():
        return None
    read_ns = np.where(done.first_token_ns != NEVER, done.first_token_ns, answered_ns(done))
    return float(counts[known & window.holds(read_ns)].sum(dtype=np.int64))


def _output(done: Requests, window: Window) -> float | None:
    counts, events = done.output_tokens, done.tokens.count
    known = counts >= 0
    if not known.any():
        return None
    streamed = known & (events > 0)
    begins, ends = window.holds(done.first_token_ns), window.holds(done.last_token_ns)
    whole = np.where(streamed, begins & ends, window.holds(answered_ns(done)))
    total = float(counts[known & whole].sum(dtype=np.int64))
    return total + _inside(done, window, streamed & ~whole)


def _inside(done: Requests, window: Window, straddling: Bool) -> float:
    """Tokens of requests that begin or end outside: counted event by event."""
    part = done.take(np.flatnonzero(straddling))
    if not len(part):
        return 0.0
    offsets, times = part.tokens.absolute(part.sent_ns)
    inside = np.add.reduceat(window.holds(times).astype(np.int64), offsets[:-1])
    return float((inside / part.tokens.count) @ part.output_tokens.astype(np.float64))


def _sum(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return one if other is None else other
    return one + other
