"""Finds a stored run: by the name of its folder below a root, or by the path or URI of that folder.

Ids that `launch` gives are narrow (`check_run_id`). What lies under a root may have been copied and renamed by hand, so
reading takes every name that the store does.
"""

from __future__ import annotations

import atexit
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from function.contract import keys
from function.contract.codec import decode
from function.contract.errors import NotFound, StoreError, UsageError
from function.contract.plan import Plan
from function.store.key import check_key
from function.store.opening import open_store
from function.store.port import ObjectStore
from orchestrator.providers.deployment import read_deployment, state_folder

_WORDS = {
    "--root": ("the folder that holds runs/", "root_unreadable"),
    "RUN": ("a run's folder", "run_unreadable"),
}
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


def kept(store: ObjectStore) -> ObjectStore:
    """The same store, whose connections are closed when this process ends: a command uses what it opened to its end."""
    if local_folder(store) is None:
        atexit.register(store.close)
    return store


def open_root(uri: str) -> ObjectStore:
    """The store that holds `runs/`. Raises UsageError at `--root` for a word that no store is opened by."""
    return _open(uri, "--root")


def find_run(word: str, root: str | None) -> StoredRun:
    """`root` None: the working folder, and what is not found there is looked for in the provisioned buckets.

    Raises UsageError: `run_not_found` when no reading of `word` leads to a plan.json, `root_unreadable`,
    `run_unreadable`.
    """
    roots = ["." if root is None else root]
    found = _below(roots[0], word)
    if found is None and word:
        with _readable("RUN"):
            found = _opened(_open(word, "RUN"))
    if found is None and root is None:
        for place in _provisioned_roots():
            roots.append(place)
            found = found or _below(place, word)
    if found is None:
        raise UsageError(
            f"no run {word!r} under {' or '.join(roots)}, nor a run's folder of that name",
            path="RUN",
            hint=f"benchctl runs --root {roots[-1]} lists them",
            code="run_not_found",
        )
    return found


def _provisioned_roots() -> Iterator[str]:
    """Of the clouds that are provisioned from here. A file that cannot be read is as if there were none."""
    for provider in ("aws", "gcp"):
        with suppress(UsageError):
            yield read_deployment(provider, state_folder(None)).root_uri


def _below(root: str, word: str) -> StoredRun | None:
    held = open_root(root)
    with _readable("--root"):
        return run_below(held, word)


def run_below(root: ObjectStore, name: str) -> StoredRun | None:
    """The run in the folder `runs/<name>`; None where none is. Raises StoreError when the store does not answer."""
    if "/" in name:
        return None
    try:
        folder = check_key(f"{keys.RUNS}{name}")
    except ValueError:  # no store gives such a name
        return None
    return _opened(kept(root.at(folder)))


def local_folder(store: ObjectStore) -> Path | None:
    """Where the store lies on this machine; None for a bucket."""
    return None if "://" in store.uri else Path(store.uri)


def log_folder(store: ObjectStore, run_id: str) -> Path:
    """Where this machine keeps what the run's processes say."""
    return (local_folder(store) or Path(keys.RUNS) / run_id) / "logs"


def run_names(root: ObjectStore) -> Iterator[str]:
    """Names of the folders that hold a plan, or that keep it from us, in order. Raises UsageError `root_unreadable`."""
    with _readable("--root"):
        entries = list(root.list(keys.RUNS, shallow=True))
    for entry in entries:
        name = entry.key.removeprefix(keys.RUNS)
        if name.endswith("/") and _may_have_plan(root.at(entry.key)):
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


def _may_have_plan(store: ObjectStore) -> bool:
    try:
        return next(iter(store.list(keys.PLAN)), None) is not None
    except StoreError:
        return True  # whoever reads it is told why it cannot be


def _open(uri: str, path: str) -> ObjectStore:
    try:
        return kept(open_store(uri))
    except UsageError as error:
        raise UsageError(error.message, path=path, hint=error.hint, code=error.code) from error


@contextmanager
def _readable(path: str) -> Iterator[None]:
    """Nothing was read yet: a store that refuses is a wrong word on the command line."""
    try:
        yield
    except StoreError as error:
        what, code = _WORDS[path]
        raise UsageError(error.message, path=path, hint=f"name {what}, or make it readable", code=code) from error
