"""The small objects of a run, read from its folder: plan, control, go, receipts, what the orchestrator saw.

Without the plan nothing can be said. Any other object that cannot be read is named and done without: a damaged receipt
as if there were none, but nothing is written in its place; a damaged go as what its shards left behind tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, TypeVar

from function.contract import keys
from function.contract.codec import decode
from function.contract.control import Control, Go
from function.contract.errors import ContractError, NotFound, UsageError
from function.contract.observed import Observed
from function.contract.plan import Plan
from function.contract.receipt import Receipt
from function.store.port import Blob, ObjectStore

AT_ONCE = 16  # reads under way: a bucket answers in tens of ms, and a run may have thousands of shards

T = TypeVar("T")


class Unreadable(Enum):
    DAMAGED = "damaged"


DAMAGED: Final = Unreadable.DAMAGED


@dataclass(frozen=True, slots=True)
class Standing:
    """A planned shard: the attempt its go names (None: none does) and that attempt's receipt, if there is one.

    `go_damaged`: its go cannot be read, and `attempt` is the one that left something. `receipt_damaged`: its receipt is
    there and cannot be read.
    """

    shard: str
    attempt: int | None
    receipt: Receipt | None
    go_damaged: bool = False
    receipt_damaged: bool = False

    @property
    def pending(self) -> bool:
        return self.attempt is not None and self.receipt is None

    @property
    def sealable(self) -> bool:
        """Whether a receipt may be written where none is: not on top of a damaged one, nor on a guess."""
        return not self.go_damaged and not self.receipt_damaged


@dataclass(frozen=True, slots=True)
class StoredRun:
    """`control_ns`: the store's stamp of control, unix ns. `gos` by group. `damaged`: keys of what cannot be read, but
    for receipts."""

    plan: Plan
    control: Control | None
    control_ns: int
    gos: Mapping[str, Go]
    standings: tuple[Standing, ...]
    observed: Observed | None
    damaged: tuple[str, ...] = ()

    @property
    def pending(self) -> tuple[Standing, ...]:
        return tuple(standing for standing in self.standings if standing.pending)

    @property
    def all_in(self) -> bool:
        """Every planned shard has its receipt: nothing can change any more."""
        return all(standing.receipt is not None or standing.receipt_damaged for standing in self.standings)

    @property
    def ended(self) -> bool:
        return self.control is not None and self.control.state in ("done", "abort")

    @property
    def t0_unix_ns(self) -> int | None:
        return next((go.run_t0_unix_ns for go in self.gos.values()), None)

    def with_receipts(self, receipts: Mapping[str, Receipt]) -> StoredRun:
        return replace(
            self,
            standings=tuple(
                replace(standing, receipt=receipts.get(standing.shard, standing.receipt)) for standing in self.standings
            ),
        )


def read_run(store: ObjectStore) -> StoredRun:
    """Raises UsageError `run_not_found` when there is no plan, ContractError when it cannot be read."""
    try:
        plan = decode(Plan, store.get(keys.PLAN).body, keys.PLAN)
    except NotFound:
        message = f"{store.uri} holds no run: there is no {keys.PLAN}"
        raise UsageError(message, path="RUN", code="run_not_found") from None
    groups = dict.fromkeys(_group(shard.shard) for shard in plan.shards)
    gos = dict(zip(groups, _each(store, Go, [keys.go(group) for group in groups])))
    receipts = _each(store, Receipt, [keys.receipt(shard.shard) for shard in plan.shards])
    control = maybe(store, keys.CONTROL)
    word = _decoded(Control, control, keys.CONTROL)
    observed = _decoded(Observed, maybe(store, keys.ORCHESTRATOR), keys.ORCHESTRATOR)
    named = {keys.CONTROL: word, keys.ORCHESTRATOR: observed, **{keys.go(group): go for group, go in gos.items()}}
    return StoredRun(
        plan=plan,
        control=word if isinstance(word, Control) else None,
        control_ns=0 if control is None else control.stored.stamp_ns,
        gos={group: go for group, go in gos.items() if isinstance(go, Go)},
        standings=tuple(
            _standing(store, shard.shard, gos[_group(shard.shard)], receipt)
            for shard, receipt in zip(plan.shards, receipts)
        ),
        observed=observed if isinstance(observed, Observed) else None,
        damaged=tuple(key for key, found in named.items() if found is DAMAGED),
    )


def maybe(store: ObjectStore, key: str) -> Blob | None:
    try:
        return store.get(key)
    except NotFound:
        return None


def readable(kind: type[T], blob: Blob | None, key: str) -> T | None:
    """None where there is nothing, or nothing that can be read."""
    found = _decoded(kind, blob, key)
    return None if isinstance(found, Unreadable) else found


def _decoded(kind: type[T], blob: Blob | None, key: str) -> T | Unreadable | None:
    try:
        return None if blob is None else decode(kind, blob.body, key)
    except ContractError:
        return DAMAGED


def _standing(
    store: ObjectStore, shard: str, go: Go | Unreadable | None, receipt: Receipt | Unreadable | None
) -> Standing:
    known = receipt if isinstance(receipt, Receipt) else None
    if isinstance(go, Unreadable):
        attempt = known.attempt if known is not None else _trace(store, shard)
    else:
        attempt = None if go is None else go.attempts.get(shard)
    # Another attempt's receipt is no commit: what it wrote was never granted.
    mine = known if known is not None and known.attempt == attempt else None
    return Standing(shard, attempt, mine, go is DAMAGED, receipt is DAMAGED)


def _trace(store: ObjectStore, shard: str) -> int | None:
    """The last attempt that stored records, which only a granted one does; else the last that began."""
    for folder in (keys.RECORDS, keys.CLAIMS):
        names = [entry.key.removeprefix(folder).split("/")[0] for entry in store.list(f"{folder}{shard}.")]
        attempts = [attempt for name in names if (attempt := keys.parse_shard(name).attempt) is not None]
        if attempts:
            return max(attempts)
    return None


def _group(shard: str) -> str:
    name = keys.parse_shard(shard)
    return keys.group_id(name.phase, name.slice)


def _each(store: ObjectStore, kind: type[T], names: Iterable[str]) -> list[T | Unreadable | None]:
    """Each object, or None where there is none, in order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda key: _decoded(kind, maybe(store, key), key), names))
