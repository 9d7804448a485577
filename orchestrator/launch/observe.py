"""Watches a run that somebody else orchestrates, until it is over or its orchestrator has fallen silent.

Reads only. What standing still means is for `attach` to decide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from function.contract.plan import Plan
from function.store.port import ObjectStore
from orchestrator.launch.clock import StoreClock, boot_ns
from orchestrator.launch.fleet import Fleet
from orchestrator.launch.snapshot import Board
from orchestrator.launch.timetable import ns
from orchestrator.launch.view import View
from orchestrator.launch.watch import News, Watch

LOOK_S = 0.5
WATCHED_NS = 1_000_000_000
Seen = Literal["done", "abort", "still"]


class Observer:
    """Stillness counts from the store's stamp of the last beat, against the store's clock; and it is seen with our own
    eyes for a second at least."""

    def __init__(self, store: ObjectStore, plan: Plan, view: View, clock: StoreClock) -> None:
        self._watch = Watch(store)
        self._fleet = Fleet(plan, "")
        self._board = Board(plan, self._fleet.groups)
        self._view = view
        self._clock = clock
        self._detached = plan.coordination.detached
        self._patience_ns = 2 * ns(plan.coordination.beat_s) + clock.error_ns
        self._beat: tuple[int, int] | None = None
        self._moved_ns = boot_ns()

    def until_known(self, wait: Callable[[float], None]) -> Seen:
        """Returns once control says done or abort, or its beat has stood still for two beats (a detached run's never
        moves). Raises StoreError when the store does not answer."""
        while True:
            news = self._watch.look(go=True)
            self._show(news)
            if news.control.state in ("done", "abort"):
                return "done" if news.control.state == "done" else "abort"
            beat = (news.control.epoch, news.control.beat)
            if beat != self._beat:
                self._beat, self._moved_ns = beat, boot_ns()
            watched_ns = boot_ns() - self._moved_ns
            age_ns = max(watched_ns, self._clock.now_ns() - news.stamp_ns)
            if self._detached or (age_ns >= self._patience_ns and watched_ns >= WATCHED_NS):
                return "still"
            wait(LOOK_S)

    def _show(self, news: News) -> None:
        now_ns = self._clock.now_ns()
        for go in news.go:
            self._fleet.go_settled(go, now_ns)
        for ready in news.ready:
            self._fleet.ready(ready, now_ns)
        for progress in news.progress:
            self._board.progress(progress)
        for receipt in news.receipts:
            self._board.receipt(receipt)
        self._view.update(self._board.snapshot(now_ns))
