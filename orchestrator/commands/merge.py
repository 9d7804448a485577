"""`benchctl merge RUN`: from the stored parts to the report again. Ends what nobody carries on any longer."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.commands.verdict import reported_outcome
from orchestrator.launch.ending import report
from orchestrator.launch.locate import find_run
from orchestrator.merge.run import merge_run
from orchestrator.outcome import Outcome
from orchestrator.report.write import FORMATS


def run(word: str, root: str | None, formats: Sequence[str] = FORMATS, command: str = "merge") -> Outcome:
    """Exit code by verdict. Raises UsageError `run_active` while somebody carries the run on."""
    stored = find_run(word, root)
    merged = merge_run(stored.store, alone=True)
    return reported_outcome(command, report(merged, stored.store, stored.run_id, formats), aborted_by_user=False)
