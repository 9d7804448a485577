"""The report on the console: verdict and findings first, then what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import RenderableType

from orchestrator.merge.summary import Summary


def render(summary: Summary, paths: Sequence[Path] = ()) -> RenderableType:
    """What launch, merge, report and attach print for people (`Outcome.human`)."""
    raise NotImplementedError
