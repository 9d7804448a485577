"""The run on a terminal: stages, rates, shards, errors, redrawn a few times a second below what was said.

Draws on stderr, so that stdout carries the report alone. NO_COLOR is respected by the library.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orchestrator.launch.snapshot import Snapshot, StageView

_MARKS = {"ahead": "·", "running": "▶", "over": "✓"}
_BAR_WIDTH = 32


class LiveView:
    """Begins to draw with the first update, ends with `close`; its last picture stays.

    A terminal that was closed takes nothing any more, and the run goes on.
    """

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream)
        self._live = Live(console=self._console, auto_refresh=False)  # no thread of its own beside the lease's
        self._drawing = False

    def say(self, text: str) -> None:
        with suppress(OSError):
            self._console.print(Text(text))

    def update(self, snapshot: Snapshot) -> None:
        with suppress(OSError):
            if not self._drawing:
                self._live.start()
                self._drawing = True
            self._live.update(picture(snapshot), refresh=True)

    def close(self) -> None:
        with suppress(OSError):
            if self._drawing:
                self._live.stop()
        self._drawing = False


def picture(snapshot: Snapshot) -> Group:
    """What is drawn: a table of stages, then three lines."""
    return Group(_stages(snapshot.stages), _rates(snapshot), _shards(snapshot), *_errors(snapshot))


def _stages(stages: Iterable[StageView]) -> Table:
    table = Table.grid(padding=(0, 1))
    for stage in stages:
        planned = "?" if stage.requests is None else str(stage.requests)
        bar = ProgressBar(total=stage.requests, completed=stage.sent, width=_BAR_WIDTH) if stage.requests else Text("")
        table.add_row(
            _MARKS[stage.state], f"stage {stage.index}", f"{stage.type} {stage.label}", bar, f"{stage.sent}/{planned}"
        )
    return table


def _rates(snapshot: Snapshot) -> Text:
    counts = snapshot.counts
    words = [f"{snapshot.elapsed_s:.0f} s"]
    if snapshot.remaining_s is not None:
        words.append(f"{snapshot.remaining_s:.0f} s to go")
    if snapshot.achieved is not None:
        offered = "" if snapshot.offered is None else f" of {snapshot.offered:.4g} offered"
        words.append(f"{snapshot.achieved:.1f} requests/s{offered}")
    words.append(f"{snapshot.in_flight} in flight")
    words.append(f"ok {counts['ok']}")
    if snapshot.ttft_ms is not None:
        words.append(f"TTFT ~{snapshot.ttft_ms[0]:.0f} ms (p50), ~{snapshot.ttft_ms[1]:.0f} ms (p90)")
    return Text(" · ".join(words))


def _shards(snapshot: Snapshot) -> Text:
    return Text("shards: " + ", ".join(f"{count} {word}" for word, count in snapshot.shards.items()), style="dim")


def _errors(snapshot: Snapshot) -> list[Text]:
    bad = {name: count for name, count in snapshot.counts.items() if name != "ok" and count}
    if not bad and not snapshot.errors:
        return []
    words = [f"{name} {count}" for name, count in bad.items()]
    kinds = ", ".join(f"{kind} {count}" for kind, count in list(snapshot.errors.items())[:4])
    return [Text(" · ".join(words) + (f" ({kinds})" if kinds else ""), style="red")]
