"""`benchctl runs`: what lies under a root, newest last. Reads each run's plan, control and summary, nothing else."""

from __future__ import annotations

import json
import time
from typing import Any

from function.contract import keys
from function.contract.codec import decode
from function.contract.control import Control
from function.contract.errors import ContractError, NotFound, StoreError
from function.store.port import ObjectStore
from orchestrator.launch.locate import StoredRun, open_root, run_below, run_names
from orchestrator.outcome import Outcome, Problem

SUMMARY = "report/summary.json"


def run(root: str) -> Outcome:
    """A run that cannot be read is a warning, and the others are listed."""
    rows: list[dict[str, Any]] = []
    problems: list[Problem] = []
    store = open_root(root)
    for name in run_names(store):
        try:
            found = run_below(store, name)
            rows += [] if found is None else [_row(name, found)]
        except (ContractError, StoreError) as error:
            problems.append(Problem(error.code, error.message, name, error.hint, "warning"))
    rows.sort(key=lambda row: (row["created_unix_s"], row["run_id"]))
    return Outcome("runs", result={"root": root, "runs": rows}, human=_table(rows, root), problems=tuple(problems))


def state_of(store: ObjectStore) -> str:
    """wait, go, abort or done; `planned` where control is not there yet."""
    try:
        return decode(Control, store.get(keys.CONTROL).body, keys.CONTROL).state
    except NotFound:
        return "planned"


def verdict_of(store: ObjectStore) -> str | None:
    """What the report said; None where none was written."""
    try:
        verdict = json.loads(store.get(SUMMARY).body).get("verdict")
    except (NotFound, ValueError, AttributeError):
        return None
    return verdict if isinstance(verdict, str) else None


def _row(name: str, stored: StoredRun) -> dict[str, Any]:
    """`run_id` is the folder's name, by which it is found; a copy's plan may give it another."""
    plan = stored.plan
    return {
        "run_id": name,
        "created_unix_s": plan.created_unix_ns / 1e9,
        "provider": plan.provider,
        "target": plan.target.get("root"),
        "requests": plan.requests,
        "state": state_of(stored.store),
        "verdict": verdict_of(stored.store),
    }


def _table(rows: list[dict[str, Any]], root: str) -> Any:
    if not rows:
        return f"no runs under {root}"
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    from orchestrator.report.fitting import Fitting

    heads = ("run", "started", "requests", "target", "state", "verdict")
    table = Table(*heads, box=None, pad_edge=False)
    lines = Text()
    for row in rows:
        started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row["created_unix_s"]))
        requests = "?" if row["requests"] is None else str(row["requests"])
        words = [row["run_id"], started, requests, str(row["target"]), row["state"], row["verdict"] or "-"]
        table.add_row(*map(escape, words))
        lines.append(f"{words[0]}: " + ", ".join(f"{head} {word}" for head, word in zip(heads[1:], words[1:])) + "\n")
    lines.rstrip()
    return Fitting(table, lines)
