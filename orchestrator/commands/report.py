"""`benchctl report RUN --format ...`: a stored run's report again, in the formats asked for."""

from __future__ import annotations

from orchestrator.commands import merge
from orchestrator.outcome import Outcome
from orchestrator.report.write import FORMATS


def run(word: str, root: str | None, formats: str = ",".join(FORMATS)) -> Outcome:
    """`formats`: names, with commas between. Raises UsageError `report_format` for an unknown one."""
    wanted = [name.strip() for name in formats.split(",") if name.strip()]
    return merge.run(word, root, wanted or FORMATS, command="report")
