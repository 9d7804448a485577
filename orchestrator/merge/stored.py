"""The small objects of a run, read from its folder: plan, control, go, receipts, what the orchestrator saw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from function.contract import keys
from function.contract.codec import decode
from function.contract.control import Control, Go
from function.contract.errors import NotFound, UsageError
from function.contract.observed import Observed
from function.contract.plan import Plan
from function.contract.receipt import Receipt
from function.store.port import Blob, ObjectStore

AT_ONCE = 16  # reads under way: a bucket answers in tens of ms, and a run may have thousands of shards

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Standing:
    """A planned shard: the attempt its go names (None: none does) and that attempt's receipt, if there is one."""

    shard: str
    attempt: int | None
    receipt: Receipt | None

    @property
    def pending(self) -> bool:
        return self.attempt is not None and self.receipt is None


@dataclass(frozen=True, slots=True)
class StoredRun:
    """`control_ns`: the store's stamp of control, unix ns. `gos` by group."""

    plan: Plan
    control: Control | None
    control_ns: int
    gos: Mapping[str, Go]
    standings: tuple[Standing, ...]
    observed: Observed | None

    @property
    def pending(self) -> tuple[Standing, ...]:
        return tuple(standing for standing in self.standings if standing.pending)

    @property
    def all_in(self) -> bool:
        """Every planned shard has its receipt: nothing can change any more."""
        return all(standing.receipt is not None for standing in self.standings)

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
    """Raises UsageError `run_not_found` when there is no plan, ContractError for what cannot be read."""
    try:
        plan = decode(Plan, store.get(keys.PLAN).body, keys.PLAN)
    except NotFound:
        message = f"{store.uri} holds no run: there is no {keys.PLAN}"
        raise UsageError(message, path="RUN", code="run_not_found") from None
    groups = dict.fromkeys(_group(shard.shard) for shard in plan.shards)
    found = _each(store, Go, [keys.go(group) for group in groups])
    gos = {group: go for group, go in zip(groups, found) if go is not None}
    receipts = _each(store, Receipt, [keys.receipt(shard.shard) for shard in plan.shards])
    control = maybe(store, keys.CONTROL)
    observed = maybe(store, keys.ORCHESTRATOR)
    return StoredRun(
        plan=plan,
        control=None if control is None else decode(Control, control.body, keys.CONTROL),
        control_ns=0 if control is None else control.stored.stamp_ns,
        gos=gos,
        standings=tuple(
            _standing(shard.shard, gos.get(_group(shard.shard)), receipt)
            for shard, receipt in zip(plan.shards, receipts)
        ),
        observed=None if observed is None else decode(Observed, observed.body, keys.ORCHESTRATOR),
    )


def maybe(store: ObjectStore, key: str) -> Blob | None:
    try:
        return store.get(key)
    except NotFound:
        return None


def _standing(shard: str, go: Go | None, receipt: Receipt | None) -> Standing:
    attempt = None if go is None else go.attempts.get(shard)
    # Another attempt's receipt is no commit: what it wrote was never granted.
    mine = receipt if receipt is not None and receipt.attempt == attempt else None
    return Standing(shard, attempt, mine)


def _group(shard: str) -> str:
    name = keys.parse_shard(shard)
    return keys.group_id(name.phase, name.slice)


def _each(store: ObjectStore, kind: type[T], names: Iterable[str]) -> Iterator[T | None]:
    """Each object, or None where there is none, in order."""

    def read(key: str) -> T | None:
        blob = maybe(store, key)
        return None if blob is None else decode(kind, blob.body, key)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(read, names)
