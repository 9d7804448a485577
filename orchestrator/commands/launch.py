"""`benchctl launch CONFIG`: the whole journey, and what people and scripts are told of it."""

from __future__ import annotations

from contextlib import closing

from orchestrator.launch.prepare import Asked
from orchestrator.launch.run import launch
from orchestrator.launch.view import view
from orchestrator.outcome import Outcome


def run(asked: Asked) -> Outcome:
    with closing(view()) as shown:
        launched = launch(asked, shown)
    if launched.reported is None:
        left = {"run_id": launched.run_id, "report": None, "verdict": None, "ledger": None}
        where = launched.folder if asked.root is None else f"{launched.run_id} --root {asked.root}"
        words = f"{launched.run_id} goes on by itself: benchctl attach {where}"
        return Outcome("launch", result=left, human=words)
    from orchestrator.commands.verdict import reported_outcome  # numpy and pyarrow: not before the first request

    return reported_outcome("launch", launched.reported, launched.aborted_by_user)
