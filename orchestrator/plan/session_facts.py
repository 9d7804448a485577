"""What plan.json says of a workload of sessions: how many there are, and where they are too few for their users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.plan.phases import Phase

Played = Sequence[tuple[Phase, int]]  # sessions of each slice of a phase


def session_facts(notes: Sequence[str], played: Played) -> dict[str, Any]:
    """Members of Plan.data, to be put over those of every data set; none where requests stand alone."""
    if not played:
        return {}
    return {"sessions": sum(count for _, count in played), "notes": [*notes, *_few(played)]}


def _few(played: Played) -> Iterator[str]:
    """A session has one turn in the air at a time, so fewer sessions than users leave users idle."""
    for phase, count in played:
        if phase.users is not None and count < phase.users:
            yield (
                f"stage {phase.stages[0]}: {count} sessions for {phase.users} users, so no more than {count} requests "
                "are ever in the air; more requests or shorter conversations make more sessions"
            )
