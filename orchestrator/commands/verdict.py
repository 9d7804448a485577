"""A reported run as an outcome: its verdict is the exit code."""

from __future__ import annotations

from orchestrator.launch.ending import Reported
from orchestrator.outcome import ABORTED, DEGRADED, INVALID, OK, Outcome
from orchestrator.report.console import render

EXIT_CODES = {"VALID": OK, "DEGRADED": DEGRADED, "INVALID": INVALID}


def reported_outcome(command: str, reported: Reported, aborted_by_user: bool) -> Outcome:
    """What launch and attach end with."""
    summary = reported.merged.summary
    return Outcome(
        command,
        ABORTED if aborted_by_user else EXIT_CODES[summary.verdict],
        result={
            "run_id": reported.merged.plan.run_id,
            "report": str(reported.directory),
            "verdict": summary.verdict,
            "ledger": summary.ledger.as_dict(),
        },
        human=render(summary, reported.paths if reported.copy is None else (*reported.paths, reported.copy)),
        problems=reported.problems,
    )
