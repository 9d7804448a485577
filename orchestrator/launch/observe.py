"""Watches a run that somebody else orchestrates, until it is over or its orchestrator has fallen silent.

Reads only. What standing still means is for `attach` to decide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from function.contract.plan import Plan
from function.store.port import ObjectStore
from orchestrator.launch.clock import boot_ns
from orchestrator.launch.fleet import Fleet
from orchestrator.launch.snapshot import Board
from orchestrator.launch.timetable import ns
from orchestrator.launch.view import View
from orchestrator.launch.watch import News, Watch

LOOK_S = 0.5
Seen = Literal["done", "abort", "still"]


class Observer:
    """`now_ns` gives unix ns on the store's clock; stillness is judged by the boot clock alone."""

    def __init__(self, store: ObjectStore, plan: Plan, view: View, now_ns: Callable[[], int]) -> None:
        self._watch = Watch(store)
        self._fleet = Fleet(plan, "")
        self._board = Board(plan, self._fleet.groups)
        self._view = view
        self._now_ns = now_ns
        self._patience_ns = 0 if plan.coordination.detached else 2 * ns(plan.coordination.beat_s)
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
            if boot_ns() - self._moved_ns >= self._patience_ns:
                return "still"
            wait(LOOK_S)

    def _show(self, news: News) -> None:
        now_ns = self._now_ns()
        for go in news.go:
            self._fleet.go_settled(go, now_ns)
        for ready in news.ready:
            self._fleet.ready(ready, now_ns)
        for progress in news.progress:
            self._board.progress(progress)
        for receipt in news.receipts:
            self._board.receipt(receipt)
        self._view.update(self._board.snapshot(now_ns))
