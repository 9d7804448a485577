"""How a run is shown while it goes: drawn on a terminal, in plain lines elsewhere. Both go to stderr."""

from __future__ import annotations

import os
import sys
from typing import Protocol

from orchestrator.launch.plain import PlainView
from orchestrator.launch.snapshot import Snapshot


class View(Protocol):
    def say(self, text: str) -> None:
        """One thing worth a line."""
        ...

    def update(self, snapshot: Snapshot) -> None: ...

    def close(self) -> None: ...


def view() -> View:
    """The view for this process's stderr."""
    if sys.stderr.isatty() and os.environ.get("TERM", "") != "dumb":
        from orchestrator.launch.live import LiveView

        return LiveView(sys.stderr)
    return PlainView(sys.stderr)
