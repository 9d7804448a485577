"""`benchctl abort RUN`: puts abort, makes sure that it stays, and says who has not stopped yet."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from function.contract.errors import NotFound, UsageError
from orchestrator.launch.abort import hold_abort, put_abort, read_control
from orchestrator.launch.locate import StoredRun, find_run
from orchestrator.launch.silence import open_shards, silence
from orchestrator.outcome import Outcome


def run(word: str, root: str | None, stop_function: bool = False) -> Outcome:
    """Returns when every granted shard has committed, or after two beats in which the abort stayed.

    `stop_function`: besides, no invocation of the run's functions is started any more, whoever asks; ProviderError
    where that is refused, after the abort was put.
    """
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
    if stop_function:
        _check_stoppable(stored)
    wanted = put_abort(store, "user")
    stopped = _stop_functions(stored) if stop_function else []
    undone = hold_abort(store, wanted, beat_s, silence(store))
    left = sorted(open_shards(store))
    result = {
        "run_id": stored.run_id,
        "state": "abort",
        "reason": wanted.reason,
        "undone": undone,
        "open_shards": left,
    }
    if stop_function:
        result["stopped_functions"] = stopped
    words = f"not yet heard of: {', '.join(left)}" if left else "every shard has stopped"
    again = f"\nstopped: {', '.join(stopped)}; benchctl infra up lets them run again" if stopped else ""
    return Outcome("abort", result=result, human=f"{stored.run_id} is aborted: {words}{again}")


def _check_stoppable(stored: StoredRun) -> None:
    if stored.plan.provider != "aws":
        message = f"{stored.run_id} runs on {stored.plan.provider}, which has no function to stop"
        raise UsageError(message, path="--stop-function", hint="leave it out: nothing was put", code="no_function")


def _stop_functions(stored: StoredRun) -> list[str]:
    """Their names. Discards events that still wait, of every run of this deployment."""
    from orchestrator.providers.amazon import Amazon
    from orchestrator.providers.aws import stop_function

    with closing(Amazon()) as amazon:
        return [stop_function(amazon, region) for region in stored.plan.regions]
