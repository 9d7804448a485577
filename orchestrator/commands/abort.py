"""`benchctl abort RUN`: puts abort, makes sure that it stays, and says who has not stopped yet."""

from __future__ import annotations

from typing import Any

from function.contract.errors import NotFound, UsageError
from orchestrator.launch.abort import hold_abort, put_abort, read_control
from orchestrator.launch.locate import find_run
from orchestrator.launch.silence import open_shards, silence
from orchestrator.outcome import Outcome


def run(word: str, root: str) -> Outcome:
    """Returns when every granted shard has committed, or after two beats in which the abort stayed."""
    stored = find_run(word, root)
    store, beat_s = stored.store, stored.plan.coordination.beat_s
    try:
        before = read_control(store)
    except NotFound as error:
        hint = "there is nothing to stop: no worker was started"
        raise UsageError(f"{stored.run_id} has not begun", path="RUN", hint=hint, code="run_not_started") from error
    if before.state == "done":
        result: dict[str, Any] = {"run_id": stored.run_id, "state": "done", "reason": None}
        result |= {"undone": 0, "open_shards": []}
        return Outcome("abort", result=result, human=f"{stored.run_id} is over: there was nothing to abort")
    wanted = put_abort(store, "user")
    undone = hold_abort(store, wanted, beat_s, silence(store))
    left = sorted(open_shards(store))
    result = {
        "run_id": stored.run_id,
        "state": "abort",
        "reason": wanted.reason,
        "undone": undone,
        "open_shards": left,
    }
    words = f"not yet heard of: {', '.join(left)}" if left else "every shard has stopped"
    return Outcome("abort", result=result, human=f"{stored.run_id} is aborted: {words}")
