"""Requests and tokens per second of the measurement window, over requests that succeeded.

Tokens count by their own time: output tokens when their events came, prompt tokens when the first token proved them
read. So a request that straddles the window's end adds only what fell inside. Where an event bore several tokens, or
hid some, the request's count is spread evenly over its events.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from orchestrator.metrics.requests import NEVER, Bool, Int64, Requests
from orchestrator.metrics.thresholds import TOKENS_UNKNOWN
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
    """Done inside a window. Tokens are None where too many answers do not say how many they had; no answer: 0."""

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


NOTHING = Work(0.0, 0, 0.0, 0.0)


def work_of(requests: Requests, window: Window) -> Work:
    """`requests`: one stage's, all statuses."""
    if window.seconds <= 0:
        return NOTHING
    ok = requests.ok
    answered = answered_ns(requests)
    inside = window.holds(answered)
    return Work(
        window.seconds,
        int((ok & inside).sum()),
        _input(requests, ok, answered, window),
        _output(requests, ok, inside, window),
    )


def _input(requests: Requests, ok: Bool, answered: Int64, window: Window) -> float | None:
    counts = requests.prompt_counts
    known = ok & (counts >= 0)
    if not _told(known, ok):
        return None
    read = window.holds(np.where(requests.first_token_ns != NEVER, requests.first_token_ns, answered))
    return float(counts[known & read].sum(dtype=np.int64))


def _output(requests: Requests, ok: Bool, inside: Bool, window: Window) -> float | None:
    counts = requests.output_tokens
    known = ok & (counts >= 0)
    if not _told(known, ok):
        return None
    streamed = known & (requests.tokens.count > 0)
    whole = np.where(streamed, window.holds(requests.first_token_ns) & window.holds(requests.last_token_ns), inside)
    total = float(counts[known & whole].sum(dtype=np.int64))
    return total + _inside(requests, window, streamed & ~whole)


def _told(known: Bool, ok: Bool) -> bool:
    """Whether so few counts are lacking that a sum over the others is the rate, to that share."""
    return int(ok.sum()) - int(known.sum()) <= TOKENS_UNKNOWN * int(ok.sum())


def _inside(requests: Requests, window: Window, straddling: Bool) -> float:
    """Tokens of requests that begin or end outside: counted event by event."""
    part = requests.take(np.flatnonzero(straddling))
    if not len(part):
        return 0.0
    offsets, times = part.tokens.absolute(part.sent_ns)
    inside = np.add.reduceat(window.holds(times).astype(np.int64), offsets[:-1])
    return float((inside / part.tokens.count) @ part.output_tokens.astype(np.float64))


def _sum(one: float | None, other: float | None) -> float | None:
    """A stage without any says nothing about one that did not tell."""
    if one is None or other is None:
        return one or other or None
    return one + other
