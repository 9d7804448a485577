"""Which runs lie in a bucket, and which of them somebody still carries on: asked before the bucket goes."""

from __future__ import annotations

import time
from dataclasses import dataclass

from function.contract import keys
from function.contract.codec import decode
from function.contract.control import Control
from function.contract.errors import BenchctlError, ContractError, NotFound
from function.store.port import ObjectStore
from orchestrator.launch.locate import open_root, run_names


@dataclass(frozen=True, slots=True)
class Runs:
    """`count` None: they could not be looked at, and `why`."""

    count: int | None
    active: tuple[str, ...] = ()
    why: str = ""

    @property
    def words(self) -> str:
        if self.count is None:
            return "all runs"
        return f"{self.count} run{'' if self.count == 1 else 's'}"


def look_for_runs(root: str) -> Runs:
    """Never raises for what the store says: a bucket that cannot be read may have to go all the same."""
    try:
        store = open_root(root)
        try:
            names = tuple(run_names(store))
            return Runs(len(names), tuple(name for name in names if _is_active(store.at(f"{keys.RUNS}{name}"))))
        finally:
            store.close()
    except BenchctlError as error:
        return Runs(None, why=error.message)


def _is_active(run: ObjectStore) -> bool:
    """It is not over, and its orchestrator gave a sign of life within the lease."""
    try:
        blob = run.get(keys.CONTROL)
        control = decode(Control, blob.body, keys.CONTROL)
    except (NotFound, ContractError):
        return False
    silent_s = time.time() - blob.stored.stamp_ns / 1e9
    return control.state in ("wait", "go") and silent_s <= control.lease_s
