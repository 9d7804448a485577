"""Finds a stored run: by its id below a root, or by the path or URI of its folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from function.contract import keys
from function.contract.codec import decode
from function.contract.errors import NotFound, UsageError
from function.contract.plan import Plan
from function.store.opening import open_store
from function.store.port import ObjectStore

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}")


@dataclass(frozen=True, slots=True)
class StoredRun:
    """`store` is the run's folder; `plan_body` its plan.json as stored."""

    run_id: str
    store: ObjectStore
    plan_body: bytes

    @property
    def plan(self) -> Plan:
        return decode(Plan, self.plan_body, keys.PLAN)


def find_run(word: str, root: str) -> StoredRun:
    """Raises UsageError (`run_not_found`) when neither reading of `word` leads to a plan.json."""
    if RUN_ID.fullmatch(word):
        found = _opened(open_store(root).at(f"{keys.RUNS}{word}"))
        if found is not None:
            return found
    found = _opened(open_store(word)) if word else None
    if found is None:
        raise UsageError(
            f"no run {word!r} under {root}, nor a run's folder of that name",
            path="RUN",
            hint=f"benchctl runs --root {root} lists them",
            code="run_not_found",
        )
    return found


def local_folder(store: ObjectStore) -> Path | None:
    """Where the store lies on this machine; None for a bucket."""
    return None if "://" in store.uri else Path(store.uri)


def log_folder(store: ObjectStore, run_id: str) -> Path:
    """Where this machine keeps what the run's processes say."""
    return (local_folder(store) or Path(keys.RUNS) / run_id) / "logs"


def run_ids(root: ObjectStore) -> Iterator[str]:
    """Ids of the folders that hold a plan, in order."""
    for entry in root.list(keys.RUNS, shallow=True):
        name = entry.key.removeprefix(keys.RUNS)
        if name.endswith("/") and _has_plan(root.at(entry.key)):
            yield name.removesuffix("/")


def check_run_id(run_id: str) -> str:
    if not RUN_ID.fullmatch(run_id):
        raise UsageError(
            f"{run_id!r} cannot be a run id",
            path="--run-id",
            hint="up to 48 letters, digits, dots, hyphens and underscores, the first a letter or digit",
            code="run_id",
        )
    return run_id


def _opened(store: ObjectStore) -> StoredRun | None:
    try:
        body = store.get(keys.PLAN).body
    except NotFound:
        return None
    return StoredRun(decode(Plan, body, keys.PLAN).run_id, store, body)


def _has_plan(store: ObjectStore) -> bool:
    return next(iter(store.list(keys.PLAN)), None) is not None
