"""The run in plain lines, for logs: one for each stage that starts, and one at least every 10 s. No control characters.

At most one line a second, however much there is to say: what comes too early waits and is said with the next line.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from orchestrator.launch.snapshot import Snapshot, StageView

LINE_EVERY_S = 5.0
SPACING_S = 1.0


class PlainView:
    """Writes to `stream`, flushed line by line. `clock` gives seconds."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._waiting: list[str] = []
        self._last_s = float("-inf")
        self._counted_s = float("-inf")
        self._started: set[int] = set()

    def say(self, text: str) -> None:
        self._waiting.append(" ".join(text.split()))
        self._flush()

    def update(self, snapshot: Snapshot) -> None:
        now_s = self._clock()
        for stage in snapshot.stages:
            if stage.state != "ahead" and stage.index not in self._started:
                self._counted_s = self._counted_s if self._started else now_s
                self._started.add(stage.index)
                self._waiting.append(stage_words(stage))
        if self._started and now_s - self._counted_s >= LINE_EVERY_S and now_s - self._last_s >= SPACING_S:
            self._counted_s = now_s
            self._waiting.append(progress_words(snapshot))
        self._flush()

    def close(self) -> None:
        """Says what is still waiting."""
        while self._waiting:
            time.sleep(max(0.0, min(SPACING_S, self._last_s + SPACING_S - self._clock())))
            self._flush(closing=True)

    def _flush(self, closing: bool = False) -> None:
        now_s = self._clock()
        if not self._waiting or (now_s - self._last_s < SPACING_S and not closing):
            return
        self._last_s = now_s
        line, self._waiting = "; ".join(self._waiting), []
        try:
            print(line, file=self._stream, flush=True)
        except (OSError, ValueError):
            self._waiting = []  # nobody listens any more: the run goes on


def stage_words(stage: StageView) -> str:
    length = "" if stage.duration_s is None else f" for {stage.duration_s:g} s"
    requests = "" if stage.requests is None else f", {stage.requests} requests"
    return f"stage {stage.index} starts: {stage.type} {stage.label}{length}{requests}"


def progress_words(snapshot: Snapshot) -> str:
    counts = snapshot.counts
    planned = "" if snapshot.planned is None else f"/{snapshot.planned}"
    words = [f"sent {snapshot.sent}{planned}", f"ok {counts['ok']}", f"failed {counts['failed']}"]
    words += [f"{name} {counts[name]}" for name in ("timed_out", "missed", "aborted") if counts[name]]
    words.append(f"in flight {snapshot.in_flight}")
    if snapshot.achieved is not None:
        offered = "" if snapshot.offered is None else f" of {snapshot.offered:.4g}"
        words.append(f"{snapshot.achieved:.1f}{offered} requests/s")
    if snapshot.ttft_ms is not None:
        words.append(f"TTFT p50 ~{snapshot.ttft_ms[0]:.0f} ms")
    return f"{snapshot.elapsed_s:.0f} s: {', '.join(words)}"
