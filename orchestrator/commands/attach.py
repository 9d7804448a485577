"""`benchctl attach RUN`: watch, and finish what its launch cannot finish any more."""

from __future__ import annotations

from contextlib import closing

from orchestrator.commands.verdict import reported_outcome
from orchestrator.launch.attach import attach
from orchestrator.launch.interrupts import Interrupted
from orchestrator.launch.locate import find_run
from orchestrator.launch.view import view
from orchestrator.outcome import ABORTED, Outcome, Problem


def run(word: str, root: str | None) -> Outcome:
    stored = find_run(word, root)
    try:
        with closing(view()) as shown:
            attached = attach(stored, shown)
    except Interrupted:
        left = Problem("interrupted", f"left {stored.run_id} as it is", hint=f"benchctl abort {stored.run_id} stops it")
        return Outcome("attach", ABORTED, error=left)
    return reported_outcome("attach", attached.reported, attached.aborted_by_user)
